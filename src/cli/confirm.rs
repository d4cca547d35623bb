//! The question before a command deletes or revokes.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;

use super::{Result, UsageError};

/// The option that answers the question.
#[derive(Debug, Args)]
pub(super) struct Confirmation {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

impl Confirmation {
    /// Asks on a terminal whether to go on. `action` completes "This will".
    ///
    /// # Errors
    /// An error if the answer is not yes, or if there is no terminal and no `--yes`.
    pub(super) fn confirm(&self, action: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            let error = format!("this will {action}; confirm it with --yes, because there is no terminal to ask on");
            return Err(UsageError(error).into());
        }
        write!(io::stderr(), "This will {action}. Go on? [y/N] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err("cancelled; nothing was changed".into()),
        }
    }
}
