//! The default command, and ports in use.

use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{Running, cli, program, quiet_port, run};

const FREE: [&str; 6] = ["--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];

/// Starts a command and waits until it serves. Returns the program and the address of the functions.
async fn started(command: Command) -> (Running, String) {
    let mut running = Running::start(command);
    let lines = running.until(|line| line.ends_with("Ctrl+C stops it.")).await;
    let address = lines.iter().find_map(|line| line.strip_prefix("Functions ")).unwrap();
    (running, address.trim().trim_end_matches("/api").to_owned())
}

#[tokio::test]
async fn dev_takes_its_options_without_being_named() {
    let data = TempDir::new().unwrap();
    let port = quiet_port().await.to_string();
    let arguments = [&["--port", &port], &FREE[2..], &["--data", data.path().to_str().unwrap()]].concat();
    let (_running, base) = started(cli(&arguments, &[])).await;
    assert_eq!(base, format!("http://127.0.0.1:{port}"));
    // One command, one token.
    let (code, stdout, _) = run(cli(&["token", "issue", "--url", &base], &[])).await;
    assert!(code == 0 && stdout.starts_with("eyJ"), "{stdout}");

    let (code, stdout, stderr) = run(cli(&["--prot", "1"], &[])).await;
    assert_eq!((code, &*stdout), (2, ""));
    assert!(stderr.contains("unexpected argument '--prot'") && stderr.contains("acs-tokens dev"), "{stderr}");
    let (code, stdout, _) = run(cli(&["--version"], &[])).await;
    assert_eq!((code, stdout), (0, format!("acs-tokens {}\n", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_port_in_use_is_answered_with_a_command_that_works() {
    let data = TempDir::new().unwrap();
    let folder = data.path().join("with a space");
    let arguments = [&FREE[..], &["--data", folder.to_str().unwrap()]].concat();
    let (_running, base) = started(cli(&arguments, &[])).await;
    let port = base.rsplit(':').next().unwrap();
    let again = [&["dev", "--port", port], &FREE[2..], &["--data", folder.to_str().unwrap()]].concat();
    let (code, stdout, stderr) = run(cli(&again, &[])).await;
    let (error, command) = stderr.split_once('\n').unwrap();
    assert_eq!((code, &*stdout), (1, ""));
    assert_eq!(error, format!("error: port {port} is in use; this command works:"));
    assert!(command.contains("with a space-2'"), "the data folder is in use, too: {command}");

    let mut shell = program("/bin/sh", &[]);
    shell.args(["-c", &format!("exec {}", command.trim())]);
    let (_second, other) = started(shell).await;
    assert_ne!(base, other);
    assert!(data.path().join("with a space-2").join("emulator.json").exists());
}
