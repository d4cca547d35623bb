//! `acs-tokens directory block`: blocks one user and revokes the tokens.

use acs_identity::causes;
use clap::Args;

use super::{super::Result, WithAcs, eprint, open_with_acs, print, selector::Selector};
use crate::{directory::BlockedUser, short_hash::short_hash};

const NO_IDENTITY: &str =
    "The user has no identity. If the user has signed in before, check the claims: they must match exactly.";
const RUN_AGAIN: &str =
    "A service that has the user cached can issue tokens for 60 s. Run the command again after 90 s to revoke those.";

/// Block one user and revoke the tokens
///
/// The functions under `me` answer the user with 403 `blocked`. A running service that has the user cached can issue tokens
/// for 60 seconds, and a request in progress takes up to 25 seconds: run the command again after 90 seconds to revoke those
/// tokens. Repeating it is harmless. Select the user by the claims of their token, or by the record name.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    user: Selector,
}

pub(super) async fn run(Options { user }: Options) -> Result<()> {
    let WithAcs { admin, settings, acs, .. } = open_with_acs()?;
    let selected = user.record()?;
    let name = selected.name(&settings.key);
    let blocked = admin.block(&acs, selected).await;
    let BlockedUser { identity, was_blocked } = blocked.map_err(|error| {
        format!("{name} may be blocked, but the tokens may be valid; run the command again: {}", causes(&error))
    })?;
    print(&format!("name      {name}\nstate     blocked"));
    match identity {
        Some(id) => {
            print(&format!("identity  {}", short_hash(id.as_str())));
            if !was_blocked {
                eprint(RUN_AGAIN);
            }
        }
        None => eprint(NO_IDENTITY),
    }
    Ok(())
}
