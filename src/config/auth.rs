//! The settings that authenticate callers.

use std::collections::HashSet;

use uuid::Uuid;

use super::{
    EnvReader, Program,
    table::{
        ALLOW_ANONYMOUS, CALLER_KEYS, OIDC_AUDIENCES, OIDC_ISSUERS, OIDC_MANAGE_ROLE, OIDC_REQUIRED_SCOPE,
        OIDC_ROLES_CLAIM, OIDC_TENANTS,
    },
};
use crate::auth::{
    Authenticator, BackendAuth, Bearer, RoleMapping,
    bearer::{BearerSettings, Issuer},
};

/// Entra's discovery document has this in place of a tenant id.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// The claims that identify a user. None of them can list roles.
const IDENTITY_CLAIMS: [&str; 4] = ["iss", "sub", "tid", "oid"];

impl EnvReader<'_> {
    /// Returns how callers are authenticated.
    pub fn authenticator(&mut self, program: Program) -> Option<Authenticator> {
        let bearer = self.bearer();
        if program == Program::Functions {
            return Some(Authenticator { backend_auth: BackendAuth::FunctionsHost, bearer });
        }
        let (anonymous, keys) = (self.flag(ALLOW_ANONYMOUS)?, self.caller_keys());
        if anonymous {
            for name in [CALLER_KEYS, OIDC_ISSUERS].into_iter().filter(|name| self.is_set(name)).collect::<Vec<_>>() {
                self.report(ALLOW_ANONYMOUS, format!("is `true`, but {name} is also set; unset one of them"));
            }
            self.warn(ALLOW_ANONYMOUS, "is true: back ends are not authenticated");
            return Some(Authenticator { backend_auth: BackendAuth::Anyone, bearer });
        }
        if !self.is_any_set(&[CALLER_KEYS, OIDC_ISSUERS]) {
            let detail = "is missing; set name=key pairs separated by semicolons, or set OIDC_ISSUERS, or set \
                          ALLOW_ANONYMOUS=true if callers are authenticated before they reach this service";
            return self.reject(CALLER_KEYS, detail);
        }
        Some(Authenticator { backend_auth: BackendAuth::Keys(keys), bearer })
    }

    /// Returns whether any setting says how callers are authenticated. The Functions host needs none.
    #[must_use]
    pub fn names_callers(&self) -> bool {
        self.is_any_set(&[CALLER_KEYS, ALLOW_ANONYMOUS, OIDC_ISSUERS])
    }

    /// Returns how bearer tokens are validated, or `None` if no issuer is set or a setting is invalid.
    fn bearer(&mut self) -> Option<Bearer> {
        let (role_mapping, required_scope) = (self.role_mapping(), self.required_scope());
        if !self.is_set(OIDC_ISSUERS) {
            for name in [OIDC_AUDIENCES, OIDC_TENANTS, OIDC_REQUIRED_SCOPE] {
                if self.is_set(name) {
                    self.report(name, format!("has no effect without {OIDC_ISSUERS}; set both or neither"));
                }
            }
            return None;
        }
        if !self.is_set(OIDC_AUDIENCES) {
            let detail = format!("is missing; set the `aud` values that tokens of {OIDC_ISSUERS} must have");
            self.report(OIDC_AUDIENCES, detail);
        }
        let audiences: HashSet<String> = self.list(OIDC_AUDIENCES, ',')?.into_iter().collect();
        let issuers = self.issuers();
        let settings = BearerSettings { issuers, audiences, required_scope, role_mapping };
        Bearer::new(settings).map_err(|error| self.report(OIDC_ISSUERS, error.to_string())).ok()
    }

    fn role_mapping(&mut self) -> RoleMapping {
        let default = RoleMapping::default();
        let roles_claim = self.value(OIDC_ROLES_CLAIM).unwrap_or(default.roles_claim);
        if IDENTITY_CLAIMS.contains(&&*roles_claim) {
            self.report(OIDC_ROLES_CLAIM, "names a claim that identifies the user; use a claim that lists roles");
        }
        RoleMapping { roles_claim, manage_role: self.value(OIDC_MANAGE_ROLE).unwrap_or(default.manage_role) }
    }

    fn required_scope(&mut self) -> Option<String> {
        let scope = self.value(OIDC_REQUIRED_SCOPE)?;
        // RFC 6749 section 3.3.
        if scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
            Some(scope)
        } else {
            self.reject(OIDC_REQUIRED_SCOPE, "is not a scope; set exactly one, without spaces and quotes")
        }
    }

    /// Returns the issuers. An issuer with a placeholder stands for one issuer per tenant.
    fn issuers(&mut self) -> Vec<Issuer> {
        let (names, tenants) = (self.list(OIDC_ISSUERS, ',').unwrap_or_default(), self.tenants());
        let has_template = names.iter().any(|name| name.contains(TENANT_PLACEHOLDER));
        if has_template && !self.is_set(OIDC_TENANTS) {
            self.report(OIDC_TENANTS, format!("is missing; an issuer contains {TENANT_PLACEHOLDER}"));
        }
        if !has_template && self.is_set(OIDC_TENANTS) {
            let detail = format!("has no effect; no issuer contains {TENANT_PLACEHOLDER}; unset it");
            self.report(OIDC_TENANTS, detail);
        }
        let mut issuers = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let parsed: Result<Vec<_>, _> = if name.contains(TENANT_PLACEHOLDER) {
                let each = tenants.iter().map(|tenant| (name.replace(TENANT_PLACEHOLDER, tenant), Some(&**tenant)));
                each.map(|(name, tenant)| Issuer::new(&name, tenant)).collect()
            } else {
                Issuer::new(name, None).map(|issuer| vec![issuer])
            };
            match parsed {
                Ok(parsed) => issuers.extend(parsed),
                Err(error) => self.report(OIDC_ISSUERS, format!("entry {} {error}", i + 1)),
            }
        }
        issuers
    }

    fn tenants(&mut self) -> Vec<String> {
        let mut tenants = Vec::new();
        for (i, text) in self.list(OIDC_TENANTS, ',').unwrap_or_default().into_iter().enumerate() {
            match Uuid::try_parse(&text) {
                Ok(tenant) => tenants.push(tenant.to_string()),
                Err(_) => self.report(OIDC_TENANTS, format!("entry {} is not a GUID", i + 1)),
            }
        }
        tenants
    }
}
