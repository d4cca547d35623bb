//! The commands on a terminal. `script` of util-linux provides the terminal.

use std::process::Stdio;

use tokio::{io::AsyncWriteExt as _, net::TcpListener, process::Command};

use super::Target;
use crate::process::{in_time, program};

const CLI: &str = env!("CARGO_BIN_EXE_acs-tokens");

/// Runs a line of a shell in a terminal, types a text, and returns the exit code and what the terminal shows.
async fn in_terminal(line: &str, environment: &[(&str, &str)], typed: &str) -> (i32, String) {
    let mut command = program("/usr/bin/script", environment);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.args(["--quiet", "--return", "--command", line, "/dev/null"]);
    shown(command, typed).await
}

async fn shown(mut command: Command, typed: &str) -> (i32, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).await.unwrap();
    let output = in_time("the terminal", child.wait_with_output()).await.unwrap();
    drop(stdin);
    let text = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    (output.status.code().unwrap(), text)
}

/// Returns a command line for a target.
fn line(target: &Target, arguments: &str) -> String {
    format!("{CLI} {arguments} {}", target.arguments.join(" "))
}

fn environment(target: &Target) -> Vec<(&'static str, &str)> {
    target.environment.iter().map(|(name, value)| (*name, &**value)).collect()
}

#[tokio::test]
async fn remarks_come_before_the_token_with_colours_only_if_wanted() {
    let target = Target::app().await;
    for (variables, bold) in [
        (&[("TERM", "xterm")][..], "\u{1b}[1m"),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], ""),
        (&[("TERM", "dumb")], ""),
    ] {
        let environment = [&environment(&target), variables].concat();
        let (code, shown) = in_terminal(&line(&target, "token issue --valid-for 1h"), &environment, "").await;
        let lines: Vec<&str> = shown.lines().collect();
        let [allows, id, until, from, "", token] = lines[..] else { panic!("{lines:#?}") };
        assert_eq!(code, 0);
        for (line, name) in [(allows, "Allows"), (id, "For"), (until, "Until"), (from, "From")] {
            assert!(line.starts_with(&format!("{bold}{name}")), "{line:?}");
            assert_eq!(line.contains('\u{1b}'), !bold.is_empty(), "{line:?}");
        }
        assert_eq!(target.api.token_status(token).await, "valid");
    }

    // A pipe or a file gets the token alone, and the terminal the remarks.
    let file = tempfile::NamedTempFile::new().unwrap();
    let line = format!("{} > {}", line(&target, "token issue"), file.path().display());
    let (code, shown) = in_terminal(&line, &environment(&target), "").await;
    assert_eq!((code, shown.lines().count()), (0, 4), "{shown}");
    let token = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(target.api.token_status(token.trim_end()).await, "valid");
    assert_eq!(token.lines().count(), 1);
}

#[tokio::test]
async fn errors_are_red_only_on_a_terminal_that_has_colours() {
    for (term, error) in [("xterm", "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m "), ("dumb", "error: ")] {
        let (code, shown) = in_terminal(&format!("{CLI} token decode x"), &[("TERM", term)], "").await;
        assert_eq!(code, 1);
        assert!(shown.starts_with(&format!("{error}not a token")), "{shown:?}");
    }
}

#[tokio::test]
async fn deletions_and_revocations_ask_first() {
    let target = Target::acs().await;
    let environment = environment(&target);
    let id = target.ok(&["identity", "create"]).await;
    let token = target.ok(&["token", "issue", &id, "--token-only"]).await;
    for (command, typed, expected, status) in [
        ("token revoke", "n\n", 1, "valid"),
        ("token revoke", "\n", 1, "valid"),
        ("token revoke", "y\n", 0, "revoked"),
        ("identity delete", "no\n", 1, "revoked"),
        ("identity delete", "yes\n", 0, "deleted"),
    ] {
        let (code, shown) = in_terminal(&line(&target, &format!("{command} {id}")), &environment, typed).await;
        assert_eq!(code, expected, "{command} {typed:?}: {shown}");
        assert!(shown.contains(&id) && shown.contains("Go on? [y/N] "), "{shown}");
        assert_eq!(shown.contains("cancelled; nothing was changed"), expected == 1, "{shown}");
        assert_eq!(target.api.token_status(&token).await, status);
    }
}

#[tokio::test]
async fn log_lines_are_text_on_a_terminal() {
    let target = Target::acs().await;
    let environment = [&environment(&target)[..], &[("ALLOW_ANONYMOUS", "true")]].concat();
    // The warning is logged before the program listens.
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serve = format!("{CLI} serve --port {}", taken.local_addr().unwrap().port());
    let (code, shown) = in_terminal(&serve, &environment, "").await;
    let warning = shown.lines().next().unwrap();
    assert!(code == 1 && !warning.starts_with('{') && warning.contains(" WARN  ALLOW_ANONYMOUS is true"), "{shown}");
    let (_, shown) = in_terminal(&serve, &[&environment[..], &[("LOG_FORMAT", "json")]].concat(), "").await;
    assert!(shown.starts_with("{\"timestamp\":"), "{shown}");
}
