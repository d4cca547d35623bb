//! What the functions that tell of an identity share: how it is written, and that some of it needs the preview.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    acs::{
        self,
        types::{CustomId, IdentityId, format_timestamp},
    },
    problem::{Kind, Problem},
};

/// An identity on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireIdentity<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_id: Option<&'a str>,
    /// ISO 8601 with offset, as every timestamp here.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_token_issued_at: Option<String>,
}

impl<'a> WireIdentity<'a> {
    /// An identity, with what ACS tells of it.
    pub(super) fn new(id: &'a IdentityId, custom_id: Option<&'a CustomId>, token_at: Option<Timestamp>) -> Self {
        Self {
            id: id.as_str(),
            custom_id: custom_id.map(CustomId::expose),
            last_token_issued_at: token_at.map(format_timestamp),
        }
    }
}

/// Refuses what only the preview can do where it is not turned on. ACS itself might not: a stable version may ignore a
/// custom id without a word, and make an identity with each call.
///
/// # Errors
/// [`Kind::TurnedOff`].
pub(super) fn needs_preview(acs: &acs::Client, what: &str) -> Result<(), Problem> {
    if acs.has_custom_ids() {
        return Ok(());
    }
    let detail = format!(
        "{what} needs a preview version of ACS's REST API, which the operator turns on with \
         COMMUNICATION_SERVICES_PREVIEW=true. Nothing was done."
    );
    Err(Problem::new(Kind::TurnedOff, detail))
}
