//! Tells tokens of applications from tokens of users.

use super::{TokenError, claims::Claims};

/// The kind of caller that got a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerKind {
    /// An application, for itself.
    Application,
    /// A user, by way of an application.
    User,
}

impl Claims {
    /// Returns the kind of caller. An application needs positive evidence: a user's token may lack any single claim.
    pub(super) fn caller_kind(&self, is_entra: bool) -> Result<CallerKind, TokenError> {
        if self.is_for_another_purpose() {
            return Err(TokenError::NotAnAccessToken);
        }
        let is_application = if is_entra { self.is_entra_application() } else { self.is_application() };
        let has_user = self.has_signs_of_a_user() || is_entra && self.has("scp");
        match (is_application, has_user) {
            (true, true) => Err(TokenError::Ambiguous),
            (true, false) => Ok(CallerKind::Application),
            // Entra's access tokens of users always have `scp`.
            // <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims>
            (false, _) if is_entra && !self.has("scp") => Err(TokenError::NotAnAccessToken),
            (false, _) => Ok(CallerKind::User),
        }
    }

    /// Returns whether it is an ID token or, by `events`, a logout token or security event (RFC 8417). ID tokens have
    /// `nonce` or `at_hash` (OpenID Connect Core section 2), but no scopes. Cognito and Keycloak name the use.
    fn is_for_another_purpose(&self) -> bool {
        let has_scopes = self.has("scp") || self.has("scope");
        let is_id_token = ["nonce", "at_hash", "c_hash"].iter().any(|name| self.has(name)) && !has_scopes;
        is_id_token
            || self.has("events")
            || self.text("token_use").is_some_and(|r#use| r#use != "access")
            || self.text("typ").is_some_and(|typ| typ.eq_ignore_ascii_case("id"))
    }

    /// Returns whether Entra issued the token to an application for itself. `idtyp` is optional. Without it, an
    /// application's token has the object id as subject; a user's subject differs by application.
    fn is_entra_application(&self) -> bool {
        match self.text("idtyp") {
            Some(kind) => kind == "app",
            None => !self.has("scp") && self.text("oid").is_some() && self.text("oid") == self.text("sub"),
        }
    }

    /// Returns whether an issuer other than Entra issued the token to an application for itself.
    fn is_application(&self) -> bool {
        let subject = self.text("sub");
        let is_client = |name: &&str| self.text(name).is_some_and(|client| subject == Some(client));
        self.text("idtyp") == Some("app")
            // Auth0.
            || self.text("gty") == Some("client-credentials")
            || subject.and_then(|subject| subject.strip_suffix("@clients")).is_some_and(|id| self.text("azp") == Some(id))
            // RFC 9068 section 2.2, Cognito, Google; Okta has `cid`.
            || ["client_id", "azp", "cid"].iter().any(is_client)
            // Duende.
            || !self.has("sub") && self.text("client_id").is_some()
            || self.is_keycloak_service_account()
    }

    /// Returns whether the token is of a service account in Keycloak. The user name alone is no evidence: users can
    /// choose theirs. Only tokens of service accounts repeat `azp` in `client_id`, or `clientId` in older versions.
    fn is_keycloak_service_account(&self) -> bool {
        let Some(client) = self.text("azp") else { return false };
        let name = self.text("preferred_username").and_then(|name| name.strip_prefix("service-account-"));
        name.is_some_and(|name| name == client.to_lowercase())
            && ["client_id", "clientId"].iter().any(|name| self.text(name) == Some(client))
    }

    /// Returns whether a user took part: a session, a sign-in by OpenID Connect, or a user name.
    fn has_signs_of_a_user(&self) -> bool {
        let names: &[&str] = if self.is_keycloak_service_account() {
            &["upn", "unique_name", "username"]
        } else {
            &["preferred_username", "upn", "unique_name", "username"]
        };
        let claims = ["nonce", "at_hash", "sid", "session_state"];
        claims.iter().chain(names).any(|name| self.has(name))
            || self.has_scope("openid")
            // Okta's user name, which a user may choose, is the subject. Only tokens of users have the user's id too.
            || self.has("cid") && self.has("uid")
            || self.text("idtyp").is_some_and(|kind| kind != "app")
    }
}
