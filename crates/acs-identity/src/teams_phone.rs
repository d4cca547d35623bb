//! Teams Phone: the exchange of a Teams user's Entra token, and the assignments that allow it.
//!
//! <https://learn.microsoft.com/azure/communication-services/quickstarts/tpe/teams-phone-extensibility-access-teams-phone>

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    CreatedIdentity, Error, ErrorKind, IdentityClient,
    operation::Operation,
    operations::{read, read_created, write},
    send::Response,
};

/// A user or a resource account of Teams, in an Entra tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeamsPhoneUser {
    /// The id of the tenant (`tid`).
    pub tenant_id: Uuid,
    /// The object id in the tenant (`oid`).
    pub object_id: Uuid,
}

/// An assignment: it allows a user to exchange tokens for Teams Phone with the ACS resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamsPhoneAssignment {
    /// The type of the user. It is sent as written: the specification has `user` and `resourceAccount`, Microsoft's
    /// pages have `teamsResourceAccount`.
    pub principal_type: String,
    /// The Entra applications whose tokens are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_ids: Vec<Uuid>,
}

impl Response for TeamsPhoneAssignment {}

impl TeamsPhoneUser {
    /// Returns the path of the user's assignment.
    pub(crate) fn path(self) -> String {
        let Self { tenant_id, object_id } = self;
        format!("/access/teamsExtension/tenants/{tenant_id}/assignments/{object_id}")
    }
}

impl IdentityClient {
    /// Exchanges the Entra token of a Teams user for an identity and its access token.
    ///
    /// The Entra token alone authorizes the request; the credential of the client is not used. A token that ACS rejects is
    /// [`ErrorKind::InvalidAccessToken`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn exchange_teams_phone_token(&self, token: &SecretString) -> Result<CreatedIdentity, Error> {
        self.send_as(Some(token), Operation::ExchangeTeamsPhoneToken, None, b"{}".to_vec(), read_created).await
    }

    /// Creates or replaces the assignment of a user, and returns it as ACS saved it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_teams_phone_assignment(
        &self,
        user: TeamsPhoneUser,
        assignment: &TeamsPhoneAssignment,
    ) -> Result<TeamsPhoneAssignment, Error> {
        self.send(Operation::PutTeamsPhoneAssignment(user), None, write(assignment), read).await
    }

    /// Returns the assignment of a user, `None` if the user has none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn teams_phone_assignment(&self, user: TeamsPhoneUser) -> Result<Option<TeamsPhoneAssignment>, Error> {
        match self.send(Operation::GetTeamsPhoneAssignment(user), None, Vec::new(), read).await {
            Err(Error::Service(error)) if error.kind == ErrorKind::AssignmentNotFound => Ok(None),
            result => result.map(Some),
        }
    }

    /// Deletes the assignment of a user. A missing assignment is no error.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_teams_phone_assignment(&self, user: TeamsPhoneUser) -> Result<(), Error> {
        match self.send(Operation::DeleteTeamsPhoneAssignment(user), None, Vec::new(), |_| Some(())).await {
            Err(Error::Service(error)) if error.kind == ErrorKind::AssignmentNotFound => Ok(()),
            result => result,
        }
    }
}
