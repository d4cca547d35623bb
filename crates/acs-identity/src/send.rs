//! One call: the URL from parsed parts, its tries, the answer or the error in it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Response, StatusCode, Url, header::CONTENT_TYPE};
use uuid::Uuid;

use super::{
    Client, ClientOptions, Error,
    credential::{Failure, Proof},
    error::{self, Fault, Kind},
    observe::Try,
    retry::{self, Idempotency},
    service_error::service_error,
    types::IdentityId,
};

/// RFC 3986 section 2.3: these need no encoding. The colons of an id do, as in the official SDKs.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// No answer of ACS Identity comes near it.
const MAX_ANSWER: usize = 64 * 1024;

/// The operations of ACS Identity that this client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    CreateIdentity,
    IssueToken(&'a IdentityId),
    RevokeTokens(&'a IdentityId),
    DeleteIdentity(&'a IdentityId),
    ExchangeTeamsToken,
}

impl Operation<'_> {
    /// Its name: that of the function which calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::CreateIdentity => "create-identity",
            Self::IssueToken(_) => "issue-token",
            Self::RevokeTokens(_) => "revoke-tokens",
            Self::DeleteIdentity(_) => "delete-identity",
            Self::ExchangeTeamsToken => "exchange-teams-token",
        }
    }

    fn method(self) -> Method {
        match self {
            Self::DeleteIdentity(_) => Method::DELETE,
            _ => Method::POST,
        }
    }

    /// The path under the endpoint. The colon before an action is literal.
    fn path(self) -> String {
        let of =
            |id: &IdentityId, action| format!("/identities/{}{action}", utf8_percent_encode(id.as_str(), PATH_SEGMENT));
        match self {
            Self::CreateIdentity => "/identities".to_owned(),
            Self::IssueToken(id) => of(id, "/:issueAccessToken"),
            Self::RevokeTokens(id) => of(id, "/:revokeAccessTokens"),
            Self::DeleteIdentity(id) => of(id, ""),
            Self::ExchangeTeamsToken => "/teamsUser/:exchangeAccessToken".to_owned(),
        }
    }

    const fn repeat(self) -> Idempotency {
        match self {
            Self::CreateIdentity => Idempotency::NotIdempotent,
            Self::IssueToken(_) | Self::RevokeTokens(_) | Self::DeleteIdentity(_) | Self::ExchangeTeamsToken => {
                Idempotency::Idempotent
            }
        }
    }

    const fn success(self) -> StatusCode {
        match self {
            Self::CreateIdentity => StatusCode::CREATED,
            Self::IssueToken(_) | Self::ExchangeTeamsToken => StatusCode::OK,
            Self::RevokeTokens(_) | Self::DeleteIdentity(_) => StatusCode::NO_CONTENT,
        }
    }
}

impl Client {
    /// Makes one call, in as many tries as it takes and may take, and gives what `read` makes of its success.
    pub(super) async fn send<T>(
        &self,
        operation: Operation<'_>,
        body: Vec<u8>,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        let call = Call {
            url: self.url(operation),
            operation,
            // ACS's support can find all tries of a call by it.
            request_id: Uuid::new_v4(),
            body: body.into(),
        };
        let start = Instant::now();
        let (mut tries, mut denied_before) = (0, false);
        let result = loop {
            tries += 1;
            let left = self.settings.deadline.saturating_sub(start.elapsed());
            let (error, denied) = match self.attempt(&call, left, &read).await {
                Ok(answer) => break Ok(answer),
                Err(Failed { error, denied }) => (error, denied),
            };
            // Once in a call: two keys that are both wrong would be tried in turns.
            if let Some(proof) = denied.filter(|_| !denied_before) {
                denied_before = true;
                if self.settings.credential.denied(proof) && tries < retry::MAX_TRIES {
                    tracing::debug!(tries, cause = %error, "trying again with another credential");
                    continue;
                }
            }
            let left = self.settings.deadline.saturating_sub(start.elapsed());
            let Some(wait) = retry::wait(operation.repeat(), &error, tries, left, random()) else { break Err(error) };
            let wait_ms = wait.as_millis();
            tracing::debug!(tries, wait_ms, cause = error::causes(&error), "trying again");
            tokio::time::sleep(wait).await;
        };
        self.note(tries, start.elapsed(), result.as_ref().err());
        result
    }

