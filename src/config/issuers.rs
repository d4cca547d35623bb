//! The settings of trusted issuers: one list with rules for all of them, or a document with the rules of each.

mod rules;

use std::collections::HashSet;

use acs_identity::causes;
use uuid::Uuid;

use self::rules::{Entry, Rules};
use super::{
    EnvReader,
    table::{
        OIDC_AUDIENCES, OIDC_CLIENTS, OIDC_ISSUERS, OIDC_MANAGE_ROLE, OIDC_REQUIRED_SCOPE, OIDC_ROLES_CLAIM,
        OIDC_TENANTS,
    },
};
use crate::auth::{
    Bearer, TrustedIssuer,
    bearer::{DEFAULT_MANAGE_ROLE, DEFAULT_ROLES_CLAIM, Issuer},
};

/// Entra's discovery document has this in place of a tenant id.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// The claims that identify a caller. None of them can list roles.
const IDENTITY_CLAIMS: [&str; 4] = ["iss", "sub", "tid", "oid"];

impl EnvReader<'_> {
    /// Returns how bearer tokens are validated, or `None` if no issuer is set or a setting is invalid.
    pub(super) fn bearer(&mut self) -> Option<Bearer> {
        let issuers = self.trusted_issuers()?;
        Bearer::new(issuers).map_err(|error| self.report(OIDC_ISSUERS, causes(&error))).ok()
    }

    /// Returns the trusted issuers, or `None` if none is set or a setting is invalid.
    pub fn trusted_issuers(&mut self) -> Option<Vec<TrustedIssuer>> {
        let defaults = self.issuer_defaults();
        if !self.is_set(OIDC_ISSUERS) {
            for name in [OIDC_AUDIENCES, OIDC_TENANTS, OIDC_CLIENTS, OIDC_REQUIRED_SCOPE] {
                if self.is_set(name) {
                    self.report(name, format!("has no effect without {OIDC_ISSUERS}; set both or neither"));
                }
            }
            return None;
        }
        let text = self.value(OIDC_ISSUERS)?;
        let entries = if rules::is_document(&text) {
            rules::read(&text).map_err(|fault| self.report(OIDC_ISSUERS, fault)).ok()?
        } else {
            let names = self.list(OIDC_ISSUERS)?;
            names.into_iter().enumerate().map(|(i, name)| Entry::listed(i, name)).collect()
        };
        self.check_defaults(&entries, &defaults);
        let trusted = self.trust(&entries, &defaults);
        if trusted.iter().any(|trusted| trusted.issuer.is_microsoft() && trusted.required_scope.is_none()) {
            let detail = "is missing: set the scope that users' tokens from Entra must have, such as `access_as_user`; \
                          without it, a token with any scope of this service is accepted";
            self.warn(OIDC_REQUIRED_SCOPE, detail);
        }
        Some(trusted)
    }

    /// Returns the rules for issuers that have none of their own.
    fn issuer_defaults(&mut self) -> Rules {
        let roles_claim = self.value(OIDC_ROLES_CLAIM).unwrap_or_else(|| DEFAULT_ROLES_CLAIM.to_owned());
        let required_scope = self.value(OIDC_REQUIRED_SCOPE);
        self.check_claim(OIDC_ROLES_CLAIM, "", &roles_claim);
        self.check_scope(OIDC_REQUIRED_SCOPE, "", required_scope.as_deref());
        Rules {
            audiences: self.list(OIDC_AUDIENCES),
            tenants: self.list(OIDC_TENANTS),
            clients: self.list(OIDC_CLIENTS),
            manage_role: self.value(OIDC_MANAGE_ROLE),
            roles_claim: Some(roles_claim),
            required_scope,
            ..Rules::default()
        }
    }

    fn trust(&mut self, entries: &[Entry], defaults: &Rules) -> Vec<TrustedIssuer> {
        let names_back_ends = entries.iter().any(|entry| entry.rules.manage_role.is_some());
        let mut trusted: Vec<TrustedIssuer> = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            self.check_rules(entry);
            let mut rules = entry.rules.or(defaults);
            let issuers = self.issuers_of(entry, &rules);
            // Each tenant's administrators assign roles on their own, so one of several must not manage all identities.
            if i == 0 && !names_back_ends && issuers.len() == 1 {
                rules.manage_role = defaults.manage_role.clone().or_else(|| Some(DEFAULT_MANAGE_ROLE.to_owned()));
            }
            for issuer in issuers {
                if trusted.iter().any(|other| other.issuer.name() == issuer.name()) {
                    self.report(OIDC_ISSUERS, entry.fault("issuer", "repeats an earlier issuer; remove one of them"));
                }
                let Rules { audiences, clients, manage_role, roles_claim, required_scope, .. } = rules.clone();
                trusted.push(TrustedIssuer {
                    clients: clients.map(HashSet::from_iter),
                    manage_role,
                    required_scope,
                    roles_claim: roles_claim.unwrap_or_default(),
                    ..TrustedIssuer::new(issuer, audiences.unwrap_or_default())
                });
            }
        }
        trusted
    }

    /// Returns the issuer of an entry. One with a placeholder stands for one issuer per tenant.
    fn issuers_of(&mut self, entry: &Entry, rules: &Rules) -> Vec<Issuer> {
        let tenants = match &rules.tenants {
            _ if !rules.issuer.contains(TENANT_PLACEHOLDER) => vec![None],
            // What is missing or no GUID is reported elsewhere.
            tenants => tenants.iter().flatten().filter_map(|text| Uuid::try_parse(text).ok()).map(Some).collect(),
        };
        let mut issuers = Vec::new();
        for tenant in tenants {
            let tenant = tenant.map(|tenant| tenant.to_string());
            let fill = |text: &str| text.replace(TENANT_PLACEHOLDER, tenant.as_deref().unwrap_or(TENANT_PLACEHOLDER));
            let issuer = Issuer::new(&fill(&rules.issuer), tenant.as_deref()).map_err(|error| ("issuer", error));
            let issuer = issuer.and_then(|issuer| match &rules.metadata {
                Some(address) => issuer.with_metadata(&fill(address)).map_err(|error| ("metadata", error)),
                None => Ok(issuer),
            });
            match issuer {
                Ok(issuer) => issuers.push(issuer),
                Err((member, error)) => {
                    self.report(OIDC_ISSUERS, entry.fault(member, error));
                    break;
                }
            }
        }
        issuers
    }

    /// Checks the settings for all issuers against the issuers.
    fn check_defaults(&mut self, entries: &[Entry], defaults: &Rules) {
        if !self.is_set(OIDC_AUDIENCES) && entries.iter().any(|entry| entry.rules.audiences.is_none()) {
            let detail = format!("is missing; set the `aud` values that tokens of {OIDC_ISSUERS} must have");
            self.report(OIDC_AUDIENCES, detail);
        }
        let mut without_tenants = entries
            .iter()
            .filter(|entry| entry.rules.issuer.contains(TENANT_PLACEHOLDER) && entry.rules.tenants.is_none());
        match (without_tenants.next().is_some(), self.is_set(OIDC_TENANTS)) {
            (true, false) => self.report(OIDC_TENANTS, format!("is missing; an issuer contains {TENANT_PLACEHOLDER}")),
            (false, true) => {
                let detail = format!("has no effect; no issuer contains {TENANT_PLACEHOLDER}; unset it");
                self.report(OIDC_TENANTS, detail);
            }
            _ => {}
        }
        for (i, text) in defaults.tenants.iter().flatten().enumerate() {
            if Uuid::try_parse(text).is_err() {
                self.report(OIDC_TENANTS, format!("entry {} is not a GUID", i + 1));
            }
        }
        if self.is_set(OIDC_MANAGE_ROLE) && entries.iter().any(|entry| entry.rules.manage_role.is_some()) {
            let detail =
                format!("has no effect; {OIDC_ISSUERS} names the issuers of back ends with `manageRole`; unset it");
            self.report(OIDC_MANAGE_ROLE, detail);
        }
    }

    /// Checks the rules of one issuer in a document.
    fn check_rules(&mut self, entry: &Entry) {
        let Rules { issuer, audiences, tenants, clients, manage_role, roles_claim, required_scope, .. } = &entry.rules;
        for (member, list) in [("audiences", audiences), ("tenants", tenants), ("clients", clients)] {
            if list.as_ref().is_some_and(|list| list.is_empty() || list.iter().any(|text| text.trim().is_empty())) {
                self.report(OIDC_ISSUERS, entry.fault(member, "must list at least one text, and no empty one"));
            }
        }
        if tenants.is_some() && !issuer.contains(TENANT_PLACEHOLDER) {
            let fault = format!("has no effect; the issuer does not contain {TENANT_PLACEHOLDER}; remove it");
            self.report(OIDC_ISSUERS, entry.fault("tenants", fault));
        }
        for (i, text) in tenants.iter().flatten().enumerate() {
            if Uuid::try_parse(text).is_err() {
                self.report(OIDC_ISSUERS, entry.fault(&format!("tenants[{i}]"), "is not a GUID"));
            }
        }
        if manage_role.as_ref().is_some_and(|role| role.trim().is_empty()) {
            self.report(OIDC_ISSUERS, entry.fault("manageRole", "is empty; name a role, or remove it"));
        }
        if let Some(claim) = roles_claim {
            self.check_claim(OIDC_ISSUERS, &entry.fault("rolesClaim", ""), claim);
        }
        self.check_scope(OIDC_ISSUERS, &entry.fault("requiredScope", ""), required_scope.as_deref());
    }

    fn check_claim(&mut self, setting: &'static str, place: &str, claim: &str) {
        if IDENTITY_CLAIMS.contains(&claim) || claim.is_empty() {
            let fault = "names a claim that identifies the caller; use a claim that lists roles";
            self.report(setting, format!("{place}{fault}"));
        }
    }

    fn check_scope(&mut self, setting: &'static str, place: &str, scope: Option<&str>) {
        // RFC 6749 section 3.3.
        let is_scope =
            |scope: &str| !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        if !scope.is_none_or(is_scope) {
            self.report(setting, format!("{place}is not a scope; set exactly one, without spaces and quotes"));
        }
    }
}
