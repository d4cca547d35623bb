//! `acs-tokens identity`: creates and deletes identities.

use acs_identity::IdentityId;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Result,
    confirm::Confirmation,
    eprint,
    output::{Fields, Output},
    print,
    target::TargetOptions,
};

/// The command in the table of settings.
const COMMAND: &str = "identity";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create an identity and print its id
    Create(Create),
    /// Delete an identity and revoke its tokens; this cannot be undone
    Delete(Delete),
}

#[derive(Debug, Args)]
struct Create {
    /// The format; by default, the id alone
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Output>,
    #[command(flatten)]
    target: TargetOptions,
}

#[derive(Debug, Args)]
struct Delete {
    /// The id of the identity, which begins with 8:acs:
    #[arg(value_name = "IDENTITY")]
    id: IdentityId,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    target: TargetOptions,
}

pub(super) async fn run(Options { command }: Options) -> Result<()> {
    match command {
        Command::Create(Create { output, target }) => {
            let id = target.target(COMMAND)?.create_identity().await?;
            match output {
                Some(output) => print(&Fields(vec![("identity", json!(id.as_str()))]).format(output)?),
                None => print(id.as_str()),
            }
        }
        Command::Delete(Delete { id, confirmation, target }) => {
            let target = target.target(COMMAND)?;
            confirmation.confirm(&format!("delete {id} and revoke its tokens, at {target}"))?;
            target.delete_identity(&id).await?;
            eprint(&format!("Deleted {id}"));
        }
    }
    Ok(())
}