    /// One try, within the time that is left and its own.
    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        left: Duration,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Failed> {
        let (start, time) = (Instant::now(), left.min(self.settings.try_timeout));
        let method = call.operation.method();
        let ClientOptions { credential, endpoint, .. } = &*self.settings;
        let authorised = credential.authorise(&self.http, endpoint, &method, &call.url, &call.body);
        let authorised = tokio::time::timeout(time, authorised).await;
        let (headers, proof) = authorised.unwrap_or(Err(Error::Credential(Failure::GAVE_UP)))?;
        let seen = Try::start(call.operation.name(), &method, endpoint);
        let request = self
            .http
            .request(method, call.url.clone())
            .timeout(time.saturating_sub(start.elapsed()))
            .header(CONTENT_TYPE, "application/json")
            .header("x-ms-client-request-id", call.request_id.to_string())
            .headers(seen.headers())
            .headers(headers)
            .body(call.body.clone());
        let response = request.send().await.map_err(|error| seen.broke(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        seen.answered(status, &headers);
        let body = whole(response).await.map_err(|error| seen.broke(error))?;
        if status == call.operation.success() {
            return Ok(read(&body).ok_or(Error::InvalidResponse { status, fault: Fault::Body })?);
        }
        if !status.is_client_error() && !status.is_server_error() {
            return Err(Error::InvalidResponse { status, fault: Fault::Status }.into());
        }
        let error = service_error(status, &headers, &body, call.request_id);
        // ACS checks the credential before anything else, so nothing was done.
        let denied = (error.kind == Kind::Denied).then_some(proof);
        Err(Failed { error: Error::Service(Box::new(error)), denied })
    }

    fn url(&self, operation: Operation<'_>) -> Url {
        let mut url = self.settings.endpoint.url().clone();
        url.set_path(&operation.path());
        url.set_query(Some(&format!("api-version={}", self.settings.api_version.as_str())));
        url
    }
}

/// What all tries of a call have in common.
struct Call<'a> {
    operation: Operation<'a>,
    url: Url,
    request_id: Uuid,
    body: Bytes,
}

/// A try that failed.
struct Failed {
    error: Error,
    /// What ACS denied, if that is what it did.
    denied: Option<Proof>,
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), denied: None }
    }
}

/// A number from 0 to 1 that nobody can foresee, nor has to.
fn random() -> f64 {
    f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

/// The whole body, up to a bound.
async fn whole(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err(Error::InvalidResponse { status: response.status(), fault: Fault::TooLong });
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::connection_string::ConnectionString;

    const IDENTITY: &str = "8:(acs|spool|[a-z]{1,5}-acs):[A-Za-z0-9-]{1,40}(_[A-Za-z0-9-]{1,40}){1,3}";

    proptest! {
        // A file for failed cases would dirty the tree; the failure prints its case.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_id_is_one_segment_of_the_url(text in IDENTITY) {
            // Making one takes a while.
            thread_local!(static CLIENT: Client = {
                let text = "endpoint=http://127.0.0.1:7072;accesskey=cHc=";
                Client::new(ClientOptions::from(text.parse::<ConnectionString>().unwrap())).unwrap()
            });
            let id: IdentityId = text.parse().unwrap();
            for (operation, rest) in [
                (Operation::DeleteIdentity(&id), None),
                (Operation::IssueToken(&id), Some(":issueAccessToken")),
                (Operation::RevokeTokens(&id), Some(":revokeAccessTokens")),
            ] {
                let url = CLIENT.with(|client| client.url(operation));
                let mut segments = url.path_segments().unwrap();
                prop_assert_eq!(segments.next(), Some("identities"));
                let segment = percent_encoding::percent_decode_str(segments.next().unwrap()).decode_utf8().unwrap();
                prop_assert_eq!(&*segment, &text);
                prop_assert_eq!((segments.next(), segments.next()), (rest, None));
                prop_assert_eq!(url.query(), Some("api-version=2025-06-30"));
            }
        }
    }

    #[test]
    fn encodes_the_id_and_leaves_the_colon_of_the_action() {
        let id: IdentityId =
            "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081".parse().unwrap();
        let text = "endpoint=http://127.0.0.1:7072;accesskey=cHc=";
        let client = Client::new(ClientOptions::from(text.parse::<ConnectionString>().unwrap())).unwrap();
        let encoded = "8%3Aacs%3A2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081";
        for (operation, path) in [
            (Operation::CreateIdentity, "/identities".to_owned()),
            (Operation::IssueToken(&id), format!("/identities/{encoded}/:issueAccessToken")),
            (Operation::RevokeTokens(&id), format!("/identities/{encoded}/:revokeAccessTokens")),
            (Operation::DeleteIdentity(&id), format!("/identities/{encoded}")),
            (Operation::ExchangeTeamsToken, "/teamsUser/:exchangeAccessToken".to_owned()),
        ] {
            let url = client.url(operation);
            assert_eq!(url.as_str(), format!("http://127.0.0.1:7072{path}?api-version=2025-06-30"));
        }
    }

    #[test]
    fn asks_for_the_version_that_is_set() {
        let text = "endpoint=http://127.0.0.1:7072;accesskey=cHc=";
        let mut settings = ClientOptions::from(text.parse::<ConnectionString>().unwrap());
        settings.api_version = "2025-03-02-preview".parse().unwrap();
        let client = Client::new(settings).unwrap();
        let url = client.url(Operation::CreateIdentity);
        assert_eq!(url.as_str(), "http://127.0.0.1:7072/identities?api-version=2025-03-02-preview");
    }
}
