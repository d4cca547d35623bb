//! The requests that are measured.

use serde_json::Value;

use crate::{
    Result,
    issuer::Issuer,
    upstream::{self, IDENTITY},
};

/// The key of back ends.
pub const KEY: &str = "a-key-of-the-benchmark";

/// A request.
#[derive(Clone)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub body: Option<String>,
    pub authorization: Option<String>,
    /// The key of back ends. `handler` leaves the check to the Functions host.
    pub key: Option<&'static str>,
    /// The expected status.
    pub status: u16,
}

/// A sort of request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// `issue-token`, for a back end.
    IssueToken,
    /// `my-token`, for a user whose identity is cached.
    KnownUser,
    /// `my-token`, for another user with each request.
    FirstUse,
    /// `my-token`, with a wrong signature.
    Refusal,
    /// `health`.
    Health,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::IssueToken, Self::KnownUser, Self::FirstUse, Self::Refusal, Self::Health];

    /// Those that the peers serve, too.
    pub const COMPARED: [Self; 3] = [Self::IssueToken, Self::KnownUser, Self::Health];

    /// The name in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IssueToken => "issue-token",
            Self::KnownUser => "my-token, known user",
            Self::FirstUse => "my-token, first use",
            Self::Refusal => "my-token, wrong signature",
            Self::Health => "health",
        }
    }

    /// Returns a request of `my-token` with a user's token.
    pub fn my_token(token: &str) -> Request {
        Request {
            method: "POST",
            path: "/api/me/token".to_owned(),
            body: Some("{}".to_owned()),
            authorization: Some(format!("Bearer {token}")),
            key: None,
            status: 200,
        }
    }

    /// Returns this many requests.
    pub async fn requests(self, issuer: &Issuer, count: usize) -> Result<Vec<Request>> {
        let request = match self {
            Self::IssueToken => Request {
                method: "POST",
                path: format!("/api/identities/{IDENTITY}/tokens"),
                body: Some(r#"{"scopes":["chat","voip"]}"#.to_owned()),
                authorization: None,
                key: Some(KEY),
                status: 200,
            },
            Self::Health => Request {
                method: "GET",
                path: "/api/health".to_owned(),
                body: None,
                authorization: None,
                key: None,
                status: 200,
            },
            Self::KnownUser => Self::my_token(&issuer.token("alice").await?),
            Self::Refusal => {
                let token = issuer.token("alice").await?;
                let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
                // The last characters of the signature, so that the whole verification runs.
                let (kept, last) = signature.split_at(signature.len() - 8);
                let last = if last == "AAAAAAAA" { "BBBBBBBB" } else { "AAAAAAAA" };
                Request { status: 401, ..Self::my_token(&format!("{signed}.{kept}{last}")) }
            }
            Self::FirstUse => {
                let mut requests = Vec::new();
                for i in 0..count {
                    requests.push(Self::my_token(&issuer.token(&format!("user {i}")).await?));
                }
                return Ok(requests);
            }
        };
        Ok(vec![request; count])
    }

    /// Checks the body of an answer: every program must send the same values. A proxy sends those of the upstream, which
    /// are not all of the service's.
    pub fn verify(self, body: &str, is_service: bool) -> Result<()> {
        let found: Value = serde_json::from_str(body).map_err(|error| format!("{error} in {body}"))?;
        let token = upstream::token();
        let same = match self {
            Self::Health => found["status"] == "alive",
            Self::Refusal => found["status"] == 401,
            Self::IssueToken | Self::KnownUser | Self::FirstUse => {
                let expires_on = found["expiresOn"].as_str().unwrap_or_default();
                found["token"] == *token
                    && expires_on.starts_with("2099-01-01T00:00:00.123")
                    && (!is_service || found["expiresOnTimestamp"] == upstream::EXPIRES_ON_TIMESTAMP)
                    && (self == Self::IssueToken || found["user"]["communicationUserId"] == IDENTITY)
            }
        };
        if same { Ok(()) } else { Err(format!("another answer to {}: {body}", self.name()).into()) }
    }
}
