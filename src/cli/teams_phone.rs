//! `acs-tokens teams-phone`: assigns users of Teams Phone to the ACS resource.

use acs_identity::{TeamsPhoneAssignment, TeamsPhoneUser};
use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;

use super::{Result, check::Output, confirm::Confirmation, env_reader, explain_acs, print, warn_of_unknown_settings};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create or replace the assignment of a user; repeating it changes nothing
    Assign(Assign),
    /// Show the assignment of a user
    Show(Selected),
    /// Delete the assignment of a user and revoke the tokens; repeating it changes nothing
    Unassign(Unassign),
}

#[derive(Debug, Args)]
struct Assign {
    #[command(flatten)]
    selected: Selected,
    /// The type of the user, sent as written: `user`, `resourceAccount` or `teamsResourceAccount`
    #[arg(long, value_name = "TYPE", default_value = "user")]
    principal_type: String,
    /// An Entra application whose tokens are accepted; repeat the option for several
    #[arg(long = "client-id", value_name = "GUID")]
    client_ids: Vec<Uuid>,
}

#[derive(Debug, Args)]
struct Unassign {
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Debug, Args)]
struct Selected {
    /// The Entra tenant of the user
    #[arg(long, value_name = "GUID")]
    tenant: Uuid,
    /// The object id of the user in the tenant
    #[arg(long, value_name = "GUID")]
    object: Uuid,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The result of a command.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    tenant_id: Uuid,
    object_id: Uuid,
    /// The assignment after the command.
    assignment: Option<TeamsPhoneAssignment>,
    /// The other requirements for a token of the user.
    also_needed: Vec<String>,
}

pub(super) async fn run(Options { command }: Options) -> Result<()> {
    warn_of_unknown_settings();
    let mut env = env_reader();
    let acs = env.client();
    let settings = env.finish(acs)?;
    let kind = settings.credential.kind();
    let acs = settings.client()?;
    let user = |selected: &Selected| TeamsPhoneUser { tenant_id: selected.tenant, object_id: selected.object };
    let (selected, result) = match command {
        Command::Assign(Assign { selected, principal_type, client_ids }) => {
            let assignment = TeamsPhoneAssignment { principal_type, client_ids };
            let result = acs.put_teams_phone_assignment(user(&selected), &assignment).await.map(Some);
            (selected, result)
        }
        Command::Show(selected) => {
            let result = acs.teams_phone_assignment(user(&selected)).await;
            (selected, result)
        }
        Command::Unassign(Unassign { selected, confirmation }) => {
            let object = selected.object;
            confirmation.confirm(&format!("delete the assignment of {object} and revoke the tokens"))?;
            let result = acs.delete_teams_phone_assignment(user(&selected)).await.map(|()| None);
            (selected, result)
        }
    };
    let report = Report::new(&selected, result.map_err(|error| explain_acs(&error, kind))?);
    print(&match selected.output {
        Output::Text => report.to_text(),
        Output::Json => serde_json::to_string_pretty(&report)?,
    });
    Ok(())
}

impl Report {
    fn new(selected: &Selected, assignment: Option<TeamsPhoneAssignment>) -> Self {
        let also_needed = assignment.as_ref().map(|assignment| also_needed(selected.tenant, assignment));
        let (tenant_id, object_id) = (selected.tenant, selected.object);
        Self { tenant_id, object_id, assignment, also_needed: also_needed.unwrap_or_default() }
    }

    fn to_text(&self) -> String {
        let Self { tenant_id, object_id, assignment, also_needed } = self;
        let Some(TeamsPhoneAssignment { principal_type, client_ids }) = assignment else {
            return format!("{object_id} of the tenant {tenant_id} has no assignment");
        };
        let clients = client_ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(", ");
        let clients = if clients.is_empty() { "none" } else { &clients };
        format!(
            "tenant   {tenant_id}\nobject   {object_id}\ntype     {principal_type}\nclients  {clients}\n\nAlso needed:\n- {}",
            also_needed.join("\n- ")
        )
    }
}

/// Returns the steps outside of ACS.
///
/// <https://learn.microsoft.com/azure/communication-services/quickstarts/tpe/teams-phone-extensibility-access-teams-phone>
fn also_needed(tenant: Uuid, assignment: &TeamsPhoneAssignment) -> Vec<String> {
    let consent = assignment.client_ids.iter().map(|client| {
        format!(
            "consent of the tenant: https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize?client_id={client}\
             &response_type=code&scope=https%3A%2F%2Fauth.msft.communication.azure.com%2FTeamsExtension.ManageCalls"
        )
    });
    let others = [
        "the service principal of ACS in the tenant: az ad sp create --id 1fd5118e-2576-4263-8130-9503064c837a",
        "a license with Teams Phone for the user, or a resource account license for a resource account",
    ];
    consent.chain(others.map(str::to_owned)).collect()
}
