//! A trusted issuer and its rules: audiences, clients, roles and scope.

use std::collections::HashSet;

use super::{Claims, Issuer, TokenError, kind::CallerKind};
use crate::auth::{Caller, EntraAccount, Subject, User};

/// The claim that lists roles by default.
pub const DEFAULT_ROLES_CLAIM: &str = "roles";

/// The role of back ends by default.
pub const DEFAULT_MANAGE_ROLE: &str = "Tokens.Manage";

/// A trusted issuer and the rules for its tokens.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    /// The issuer.
    pub issuer: Issuer,
    /// The accepted values of `aud`.
    pub audiences: HashSet<String>,
    /// The client applications that may call. `None` accepts every client that gets a token for the audience.
    pub clients: Option<HashSet<String>>,
    /// The role that makes an application a back end. `None` accepts no application of this issuer.
    pub manage_role: Option<String>,
    /// The claim that lists the roles, or a path to it such as `realm_access.roles`.
    pub roles_claim: String,
    /// The scope that a user's token must have.
    pub required_scope: Option<String>,
}

impl TrustedIssuer {
    /// Creates the rules for an issuer: any client, the claim `roles`, and no application as a back end.
    #[must_use]
    pub fn new(issuer: Issuer, audiences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            issuer,
            audiences: audiences.into_iter().map(Into::into).collect(),
            clients: None,
            manage_role: None,
            roles_claim: DEFAULT_ROLES_CLAIM.to_owned(),
            required_scope: None,
        }
    }

    /// Returns the caller that validated claims identify.
    pub(super) fn caller(&self, claims: &Claims) -> Result<Caller, TokenError> {
        self.check_use(claims)?;
        let kind = claims.caller_kind(self.issuer.tenant().is_some())?;
        let (subject, roles) = (self.subject(claims, kind)?, self.roles(claims)?);
        match kind {
            CallerKind::Application => match &self.manage_role {
                Some(role) if roles.contains(role) => Ok(Caller::App(subject)),
                _ => Err(TokenError::Application),
            },
            CallerKind::User => match &self.required_scope {
                Some(scope) if !claims.has_scope(scope) => Err(TokenError::Scope(scope.clone())),
                _ => Ok(Caller::User(User { subject, roles, account: self.account(claims) })),
            },
        }
    }

    /// Checks that the token is for this service, from an accepted tenant and client, and not bound to a key.
    fn check_use(&self, claims: &Claims) -> Result<(), TokenError> {
        let in_tenant = |tenant: &str| claims.text("tid").is_some_and(|tid| tid.eq_ignore_ascii_case(tenant));
        if !self.issuer.tenant().is_none_or(in_tenant) {
            return Err(TokenError::Tenant);
        }
        // Cognito's access tokens have the client in place of an audience.
        // <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>
        let is_cognito = claims.text("token_use") == Some("access") && !claims.has("aud");
        let audience = if is_cognito { "client_id" } else { "aud" };
        if !claims.list(audience).iter().any(|audience| self.audiences.contains(*audience)) {
            return Err(TokenError::Audience);
        }
        // RFC 9449 and RFC 8705: such a token is valid only with a proof, which is not checked here.
        if claims.has("cnf") {
            return Err(TokenError::Bound);
        }
        match &self.clients {
            Some(clients) if !claims.client().is_some_and(|client| clients.contains(client)) => Err(TokenError::Client),
            _ => Ok(()),
        }
    }

    /// Returns the subject. It depends on the issuer alone by which claims: a user whose token lacks one of them must not
    /// become another user.
    fn subject(&self, claims: &Claims, kind: CallerKind) -> Result<Subject, TokenError> {
        if let Some(tenant) = self.issuer.tenant() {
            return Ok(Subject::entra(tenant, claims.text("oid").ok_or(TokenError::ObjectId)?));
        }
        // Tokens of Duende for applications have no `sub`.
        let client = || claims.text("client_id").filter(|_| kind == CallerKind::Application);
        let subject = claims.text("sub").or_else(client).ok_or(TokenError::Subject)?;
        Ok(Subject::oidc(self.issuer.name(), subject))
    }

    /// Returns the roles. Entra replaces more than 200 groups by a reference, which must not read as no groups.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#groups-overage-claim>
    fn roles(&self, claims: &Claims) -> Result<Vec<String>, TokenError> {
        let is_elsewhere =
            claims.has("hasgroups") || claims.object("_claim_names").is_some_and(|names| names.contains_key("groups"));
        if self.roles_claim == "groups" && is_elsewhere {
            return Err(TokenError::TooManyGroups);
        }
        Ok(claims.list_at(&self.roles_claim).into_iter().map(str::to_owned).collect())
    }

    /// Returns the account in Entra.
    fn account(&self, claims: &Claims) -> Option<EntraAccount> {
        Some(EntraAccount {
            tenant: self.issuer.tenant()?.parse().ok()?,
            object_id: claims.text("oid")?.parse().ok()?,
            app_id: claims.client().and_then(|app| app.parse().ok()),
        })
    }
}
