//! The ports of a command. If one is in use, the error has the command that works.

use std::{
    ffi::OsString,
    io,
    net::{SocketAddr, TcpListener as StdListener},
};

use tokio::net::TcpListener;

use super::Result;

/// The distance between a port in use and the one that is tried in its place: a second `dev` gets 7081, 7082 and 7083.
const STEP: usize = 10;

/// A port, and the option that sets it.
pub(super) type Port<'a> = (&'a str, u16);

/// Checks that all ports of a command are free, so that one error tells how to replace all that are not. `more` has further
/// options of the command that works.
///
/// # Errors
/// The ports in use, and the arguments of this process with free ports in their place.
pub(super) fn check(
    host: &str,
    ports: &[Port<'_>],
    more: impl FnOnce() -> Vec<(&'static str, OsString)>,
) -> Result<()> {
    let used: Vec<Port<'_>> = ports.iter().copied().filter(|(_, port)| !is_free(host, *port)).collect();
    if used.is_empty() {
        return Ok(());
    }
    let mut taken: Vec<u16> = ports.iter().map(|(_, port)| *port).collect();
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    for (option, port) in &used {
        let free = free_port(host, *port, &taken);
        taken.push(free);
        arguments = with_option(arguments, option, free.to_string().into());
    }
    for (option, value) in more() {
        arguments = with_option(arguments, option, value);
    }
    let used = used.iter().map(|(_, port)| port.to_string()).collect::<Vec<_>>();
    let (noun, verb) = if used.len() == 1 { ("port", "is") } else { ("ports", "are") };
    let command = arguments.iter().map(|argument| quoted(&argument.to_string_lossy())).collect::<Vec<_>>().join(" ");
    Err(format!("{noun} {} {verb} in use; this command works:\n  {command}", used.join(", ")).into())
}

/// Listens on an address. The error names the option that sets the port.
pub(super) async fn listen(host: &str, port: u16, option: &str) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((host, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {port} is in use; choose another with {option}, 0 for any free port"),
        _ => format!("cannot listen on {host}:{port}: {error}"),
    })?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Returns whether a port can be used, or fails for another reason than its use.
fn is_free(host: &str, port: u16) -> bool {
    StdListener::bind((host, port)).map_or_else(|error| error.kind() != io::ErrorKind::AddrInUse, |_| true)
}

/// Returns the next free port at a distance, or 0, which is any free port.
fn free_port(host: &str, port: u16, taken: &[u16]) -> u16 {
    let mut candidates = (port..=u16::MAX).step_by(STEP).skip(1);
    candidates.find(|port| !taken.contains(port) && is_free(host, *port)).unwrap_or(0)
}

/// Sets an option in arguments.
fn with_option(arguments: Vec<OsString>, option: &str, value: OsString) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        if text == option {
            arguments.next();
        } else if text.strip_prefix(option).is_none_or(|rest| !rest.starts_with('=')) {
            kept.push(argument);
        }
    }
    kept.extend([option.into(), value]);
    kept
}

/// Quotes an argument for a POSIX shell where that is necessary.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_replaced_in_either_spelling() {
        for (given, expected) in [
            (&["x"][..], &["x", "--port", "1"][..]),
            (&["x", "--port", "7", "--data", "d"], &["x", "--data", "d", "--port", "1"]),
            (&["x", "--port=7", "--ports=2"], &["x", "--ports=2", "--port", "1"]),
        ] {
            let given = with_option(given.iter().map(OsString::from).collect(), "--port", "1".into());
            assert_eq!(given, expected.iter().map(OsString::from).collect::<Vec<_>>());
        }
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        for (argument, expected) in [("/a/b-1", "/a/b-1"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'")] {
            assert_eq!(quoted(argument), expected);
        }
    }
}
