//! One call to ACS: its attempts, and the response or error of the last one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{
    Method, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::{
    Attempt, AttemptOutcome, CallSummary, Error, ErrorKind, IdentityClient, IdentityId, InvalidResponseReason, Retry,
    ServiceError,
    client::Inner,
    credential::{self, Proof},
    http::{BodyError, read_body},
    operation::Operation,
    retry,
};

/// The longest response body, in bytes. Real ones have less than 4 KiB.
const MAX_BODY: usize = 64 * 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The header that Microsoft's support finds a call by.
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// A result that is read from a response body.
pub(crate) trait Response {
    /// The identity in the response.
    fn identity(&self) -> Option<&IdentityId> {
        None
    }
}

impl Response for () {}

/// The parts that all attempts of a call have in common.
struct Call<'a> {
    /// The bearer token that authorizes the call in place of the client's credential.
    bearer: Option<&'a SecretString>,
    operation: Operation,
    identity: Option<&'a IdentityId>,
    method: Method,
    url: Url,
    /// Microsoft's support can find all attempts of a call by it.
    request_id: Uuid,
    body: Bytes,
}

/// A failed attempt.
struct Failed {
    error: Error,
    /// The credential that ACS denied, if that is the failure.
    denied: Option<Proof>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, denied: None }
    }
}

impl IdentityClient {
    /// Makes one call in one or more attempts, and returns what `read` makes of the response body.
    pub(crate) async fn send<T: Response>(
        &self,
        operation: Operation,
        identity: Option<&IdentityId>,
        body: Vec<u8>,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        self.send_as(None, operation, identity, body, read).await
    }

    /// Makes one call as [`Self::send`], authorized by `bearer` if it is given.
    pub(crate) async fn send_as<T: Response>(
        &self,
        bearer: Option<&SecretString>,
        operation: Operation,
        identity: Option<&IdentityId>,
        body: Vec<u8>,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Error> {
        let client = &*self.0;
        let call = Call {
            bearer,
            operation,
            identity,
            method: operation.method(),
            url: operation.url(&client.endpoint, identity, &client.options.api_version),
            request_id: Uuid::new_v4(),
            body: body.into(),
        };
        let start = Instant::now();
        let (attempts, result) = client.attempts(&call, start, read).await;
        client.options.observer.call_ended(&CallSummary {
            operation: operation.name(),
            identity: identity.or_else(|| result.as_ref().ok().and_then(Response::identity)),
            attempts,
            elapsed: start.elapsed(),
            error: result.as_ref().err(),
        });
        result
    }
}

impl Inner {
    async fn attempts<T>(
        &self,
        call: &Call<'_>,
        start: Instant,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> (u32, Result<T, Error>) {
        let left = || self.options.deadline.saturating_sub(start.elapsed());
        let (mut attempts, mut denied_before) = (0, false);
        loop {
            attempts += 1;
            let Failed { error, denied } = match self.attempt(call, left(), &read).await {
                Ok(response) => return (attempts, Ok(response)),
                Err(failed) => failed,
            };
            // Once in a call: two wrong keys would alternate.
            let renewed = match denied.filter(|_| !denied_before) {
                Some(proof) => {
                    denied_before = true;
                    self.credential.replace(proof, &*self.options.observer, left()).await
                        && attempts < retry::MAX_ATTEMPTS
                }
                None => false,
            };
            let wait = if renewed {
                Some(Duration::ZERO)
            } else {
                retry::wait(call.operation.idempotency(), &error, attempts, left(), random())
            };
            let Some(wait) = wait else { return (attempts, Err(error)) };
            self.options.observer.retrying(&Retry { operation: call.operation.name(), attempts, wait, error: &error });
            tokio::time::sleep(wait).await;
        }
    }

    /// Makes one attempt within the remaining time and the attempt timeout.
    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        left: Duration,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Failed> {
        let (start, timeout) = (Instant::now(), left.min(self.options.attempt_timeout));
        let (authorization, proof) = self.authorize(call, timeout).await?;
        let mut attempt = Attempt {
            operation: call.operation.name(),
            identity: call.identity,
            method: &call.method,
            url: &call.url,
            request_id: call.request_id,
            headers: HeaderMap::new(),
        };
        self.options.observer.attempt_started(&mut attempt);
        let request = self
            .http
            .request(call.method.clone(), call.url.clone())
            .timeout(timeout.saturating_sub(start.elapsed()))
            .headers(std::mem::take(&mut attempt.headers))
            .header(CONTENT_TYPE, JSON)
            .header(CLIENT_REQUEST_ID, call.request_id.to_string())
            .headers(authorization)
            .body(call.body.clone());
        let (head, result) = exchange(request, call, read).await;
        let (status, headers) = head.unzip();
        self.options.observer.attempt_ended(
            &attempt,
            &AttemptOutcome {
                status,
                headers: headers.as_ref().unwrap_or(&HeaderMap::new()),
                error: result.as_ref().err(),
            },
        );
        result.map_err(|error| {
            // ACS checks the credential before anything else: a denied request has changed nothing.
            let denied = matches!(&error, Error::Service(error) if error.kind == ErrorKind::Denied);
            Failed { error, denied: proof.filter(|_| denied) }
        })
    }

    /// Returns the headers that authorize one attempt, and the proof if they are those of the client's credential.
    async fn authorize(&self, call: &Call<'_>, timeout: Duration) -> Result<(HeaderMap, Option<Proof>), Error> {
        if let Some(token) = call.bearer {
            return Ok((credential::bearer(token.expose_secret())?, None));
        }
        let authorized = self.credential.authorize(&self.endpoint, &call.method, &call.url, &call.body);
        let authorized = tokio::time::timeout(timeout, authorized).await;
        let (authorization, proof) = authorized.unwrap_or_else(|_| Err(credential::timed_out()))?;
        Ok((authorization, Some(proof)))
    }
}

/// Sends the request and reads the response. The status and headers are returned even if the body fails.
async fn exchange<T>(
    request: reqwest::RequestBuilder,
    call: &Call<'_>,
    read: impl Fn(&[u8]) -> Option<T>,
) -> (Option<(StatusCode, HeaderMap)>, Result<T, Error>) {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) => return (None, Err(error.into())),
    };
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let invalid = |reason| Err(Error::InvalidResponse { status, reason });
    let result = match read_body(response, MAX_BODY).await {
        Err(BodyError::Connection(error)) => Err(error.into()),
        Err(BodyError::TooLong(_)) => invalid(InvalidResponseReason::TooLong),
        Ok(body) if call.operation.succeeds_with(status) => {
            read(&body).map_or_else(|| invalid(InvalidResponseReason::Body), Ok)
        }
        Ok(body) if status.is_client_error() || status.is_server_error() => {
            let mut error = ServiceError::from_response(status, &headers, &body, call.request_id);
            error.kind = call.operation.error_kind(&error);
            Err(Error::Service(Box::new(error)))
        }
        Ok(_) => invalid(InvalidResponseReason::Status),
    };
    (Some((status, headers)), result)
}

/// Returns a random number from 0 to 1, for the jitter of waits.
fn random() -> f64 {
    f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}
