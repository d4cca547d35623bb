//! App Service Authentication: the platform signs people in, and says in a header who they are.
//!
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities>

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use serde::Deserialize;

use super::{Caller, EntraAccount, RoleMapping, Subject, User};

const HEADER: &str = "x-ms-client-principal";

pub(super) const UNREADABLE: &str = "The header X-MS-CLIENT-PRINCIPAL is not as App Service Authentication sends it.";

const TENANT: [&str; 2] = ["tid", "http://schemas.microsoft.com/identity/claims/tenantid"];
const OBJECT: [&str; 2] = ["oid", "http://schemas.microsoft.com/identity/claims/objectidentifier"];
const SUBJECT: [&str; 2] = ["sub", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"];
const APPLICATION: [&str; 2] = ["azp", "appid"];
const SCOPE: [&str; 2] = ["scp", "http://schemas.microsoft.com/identity/claims/scope"];

/// Why a principal is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenError {
    /// It is not as the platform sends one.
    Unreadable,
    /// It is of an application that has not the managing role.
    Application,
}

#[derive(Deserialize)]
struct Principal {
    /// The provider: `aad`, `google`.
    auth_typ: String,
    #[serde(default)]
    claims: Vec<Claim>,
    /// The type of the claims that are roles.
    #[serde(default)]
    role_typ: Option<String>,
}

#[derive(Deserialize)]
struct Claim {
    typ: String,
    val: String,
}

impl Principal {
    fn claim(&self, names: [&str; 2]) -> Option<&str> {
        self.claims.iter().find(|claim| names.contains(&&*claim.typ)).map(|claim| &*claim.val)
    }

    /// Tenant and object id in Entra. Only Entra's principals have a tenant that means anything.
    fn entra(&self) -> Option<(&str, &str)> {
        self.claim(TENANT).zip(self.claim(OBJECT)).filter(|_| self.auth_typ == "aad")
    }

    fn subject(&self) -> Option<Subject> {
        match self.entra() {
            Some((tenant, object)) => Some(Subject::entra(tenant, object)),
            None => Some(Subject::oidc(self.claim(["iss", "iss"]).unwrap_or(&self.auth_typ), self.claim(SUBJECT)?)),
        }
    }

    fn is_delegated(&self) -> bool {
        self.claim(SCOPE).is_some()
    }

    /// As for a bearer token; what the platform has of Entra's sign-in is an ID token.
    fn account(&self) -> Option<EntraAccount> {
        let (tenant, object) = self.entra()?;
        let audience = || self.claim(["aud", "aud"]).filter(|_| !self.is_delegated());
        EntraAccount::new(tenant, object, self.claim(APPLICATION).or_else(audience))
    }

    /// As for a bearer token.
    fn is_application(&self) -> bool {
        let is_subject = |(_, object)| self.claim(SUBJECT) == Some(object);
        self.claim(["idtyp", "idtyp"]) == Some("app") || !self.is_delegated() && self.entra().is_some_and(is_subject)
    }
}

