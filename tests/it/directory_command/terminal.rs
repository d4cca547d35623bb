//! How far long work is, shown on a terminal and nowhere else.

#[cfg(unix)]
#[tokio::test]
async fn shows_how_far_it_is_on_a_terminal_alone() {
    use std::{fs::File, io::Read as _, os::fd::OwnedFd, os::unix::ffi::OsStrExt as _, process::Stdio};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let (office, _) = super::three_users().await;
    let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap();
    let theirs = File::options().read(true).write(true).open(std::ffi::OsStr::from_bytes(path.as_bytes())).unwrap();

    let mut command = office.command(&["export"], &[("TERM", "xterm")]);
    let output = command.stdout(Stdio::piped()).stderr(theirs).spawn().unwrap();
    // Else the terminal would not end with its last user.
    drop(command);
    let shown = tokio::task::spawn_blocking(move || {
        let mut shown = Vec::new();
        // Linux ends a terminal by an error.
        let _ = File::from(ours).read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    let (output, shown) = (output.wait_with_output().await.unwrap(), shown.await.unwrap());
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("Listing records:") && shown.contains("Reading ["), "{shown:?}");
    // The line is cleared before the summary, and did not get among the objects.
    assert!(shown.ends_with("\u{1b}[2K3 records: 1 identity, 1 leaving, 1 forgotten\r\n"), "{shown:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.lines().count() == 3 && !stdout.contains("Reading"), "{stdout}");
}
