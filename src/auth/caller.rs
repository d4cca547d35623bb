//! The caller of a request.

use std::{fmt, sync::Arc};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{guest_pass::GuestPass, short_hash::short_hash};

/// An authenticated caller. The access layer puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A back end with a function key. The Functions host does not tell which key it was.
    FunctionsHost,
    /// A back end with the key of this name in `CALLER_KEYS`.
    Key(Arc<str>),
    /// A back end with a bearer token that has the role of back ends.
    App(Subject),
    /// A signed-in user.
    User(User),
    /// A guest with a pass.
    Guest(GuestPass),
    /// A back end that was not authenticated.
    Anyone,
}

impl Caller {
    /// Returns a stable name that does not identify a user: `host`, `key:web`, `app:1f2e3d4c5b6a7988`,
    /// `user:1f2e3d4c5b6a7988`, `pass:1f2e3d4c5b6a`, `anyone`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::FunctionsHost => "host".to_owned(),
            Self::Key(name) => format!("key:{name}"),
            Self::App(subject) => format!("app:{subject}"),
            Self::User(User { subject, .. }) => format!("user:{subject}"),
            Self::Guest(pass) => format!("pass:{}", short_hash(&pass.id().to_string())),
            Self::Anyone => "anyone".to_owned(),
        }
    }
}

/// A signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's identity at the issuer.
    pub subject: Subject,
    /// The roles that the issuer assigns to the user.
    pub roles: Vec<String>,
    /// The user's Entra account; `None` for other issuers.
    pub account: Option<EntraAccount>,
}

/// An Entra account, as a validated token names it. `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EntraAccount {
    /// The tenant.
    pub tenant: Uuid,
    /// The user's object id in the tenant.
    pub object_id: Uuid,
    /// The application that the user signed in to, if the token names it.
    pub app_id: Option<Uuid>,
}

impl fmt::Debug for EntraAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntraAccount(…)")
    }
}

/// A user or application of an issuer, as a hash. `Display` and `Debug` show its first eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject([u8; 32]);

impl Subject {
    /// Returns the subject for `tid` and `oid` of an Entra token. They identify a user across applications and token
    /// versions.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims>
    #[must_use]
    pub fn entra(tenant: &str, object: &str) -> Self {
        // The case of Entra's GUIDs varies.
        Self::new("entra", &tenant.to_ascii_lowercase(), &object.to_ascii_lowercase())
    }

    /// Returns the subject for `iss` and `sub`, which together are unique (OpenID Connect Core section 5.7).
    #[must_use]
    pub fn oidc(issuer: &str, subject: &str) -> Self {
        Self::new("oidc", issuer, subject)
    }

    fn new(kind: &str, first: &str, second: &str) -> Self {
        // JSON keeps the three texts apart.
        Self(Sha256::digest(serde_json::json!([kind, first, second]).to_string()).into())
    }

    /// Returns the whole hash.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..8]))
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_with_different_claims_differ() {
        let subjects = [
            Subject::oidc("a", "b"),
            Subject::entra("a", "b"),
            Subject::oidc("ab", ""),
            Subject::oidc("a\",\"b", ""),
            Subject::oidc("A", "b"),
        ];
        for (i, one) in subjects.iter().enumerate() {
            assert!(!subjects[..i].contains(one), "{i}");
        }
        assert_eq!(Subject::entra("A", "B"), Subject::entra("a", "b"));
        assert_eq!(Subject::oidc("a", "b").to_string().len(), 16);
    }
}
