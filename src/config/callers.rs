//! The settings that say who may call.

use std::collections::HashSet;

use uuid::Uuid;

use super::EnvReader;
use crate::auth::{
    Authenticator, BackendAuth, Bearer, CallerKey, RoleMapping,
    bearer::{self, Issuer},
};

pub(super) const CALLER_KEYS: &str = "CALLER_KEYS";
pub(super) const ALLOW_ANONYMOUS: &str = "ALLOW_ANONYMOUS";
pub(super) const OIDC_ISSUERS: &str = "OIDC_ISSUERS";
pub(super) const OIDC_AUDIENCES: &str = "OIDC_AUDIENCES";
pub(super) const OIDC_TENANTS: &str = "OIDC_TENANTS";
pub(super) const OIDC_REQUIRED_SCOPE: &str = "OIDC_REQUIRED_SCOPE";
pub(super) const OIDC_ROLES_CLAIM: &str = "OIDC_ROLES_CLAIM";
pub(super) const OIDC_MANAGE_ROLE: &str = "OIDC_MANAGE_ROLE";

/// A key shorter than this could be guessed.
const MIN_CALLER_KEY: usize = 16;

/// What stands in an issuer for each tenant of `OIDC_TENANTS`, as Entra writes it in its discovery document.
const TENANT_PLACE: &str = "{tenantid}";

