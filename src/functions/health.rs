//! `GET health`: the process is alive; with `?ready`, ACS takes its credential as well.

use acs_identity::causes;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{
    Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::{
    problem::{Kind, Problem},
    readiness::Readiness,
};

/// Answers 200, without asking ACS anything unless `ready` stands in the query; then 503 where it is not.
///
/// # Errors
/// [`Kind::NotReady`].
pub async fn handle(State(readiness): State<Readiness>, uri: Uri) -> Result<Response, Problem> {
    if !asks_for_readiness(uri.query().unwrap_or_default()) {
        return Ok(json(r#"{"status":"alive"}"#));
    }
    match readiness.check().await {
        Ok(()) => Ok(json(r#"{"status":"ready"}"#)),
        // Whoever asks is a stranger, and learns no more.
        Err(error) => {
            let detail =
                "The last call to ACS that proves the credential did not succeed. The operator's log says more.";
            Err(Problem::new(Kind::NotReady, detail).with_cause(causes(&*error)))
        }
    }
}

fn asks_for_readiness(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("ready"))
}

fn json(body: &'static str) -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response()
}
