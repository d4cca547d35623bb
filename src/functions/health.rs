//! `GET health`: tells whether the process is alive, and with `?ready` whether ACS and the user directory answer it.

use acs_identity::causes;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Uri, header::CONTENT_TYPE};

use crate::{
    problem::{Kind, Problem},
    readiness::{NotReady, Readiness},
};

/// Answers 200. With `ready` in the query, answers 503 if ACS does not accept the credential or the user directory cannot
/// be read.
///
/// # Errors
/// [`Kind::NotReady`].
pub async fn handle(State(readiness): State<Readiness>, uri: Uri) -> Result<Response, Problem> {
    let query = uri.query().unwrap_or_default();
    if !query.split('&').any(|pair| pair.split('=').next() == Some("ready")) {
        return Ok(json(r#"{"status":"alive"}"#));
    }
    match readiness.check().await {
        Ok(()) => Ok(json(r#"{"status":"ready"}"#)),
        // The cause is only logged: the caller is not authenticated.
        Err(error) => {
            let detail = match &error {
                NotReady::Acs(_) => "ACS did not accept this service's credential. The service's log has the details.",
                NotReady::Directory(error) => {
                    error.record_remedy();
                    "The user directory cannot be read. The service's log has the details."
                }
            };
            Err(Problem::new(Kind::NotReady, detail).with_cause(causes(&error)))
        }
    }
}

fn json(body: &'static str) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
