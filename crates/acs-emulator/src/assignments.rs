//! The assignments of Teams Phone users to the resource.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api_error::ApiError;

/// The user in the path of an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) object_id: Uuid,
    pub(crate) tenant_id: Uuid,
}

/// The content of an assignment.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Content {
    pub(crate) principal_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_ids: Option<Vec<Uuid>>,
}

/// An assignment of a user.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Assignment {
    #[serde(flatten)]
    pub(crate) user: User,
    #[serde(flatten)]
    pub(crate) content: Content,
}

/// All assignments, in the order of their creation.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(crate) struct Assignments(pub(crate) Vec<Assignment>);

impl User {
    /// Parses the ids in a path.
    pub(crate) fn parse(tenant: &str, object: &str) -> Result<Self, ApiError> {
        let guid =
            |text: &str, target, message: &str| Uuid::try_parse(text).map_err(|_| ApiError::invalid(target, message));
        let tenant_id = guid(tenant, "tenantId", "Provided TenantId has invalid format.")?;
        Ok(Self { object_id: guid(object, "objectId", "Provided ObjectId has invalid format.")?, tenant_id })
    }
}

impl Assignments {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, user: User) -> Option<&Assignment> {
        self.0.iter().find(|assignment| assignment.user == user)
    }

    /// Returns whether the user of a token has an assignment. `skypeid` is that of the token.
    pub(crate) fn has(&self, skypeid: &str) -> bool {
        self.0.iter().any(|Assignment { user: User { tenant_id, object_id }, .. }| {
            skypeid.strip_suffix(&format!("_{tenant_id}_{object_id}")).is_some()
        })
    }
}

/// Returns whether a token is one of Teams Phone.
pub(crate) fn is_teams_phone(skypeid: &str) -> bool {
    skypeid.split('_').count() == 3
}
