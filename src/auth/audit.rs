//! What was done for whom: a record for each token issued or exchanged, each revocation, each identity made or deleted.

use acs_identity::types::{IdentityId, Scope, TokenLifetime, TokenRequest};
use axum::extract::FromRequestParts;
use http::request::Parts;

use super::caller::Caller;
use crate::{
    problem::{Kind, Problem},
    short_hash::short_hash,
};

/// The id of a request, as the platform or we gave it. It stands in the extensions, where no client reaches.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Writes records of one request.
#[derive(Debug, Clone)]
pub struct Auditor {
    caller: String,
    request_id: String,
}

impl<S: Sync> FromRequestParts<S> for Auditor {
    type Rejection = Problem;

    /// From what `app` knows. A request that nobody has looked at is refused rather than served without a record.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (caller, id) = (parts.extensions.get::<Caller>(), parts.extensions.get::<RequestId>());
        let auditor = caller.zip(id).map(|(caller, id)| Self { caller: caller.label(), request_id: id.0.clone() });
        auditor.ok_or_else(|| {
            Problem::new(Kind::Internal, "Something went wrong in here. The operator's log says more.")
                .with_cause("the route has no guard: nobody has said who the caller is")
        })
    }
}

impl Auditor {
    /// A record of an action, named as the function that does it. It is written when it is dropped, so that there is
    /// one even if the caller hangs up half way.
    #[must_use]
    pub fn record(&self, action: &'static str) -> Record {
        Record { auditor: self.clone(), action, identity: None, scopes: None, minutes: None, outcome: "interrupted" }
    }
}

/// One record, written at its end.
#[derive(Debug)]
pub struct Record {
    auditor: Auditor,
    action: &'static str,
    identity: Option<String>,
    scopes: Option<String>,
    minutes: Option<u16>,
    outcome: &'static str,
}

impl Record {
    /// Whose tokens or which identity it is about. Ids are for finding records again, so a short hash is enough.
    pub fn identity(&mut self, id: &IdentityId) {
        self.subject(id.as_str());
    }

    /// The same for an id of another kind, such as a Teams user's.
    pub fn subject(&mut self, id: &str) {
        self.identity = Some(short_hash(id));
    }

    /// What is asked for, before it is known what is given.
    pub fn asked(&mut self, scopes: Option<&[Scope]>, lifetime: Option<TokenLifetime>) {
        self.scopes = scopes.map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
        self.minutes = lifetime.map(TokenLifetime::minutes);
    }

    /// What is given.
    pub fn token(&mut self, token: &TokenRequest) {
        self.asked(Some(token.scopes()), Some(token.lifetime().unwrap_or(TokenLifetime::MAX)));
    }

    /// Records the problem. Nothing has been done otherwise.
    ///
    /// # Errors
    /// The problem.
    pub fn unless_refused<T>(&mut self, result: Result<T, Problem>) -> Result<T, Problem> {
        result.inspect_err(|problem| self.outcome = problem.kind.parts().0)
    }

    /// Notes that it is done.
    pub fn done(mut self) {
        self.outcome = "done";
    }

    /// Notes how it ended.
    ///
    /// # Errors
    /// As a problem, what went wrong.
    pub fn settle<T, E: Into<Problem>>(&mut self, result: Result<T, E>) -> Result<T, Problem> {
        self.outcome = "done";
        self.unless_refused(result.map_err(Into::into))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Self { auditor: Auditor { caller, request_id }, action, identity, scopes, minutes, outcome } = self;
        // The names of the fields are a contract: docs/security.md.
        tracing::info!(
            target: "acs_tokens::audit",
            caller = *caller,
            action,
            identity = identity.as_deref(),
            scopes = scopes.as_deref(),
            minutes,
            outcome,
            request_id = *request_id,
            "audit"
        );
    }
}
