//! `acs-tokens directory unblock`: accepts a blocked user again.

use acs_identity::causes;
use clap::Args;

use super::{super::Result, open, print, selector::Selector, settings};

/// Unblock one user
///
/// The user's next request gets a token. Tokens that were revoked stay revoked. Repeating it is harmless. Select the user by
/// the claims of their token, or by the record name.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    user: Selector,
}

pub(super) async fn run(Options { user }: Options) -> Result<()> {
    let settings = settings()?;
    let selected = user.record()?;
    let name = selected.name(&settings.key);
    let unblocked = open(&settings)?.unblock(selected).await;
    let unblocked = unblocked.map_err(|error| format!("{name} is not unblocked: {}", causes(&error)))?;
    print(&format!("name      {name}\nstate     {}", if unblocked { "unblocked" } else { "was not blocked" }));
    Ok(())
}