impl EnvReader<'_> {
    /// How callers are checked where no Functions host does it.
    pub fn callers(&mut self) -> Option<Authenticator> {
        let faults = self.faults.len();
        let anonymous = self.flag(ALLOW_ANONYMOUS) == Some(true);
        let keys = self.value(CALLER_KEYS).map(|keys| self.caller_keys(&keys));
        let bearer = self.bearer();
        let others = [(CALLER_KEYS, keys.is_some()), (OIDC_ISSUERS, bearer.is_some())];
        if anonymous {
            for (name, _) in others.into_iter().filter(|(_, given)| *given) {
                let _ = self.fault::<()>(ALLOW_ANONYMOUS, format!("is true, and {name} is set; choose one"));
            }
            return Some(Authenticator { backend_auth: BackendAuth::Anyone, bearer });
        }
        if keys.is_none() && bearer.is_none() && self.faults.len() == faults {
            let detail = "is missing; without it any stranger would get tokens. Set name=key pairs separated by \
                          semicolons, or OIDC_ISSUERS, or ALLOW_ANONYMOUS=true if something else checks callers";
            return self.fault(CALLER_KEYS, detail.to_owned());
        }
        Some(Authenticator { backend_auth: BackendAuth::Keys(keys.unwrap_or_default()), bearer })
    }

    /// How callers are checked behind the Functions host, which has checked its keys.
    pub fn callers_behind_host(&mut self) -> Authenticator {
        Authenticator { backend_auth: BackendAuth::FunctionsHost, bearer: self.bearer() }
    }

    fn role_mapping(&mut self) -> RoleMapping {
        let usual = RoleMapping::default();
        let roles_claim = self.value(OIDC_ROLES_CLAIM).unwrap_or(usual.roles_claim);
        if ["iss", "sub", "tid", "oid"].contains(&&*roles_claim) {
            let _ = self.fault::<()>(OIDC_ROLES_CLAIM, "names a claim that says who somebody is".to_owned());
        }
        RoleMapping { roles_claim, manage_role: self.value(OIDC_MANAGE_ROLE).unwrap_or(usual.manage_role) }
    }

    fn bearer(&mut self) -> Option<Bearer> {
        let role_mapping = self.role_mapping();
        let issuers = self.value(OIDC_ISSUERS);
        let audiences: HashSet<String> = self.list(OIDC_AUDIENCES).into_iter().collect();
        let tenants = self.tenants();
        let required_scope = self.value(OIDC_REQUIRED_SCOPE);
        // RFC 6749 section 3.3: what a scope is made of, and so what may stand in a quoted text.
        let is_scope = |scope: &String| scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        if required_scope.as_ref().is_some_and(|scope| !is_scope(scope)) {
            let _ = self.fault::<()>(OIDC_REQUIRED_SCOPE, "is not one scope".to_owned());
        }
        let Some(issuers) = issuers else {
            for name in [OIDC_AUDIENCES, OIDC_TENANTS, OIDC_REQUIRED_SCOPE] {
                if self.value(name).is_some() {
                    let _ = self.fault::<()>(name, format!("is set without {OIDC_ISSUERS}"));
                }
            }
            return None;
        };
        if audiences.is_empty() {
            let detail =
                format!("is missing; without it tokens for any other service would do. {OIDC_ISSUERS} needs it");
            let _ = self.fault::<()>(OIDC_AUDIENCES, detail);
        }
        let issuers = self.issuers(&issuers, &tenants);
        let settings = bearer::BearerSettings { issuers, audiences, required_scope, role_mapping };
        Bearer::new(settings).map_err(|error| self.fault::<()>(OIDC_ISSUERS, error.to_string())).ok()
    }

    /// Each issuer; one with a place for a tenant, once for each tenant.
    fn issuers(&mut self, text: &str, tenants: &[String]) -> Vec<Issuer> {
        let names: Vec<&str> = split(text).collect();
        let templates = names.iter().filter(|name| name.contains(TENANT_PLACE)).count();
        match (templates, tenants.len()) {
            (0, 1..) => {
                let _ = self.fault::<()>(OIDC_TENANTS, format!("is set, but no issuer has {TENANT_PLACE} in it"));
            }
            (1.., 0) => {
                let _ = self.fault::<()>(OIDC_TENANTS, format!("is missing; an issuer has {TENANT_PLACE} in it"));
            }
            _ => {}
        }
        let mut issuers = Vec::new();
        for (i, name) in names.into_iter().enumerate() {
            let read = if name.contains(TENANT_PLACE) {
                let each = tenants.iter().map(|tenant| Issuer::new(&name.replace(TENANT_PLACE, tenant), Some(tenant)));
                each.collect::<Result<Vec<_>, _>>()
            } else {
                Issuer::new(name, None).map(|issuer| vec![issuer])
            };
            match read {
                Ok(read) => issuers.extend(read),
                Err(error) => {
                    let _ = self.fault::<()>(OIDC_ISSUERS, format!("number {} {error}", i + 1));
                }
            }
        }
        issuers
    }

    fn tenants(&mut self) -> Vec<String> {
        let mut tenants = Vec::new();
        for (i, text) in self.list(OIDC_TENANTS).into_iter().enumerate() {
            match Uuid::try_parse(&text) {
                Ok(tenant) => tenants.push(tenant.to_string()),
                Err(_) => {
                    let _ = self.fault::<()>(OIDC_TENANTS, format!("number {} is not a GUID", i + 1));
                }
            }
        }
        tenants
    }

    fn list(&mut self, name: &'static str) -> Vec<String> {
        self.value(name).iter().flat_map(|text| split(text)).map(str::to_owned).collect()
    }

    /// `name=key` pairs separated by `;`. Only the first `=` divides, so keys may be base64.
    fn caller_keys(&mut self, text: &str) -> Vec<CallerKey> {
        let mut keys: Vec<CallerKey> = Vec::new();
        let pairs: Vec<&str> = text.split(';').map(str::trim).filter(|pair| !pair.is_empty()).collect();
        if pairs.is_empty() {
            let _ = self.fault::<()>(CALLER_KEYS, "holds no pair".to_owned());
        }
        for (i, pair) in pairs.into_iter().enumerate() {
            let fault = match pair.split_once('=').map(|(name, key)| (name.trim(), key.trim())) {
                None | Some(("", _)) => "is not name=key".to_owned(),
                Some((name, _)) if keys.iter().any(|other| other.name == name) => {
                    "has a name that another has".to_owned()
                }
                Some((_, key)) if key.len() < MIN_CALLER_KEY => format!("has a key under {MIN_CALLER_KEY} characters"),
                Some((name, key)) => {
                    keys.push(CallerKey { name: name.to_owned(), key: key.to_owned().into() });
                    continue;
                }
            };
            let _ = self.fault::<()>(CALLER_KEYS, format!("pair {} {fault}", i + 1));
        }
        keys
    }
}

/// The entries of a list divided by commas.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}
