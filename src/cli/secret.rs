//! Options whose values are secrets, which can be read from a file or from stdin.

use std::{
    fs,
    io::{self, IsTerminal as _},
};

use secrecy::SecretString;

use super::eprint;

/// Parses the value of an option: the secret itself, `@<file>`, or `@-` for stdin, as options of the Azure CLI.
///
/// # Errors
/// The reason why the file cannot be read. It does not repeat the secret.
pub(super) fn parse(text: &str) -> Result<SecretString, String> {
    let read = match text.strip_prefix('@') {
        None => return Ok(text.into()),
        Some("-") => {
            if io::stdin().is_terminal() {
                eprint("Paste the secret, then press Enter and Ctrl+D.");
            }
            io::read_to_string(io::stdin())
        }
        Some(file) => fs::read_to_string(file),
    };
    match read {
        Ok(secret) if secret.trim().is_empty() => Err("the file is empty; write the secret into it".to_owned()),
        Ok(secret) => Ok(secret.trim().into()),
        Err(error) => Err(format!("cannot read the file: {error}; `@` begins the path of a file")),
    }
}
