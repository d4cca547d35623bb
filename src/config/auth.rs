//! The settings that authenticate callers.

use super::{
    EnvReader, Program,
    table::{ALLOW_ANONYMOUS, CALLER_KEYS, OIDC_ISSUERS},
};
use crate::auth::{Authenticator, BackendAuth};

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

    /// Returns how `dev` authenticates back ends: by `CALLER_KEYS` if they are set, and otherwise not, as under
    /// `func start`.
    pub fn local_back_ends(&mut self) -> BackendAuth {
        if self.is_set(CALLER_KEYS) { BackendAuth::Keys(self.caller_keys()) } else { BackendAuth::Anyone }
    }

    /// Returns whether any setting says how callers are authenticated. The Functions host needs none.
    #[must_use]
    pub fn names_callers(&self) -> bool {
        self.is_any_set(&[CALLER_KEYS, ALLOW_ANONYMOUS, OIDC_ISSUERS])
    }
}
