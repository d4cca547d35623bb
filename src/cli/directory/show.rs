//! `acs-tokens directory show`: the record of one user.

use clap::{ArgGroup, Args};
use uuid::Uuid;

use super::{super::Result, explain, open, print, settings, state};
use crate::{
    auth::Subject,
    directory::{RecordEntry, RecordName, UserId},
    short_hash::short_hash,
};

/// Show the record of one user
///
/// Prints the record name, the state, the identity's short hash, and the time when the record was written. Select the
/// user by the claims of their token, or by the record name.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("user").required(true).args(["tenant", "issuer", "name"])))]
pub(super) struct Options {
    /// For a user of Microsoft Entra: the tenant id, claim `tid`
    #[arg(long, value_name = "GUID", requires = "object")]
    tenant: Option<Uuid>,
    /// The user's object id in that tenant, claim `oid`
    #[arg(long, value_name = "GUID", requires = "tenant")]
    object: Option<Uuid>,
    /// For a user of another issuer: the issuer, exactly as in claim `iss`
    #[arg(long, value_name = "URL", requires = "subject")]
    issuer: Option<String>,
    /// The user's subject, exactly as in claim `sub`
    #[arg(long, value_name = "TEXT", requires = "issuer")]
    subject: Option<String>,
    /// The record name, as printed by `export`
    #[arg(long, value_name = "64 HEX DIGITS")]
    name: Option<RecordName>,
    /// Print the whole identity id too
    #[arg(long)]
    ids: bool,
}

impl Options {
    fn user(&self) -> Option<UserId> {
        let subject = match (self.tenant, self.object, &self.issuer, &self.subject) {
            (Some(tenant), Some(object), ..) => Subject::entra(&tenant.to_string(), &object.to_string()),
            (_, _, Some(issuer), Some(subject)) => Subject::oidc(issuer, subject),
            _ => return None,
        };
        Some(UserId::from(*subject.hash()))
    }
}

pub(super) async fn run(options: Options) -> Result<()> {
    let settings = settings()?;
    let (user, admin) = (options.user(), open(&settings)?);
    let name = user.map(|user| RecordName::new(&settings.key, user)).or(options.name);
    let name = name.ok_or("no user was selected; use --tenant, --issuer or --name")?;
    let entry = match user {
        Some(user) => admin.read_user(user).await,
        None => admin.read(name).await,
    };
    let entry = entry.map_err(|error| format!("{name} cannot be read: {}", explain(&error)))?;
    let RecordEntry { name, record, written_at } = entry.ok_or_else(|| format!("the user has no record {name}"))?;
    print(&format!("name      {name}\nstate     {}", state(&record)));
    if let Some(id) = record.identity() {
        print(&format!("identity  {}", short_hash(id.as_str())));
        if options.ids {
            print(&format!("id        {id}"));
        }
    }
    print(&format!("written   {written_at}"));
    Ok(())
}
