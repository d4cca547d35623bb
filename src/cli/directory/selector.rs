//! The options that select one user.

use clap::{ArgGroup, Args};
use uuid::Uuid;

use super::super::Result;
use crate::{
    auth::Subject,
    directory::{RecordName, RecordSelector, UserId},
};

/// The claims of the user's token, or the record name.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("user").required(true).args(["tenant", "issuer", "name"])))]
pub(super) struct Selector {
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
}

impl Selector {
    /// Returns the selected record.
    pub(super) fn record(&self) -> Result<RecordSelector> {
        let subject = match (self.tenant, self.object, &self.issuer, &self.subject) {
            (Some(tenant), Some(object), ..) => Subject::entra(&tenant.to_string(), &object.to_string()),
            (_, _, Some(issuer), Some(subject)) => Subject::oidc(issuer, subject),
            _ => {
                let name = self.name.ok_or("no user was selected; use --tenant, --issuer or --name")?;
                return Ok(RecordSelector::Name(name));
            }
        };
        Ok(RecordSelector::User(UserId::from(*subject.hash())))
    }
}
