//! `acs-tokens token revoke`: revokes all tokens of an identity.

use acs_identity::IdentityId;
use clap::Args;

use super::{
    super::{Result, confirm::Confirmation, eprint, target::TargetOptions},
    COMMAND,
};

/// Revoke all tokens of an identity
///
/// ACS needs up to 15 minutes until the tokens are refused everywhere. The identity stays and can get new tokens.
#[derive(Debug, Args)]
pub(in super::super) struct Options {
    /// The id of the identity, which begins with 8:acs:
    #[arg(value_name = "IDENTITY")]
    id: IdentityId,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    target: TargetOptions,
}

pub(super) async fn run(Options { id, confirmation, target }: Options) -> Result<()> {
    let target = target.target(COMMAND)?;
    confirmation.confirm(&format!("revoke all tokens of {id}, at {target}"))?;
    target.revoke_tokens(&id).await?;
    eprint(&format!("Revoked all tokens of {id}"));
    Ok(())
}
