//! `acs-tokens directory show`: what is kept of one user.

use acs_identity::causes;
use clap::{ArgGroup, Args};
use uuid::Uuid;

use super::{super::Result, open, print, records::Row, settings};
use crate::{
    auth::Subject,
    directory::{DirectorySettings, Name, UserId},
    short_hash::short_hash,
};

/// Print what is kept of one user
///
/// That is the name, the state, the identity's short hash, and when it was written. The user is named as the issuer does
/// it.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("user").required(true).args(["tenant", "issuer", "name"])))]
pub(super) struct Options {
    /// A user of Entra: the tenant, as in the claim `tid`
    #[arg(long, value_name = "GUID", requires = "object")]
    tenant: Option<Uuid>,
    /// The user's object id in that tenant, as in the claim `oid`
    #[arg(long, value_name = "GUID", requires = "tenant")]
    object: Option<Uuid>,
    /// A user of any other issuer: the issuer, exactly as in the claim `iss`
    #[arg(long, value_name = "URL", requires = "subject")]
    issuer: Option<String>,
    /// The user's name there, exactly as in the claim `sub`
    #[arg(long, value_name = "TEXT", requires = "issuer")]
    subject: Option<String>,
    /// The name in the directory, as `export` prints it
    #[arg(long, value_name = "64 HEX DIGITS")]
    name: Option<Name>,
    /// Print the whole identity id as well
    #[arg(long)]
    ids: bool,
}

impl Options {
    fn name(&self, settings: &DirectorySettings) -> Option<Name> {
        let subject = match (self.tenant, self.object, &self.issuer, &self.subject) {
            (Some(tenant), Some(object), ..) => Subject::entra(&tenant.to_string(), &object.to_string()),
            (_, _, Some(issuer), Some(subject)) => Subject::oidc(issuer, subject),
            _ => return self.name,
        };
        Some(Name::of(&settings.key, UserId::from(*subject.hash())))
    }
}

pub(super) async fn run(options: Options) -> Result<()> {
    let settings = settings()?;
    let name = options.name(&settings).ok_or("no user is named")?;
    let found = open(&settings)?.dated_record(name).await;
    let found = found.map_err(|failure| format!("{name} cannot be read: {}", causes(&failure)))?;
    let (record, written_at) = found.ok_or_else(|| format!("there is no record of that user, whose name is {name}"))?;
    let row = Row { name, record, written_at };
    print(&format!("name      {name}\nstate     {}", row.state()));
    if let Some(id) = row.identity() {
        print(&format!("identity  {}", short_hash(id.as_str())));
        if options.ids {
            print(&format!("id        {id}"));
        }
    }
    print(&format!("written   {written_at}"));
    Ok(())
}
