//! How far long work is, shown on a terminal and nowhere else.

#![cfg(unix)]

use std::{
    ffi::OsStr,
    fs::File,
    io::Read as _,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    process::Stdio,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::three_users;

/// A terminal: the end where it is read, and the end for programs.
fn terminal() -> (OwnedFd, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(OsStr::from_bytes(path.as_bytes())).unwrap();
    (ours, theirs)
}

/// All that is shown on it until the last program has ended.
async fn shown(ours: OwnedFd) -> String {
    let read = tokio::task::spawn_blocking(move || {
        let mut shown = Vec::new();
        // Linux ends a terminal by an error.
        let _ = File::from(ours).read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    read.await.unwrap()
}

#[tokio::test]
async fn shows_how_far_it_is() {
    let (store, _) = three_users().await;
    let (ours, theirs) = terminal();
    let mut command = store.command(&["export"], &[("TERM", "xterm")]);
    let child = command.stdout(Stdio::piped()).stderr(theirs).spawn().unwrap();
    // Else the terminal would have a user for ever.
    drop(command);
    let (output, shown) = tokio::join!(child.wait_with_output(), shown(ours));
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("Listing records:") && shown.contains("Reading ["), "{shown:?}");
    // The line is cleared before the summary, and did not get among the objects.
    assert!(shown.ends_with("\u{1b}[2K3 records: 1 identity, 1 leaving, 1 forgotten\r\n"), "{shown:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.lines().count() == 3 && !stdout.contains("Reading"), "{stdout}");
}

#[tokio::test]
async fn lines_on_the_same_terminal_show_it_themselves() {
    let (store, _) = three_users().await;
    let (ours, theirs) = terminal();
    let mut command = store.command(&["list"], &[("TERM", "xterm")]);
    let mut child = command.stdout(theirs.try_clone().unwrap()).stderr(theirs).spawn().unwrap();
    drop(command);
    let (status, shown) = tokio::join!(child.wait(), shown(ours));
    assert_eq!(status.unwrap().code(), Some(0), "{shown}");
    assert!(!shown.contains("Reading"), "{shown:?}");
    let (_, lines) = shown.rsplit_once("\u{1b}[2K").unwrap();
    let lines: Vec<&str> = lines.split("\r\n").collect();
    assert!(lines[..3].iter().all(|line| line.len() > 64 && line.is_ascii()), "{lines:?}");
    assert_eq!(lines[3..], ["3 records: 1 identity, 1 leaving, 1 forgotten", ""]);
}