/// Whom the platform says has signed in; nothing if nobody has.
pub(super) fn principal(role_mapping: &RoleMapping, headers: &HeaderMap) -> Option<Result<Caller, TokenError>> {
    let mut given = headers.get_all(HEADER).iter();
    let first = given.next()?;
    // The platform sends one; a second can only be somebody else's.
    let one = if given.next().is_none() { Some(first) } else { None };
    let decoded = one.and_then(|value| STANDARD.decode(value.as_bytes()).ok());
    let principal = decoded.and_then(|json| serde_json::from_slice::<Principal>(&json).ok());
    let person = principal.and_then(|principal| {
        let is_role = |typ: &str| typ == role_mapping.roles_claim || principal.role_typ.as_deref() == Some(typ);
        let roles = principal.claims.iter().filter(|claim| is_role(&claim.typ)).map(|claim| claim.val.clone());
        let person = User { subject: principal.subject()?, roles: roles.collect(), account: principal.account() };
        Some((person, principal.is_delegated(), principal.is_application()))
    });
    let Some((person, delegated, application)) = person else { return Some(Err(TokenError::Unreadable)) };
    Some(role_mapping.caller(person, delegated, application).ok_or(TokenError::Application))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(principal: &serde_json::Value) -> Result<Caller, TokenError> {
        let value = STANDARD.encode(principal.to_string()).parse().unwrap();
        super::principal(&RoleMapping::default(), &HeaderMap::from_iter([(HEADER.parse().unwrap(), value)])).unwrap()
    }

    #[test]
    fn reads_what_the_platform_sends() {
        let claim = |typ: &str, val: &str| serde_json::json!({ "typ": typ, "val": val });
        let (tenant, object) = (claim(TENANT[1], "T"), claim(OBJECT[1], "O"));
        let role_typ = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
        let of = |claims: &[&serde_json::Value]| {
            read(&serde_json::json!({ "auth_typ": "aad", "claims": claims, "name_typ": "n", "role_typ": role_typ }))
        };
        let manage = claim(role_typ, "Tokens.Manage");
        let user = Subject::entra("t", "o");
        assert_eq!(of(&[&tenant, &object, &manage]), Ok(Caller::App(user)));
        let delegated = of(&[&tenant, &object, &manage, &claim(SCOPE[1], "access_as_user")]).unwrap();
        assert_eq!(delegated.label(), format!("person:{user}"));
        let by_short_names = of(&[&claim("tid", "t"), &claim("oid", "o"), &claim("roles", "host")]).unwrap();
        assert_eq!(by_short_names.label(), format!("person:{user}"));
        assert_eq!(of(&[&tenant]), Err(TokenError::Unreadable));
        let google =
            read(&serde_json::json!({ "auth_typ": "google", "claims": [claim(SUBJECT[1], "7"), tenant, object] }));
        assert_eq!(google.unwrap().label(), format!("person:{}", Subject::oidc("google", "7")));
    }

    #[test]
    fn knows_accounts_in_entra_and_applications() {
        let (tenant, object) = ("11111111-2222-4333-8444-555555555555", "32c0a5db-05ec-78ea-51ab-3f06b329397e");
        let app = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
        let read = |provider: &str, more: &[(&str, &str)]| {
            let claims = [&[(TENANT[1], tenant), (OBJECT[1], object)], more].concat();
            let claims: Vec<_> =
                claims.into_iter().map(|(typ, val)| serde_json::json!({ "typ": typ, "val": val })).collect();
            read(&serde_json::json!({ "auth_typ": provider, "claims": claims }))
        };
        for (provider, more, known, through) in [
            ("aad", &[][..], true, None),
            ("aad", &[("aud", app)], true, Some(app)),
            ("aad", &[("aud", app), (SCOPE[1], "access_as_user")], true, None),
            ("aad", &[("aud", "api://x"), ("azp", app)], true, Some(app)),
            ("aad", &[("aud", "api://x"), ("appid", app), (SCOPE[0], "x")], true, Some(app)),
            ("aad", &[("aud", "api://x")], true, None),
            ("google", &[(SUBJECT[1], "7"), ("azp", app)], false, None),
        ] {
            let Ok(Caller::User(person)) = read(provider, more) else { panic!("{more:?}") };
            let id = |text: &str| text.parse::<uuid::Uuid>().unwrap();
            let account =
                known.then(|| EntraAccount { tenant: id(tenant), object_id: id(object), app_id: through.map(id) });
            assert_eq!(person.account, account, "{more:?}");
        }
        for application in [&[(SUBJECT[1], object)][..], &[("idtyp", "app")]] {
            assert_eq!(read("aad", application), Err(TokenError::Application));
        }
        // A person lent an application their rights, and both ids are one in that directory.
        let person = read("aad", &[(SUBJECT[1], object), (SCOPE[0], "access_as_user")]);
        assert!(matches!(person, Ok(Caller::User(_))));
    }
}
