//! Who is calling, once it is known.

use std::{fmt, sync::Arc};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Who is calling. The router puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The Functions host has checked a function key. It does not say which.
    Host,
    /// One of `CALLER_KEYS`, by its name.
    Key(Arc<str>),
    /// A trusted back end with a bearer token that has the managing role.
    App(Subject),
    /// A signed-in person.
    User(User),
    /// Nobody checked.
    Anyone,
}

impl Caller {
    /// A name that stays the same from request to request and says nothing of a person: `host`, `key:web`,
    /// `app:1f2e3d4c5b6a7988`, `person:1f2e3d4c5b6a7988`, `anyone`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Host => "host".to_owned(),
            Self::Key(name) => format!("key:{name}"),
            Self::App(subject) => format!("app:{subject}"),
            Self::User(User { subject, .. }) => format!("person:{subject}"),
            Self::Anyone => "anyone".to_owned(),
        }
    }
}

/// A signed-in person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who it is.
    pub subject: Subject,
    /// The roles that the issuer says the person has.
    pub roles: Vec<String>,
    /// The person's account in Entra, where that is what they signed in with.
    pub account: Option<EntraAccount>,
}

/// An account in Entra, as a checked token names it. `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EntraAccount {
    /// The tenant.
    pub tenant: Uuid,
    /// The user's object id there.
    pub object_id: Uuid,
    /// The application through which the person signed in, where that is said.
    pub app_id: Option<Uuid>,
}

impl EntraAccount {
    pub(super) fn new(tenant: &str, object: &str, app: Option<&str>) -> Option<Self> {
        let app_id = app.and_then(|app| app.parse().ok());
        Some(Self { tenant: tenant.parse().ok()?, object_id: object.parse().ok()?, app_id })
    }
}

impl fmt::Debug for EntraAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntraAccount(…)")
    }
}

/// One user or application of one issuer, as a hash. What is printed of it is too short to be looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject([u8; 32]);

impl Subject {
    /// A user of an Entra tenant (`tid`, `oid`), who is the same in all its applications and both versions of its tokens.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims>
    #[must_use]
    pub fn entra(tenant: &str, object: &str) -> Self {
        // Entra writes GUIDs in any case.
        Self::of("entra", &tenant.to_ascii_lowercase(), &object.to_ascii_lowercase())
    }

    /// A user of any other issuer (`iss`, `sub`; OpenID Connect Core section 5.7: both together, and nothing else, are
    /// unique).
    #[must_use]
    pub fn oidc(issuer: &str, subject: &str) -> Self {
        Self::of("oidc", issuer, subject)
    }

    fn of(kind: &str, first: &str, second: &str) -> Self {
        // JSON, so that no text can reach over into its neighbour.
        Self(Sha256::digest(serde_json::json!([kind, first, second]).to_string()).into())
    }

    /// The whole hash.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
    fn subjects_do_not_run_into_each_other() {
        let subjects = [
            Subject::oidc("a", "b"),
            Subject::entra("a", "b"),
            Subject::oidc("ab", ""),
            Subject::oidc("a\",\"b", ""),
            Subject::oidc("A", "b"),
        ];
        for (i, one) in subjects.iter().enumerate() {
            assert!(subjects[..i].iter().all(|other| other != one), "{i}");
        }
        assert_eq!(Subject::entra("A", "B"), Subject::entra("a", "b"));
        assert_eq!(Subject::oidc("a", "b").to_string().len(), 16);
    }
}
