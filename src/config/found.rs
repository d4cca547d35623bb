//! The settings as they were found, for people who look for what is wrong.

use super::{
    ACCESS_KEY, API_VERSION, CONNECTION_STRING, ENDPOINT, EnvReader, LOG, LOG_IDENTITY_IDS,
    callers::{
        ALLOW_ANONYMOUS, CALLER_KEYS, OIDC_AUDIENCES, OIDC_ISSUERS, OIDC_MANAGE_ROLE, OIDC_REQUIRED_SCOPE,
        OIDC_ROLES_CLAIM, OIDC_TENANTS,
    },
    directory::{USER_DIRECTORY, USER_DIRECTORY_KEY},
    resource::{CLIENT_ID, CREDENTIAL, IDENTITY_ENDPOINT, IDENTITY_HEADER, SECONDARY_KEY, TENANT_ID, TOKEN_FILE},
    rules::{CORS_ALLOW_CREDENTIALS, CORS_ALLOWED_ORIGINS, RATE_LIMIT, RATE_LIMIT_KEYS, TOKEN_POLICY},
};

/// Every setting that decides how ACS is called and who may call us, and whether its value may be shown.
const ALL: [(&str, Shown); 28] = [
    (CONNECTION_STRING, Shown::Never),
    (ENDPOINT, Shown::Whole),
    (ACCESS_KEY, Shown::Never),
    (SECONDARY_KEY, Shown::Never),
    (CREDENTIAL, Shown::Whole),
    (API_VERSION, Shown::Whole),
    (CLIENT_ID, Shown::Whole),
    (TENANT_ID, Shown::Whole),
    (TOKEN_FILE, Shown::Whole),
    (IDENTITY_ENDPOINT, Shown::Whole),
    (IDENTITY_HEADER, Shown::Never),
    (CALLER_KEYS, Shown::Never),
    (ALLOW_ANONYMOUS, Shown::Whole),
    (OIDC_ISSUERS, Shown::Whole),
    (OIDC_AUDIENCES, Shown::Whole),
    (OIDC_TENANTS, Shown::Whole),
    (OIDC_REQUIRED_SCOPE, Shown::Whole),
    (OIDC_ROLES_CLAIM, Shown::Whole),
    (OIDC_MANAGE_ROLE, Shown::Whole),
    (TOKEN_POLICY, Shown::Whole),
    (RATE_LIMIT, Shown::Whole),
    (RATE_LIMIT_KEYS, Shown::Whole),
    (CORS_ALLOWED_ORIGINS, Shown::Whole),
    (CORS_ALLOW_CREDENTIALS, Shown::Whole),
    (USER_DIRECTORY, Shown::Whole),
    (USER_DIRECTORY_KEY, Shown::Never),
    (LOG, Shown::Whole),
    (LOG_IDENTITY_IDS, Shown::Whole),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Whole,
    Never,
}

/// A setting as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The environment variable.
    pub name: &'static str,
    /// Whether it is set and not empty.
    pub is_set: bool,
    /// Its value, where that is no secret and no fault.
    pub value: Option<String>,
    /// What is wrong with it.
    pub faults: Vec<String>,
}

impl EnvReader<'_> {
    /// Every setting, and what has been found wrong with it so far.
    #[must_use]
    pub fn found(&self) -> Vec<Found> {
        let found = |(name, shown): (&'static str, Shown)| {
            let value = (self.get)(name).filter(|value| !value.is_empty());
            let faults: Vec<String> =
                self.faults.iter().filter(|fault| fault.setting == name).map(|fault| fault.detail.clone()).collect();
            // A value at fault may be a secret in the wrong place.
            let may_be_shown = shown == Shown::Whole && faults.is_empty();
            let is_set = value.is_some();
            let value = value.and_then(|value| value.into_string().ok()).filter(|_| may_be_shown);
            Found { name, is_set, value, faults }
        };
        ALL.into_iter().map(found).collect()
    }

    /// Whether anything says how callers are checked; a Functions host does that by itself.
    #[must_use]
    pub fn names_callers(&self) -> bool {
        self.is_any_set(&[CALLER_KEYS, ALLOW_ANONYMOUS, OIDC_ISSUERS])
    }

    pub(super) fn is_any_set(&self, names: &[&str]) -> bool {
        names.iter().any(|name| (self.get)(name).is_some_and(|value| !value.is_empty()))
    }
}
