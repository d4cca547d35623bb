//! The router that every program serves: the functions, and the layers around them.

mod access;
pub mod allowed_origins;
mod cors;
mod paths;
mod request;

use std::{any::Any, fmt::Write as _, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use tower::Layer as _;

pub use request::RequestId;

use crate::{
    access::AccessRules,
    auth::Authenticator,
    functions::{FUNCTIONS, Function, PREFIX, Services},
    problem::{Kind, Problem},
};
use access::AccessControl;
use allowed_origins::Cors;

/// The time a request may take: less than the 29 s of API Gateway, the 230 s of Azure's front end, and the
/// `functionTimeout` of host.json, after which the host kills the process with all its requests.
pub const DEADLINE: Duration = Duration::from_secs(25);

/// The header that the Functions host adds to invocations, but not to its own health pings.
const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// The parts of the router.
#[derive(Debug)]
pub struct Api {
    /// The services that functions use.
    pub services: Services,
    /// Authenticates callers.
    pub authenticator: Authenticator,
    /// The token policy and the rate limits.
    pub access: AccessRules,
    /// The web pages that may call; `None` leaves CORS to the platform.
    pub cors: Option<Cors>,
}

impl Api {
    /// Returns the parts with the default rules and without CORS.
    pub fn new(services: impl Into<Services>, authenticator: impl Into<Authenticator>) -> Self {
        let (services, authenticator) = (services.into(), authenticator.into());
        Self { services, authenticator, access: AccessRules::default(), cors: None }
    }

    /// Creates the router.
    pub fn into_router(self) -> Router {
        let pass_keys = self.services.pass_keys();
        let access = AccessControl { authenticator: self.authenticator, rules: self.access, pass_keys };
        let access = Arc::new(access);
        let mut functions = Router::new().route("/", get(index));
        for function in &FUNCTIONS {
            let layer = from_fn_with_state((access.clone(), function), access::layer);
            let path = format!("/{PREFIX}/{}", function.route);
            functions = functions.route(&path, (function.handler)().route_layer(layer));
        }
        let functions =
            functions.fallback(not_found).method_not_allowed_fallback(method_not_allowed).with_state(self.services);
        match self.cors {
            None => with_request_layer(functions, true),
            // Pages may read problems, too, so CORS is outside of the request layer.
            Some(cors) => with_request_layer(functions, false)
                .layer(cors::layer(cors))
                .layer(from_fn(async |request, next: Next| outermost(request, async |r| next.run(r).await).await)),
        }
    }
}

/// Adds the layer that ends every request with a response and a line in the log. The functions are a fallback, so that
/// the path is rewritten before their router matches it.
fn with_request_layer(functions: Router, is_outermost: bool) -> Router {
    // One layer for all of this: each layer of a router allocates and copies with every request.
    let layer = from_fn(move |request: Request, next: Next| async move {
        let answer = async |request| {
            request::answer(request, async |request| {
                let answer = AssertUnwindSafe(deadline(request, next)).catch_unwind();
                answer.await.unwrap_or_else(|panic| panicked(&*panic))
            })
            .await
        };
        if is_outermost { outermost(request, answer).await } else { answer(request).await }
    });
    Router::new().fallback_service(layer.layer(functions))
}

async fn outermost(request: Request, rest: impl AsyncFnOnce(Request) -> Response) -> Response {
    let mut response = cors::log_refusals(request, rest).await;
    // Replaced, because a platform may send it, too.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn deadline(request: Request, next: Next) -> Response {
    tokio::time::timeout(DEADLINE, paths::layer(request, next)).await.unwrap_or_else(|_| {
        let detail = "The request took too long. It is unknown whether it was carried out.";
        Problem::new(Kind::UpstreamTimeout, detail).into_response()
    })
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Problem::internal(format!("panicked: {}", text.unwrap_or("without a message"))).into_response()
}

/// Lists the functions. The Functions host requests this path to see whether the handler is alive.
async fn index() -> String {
    let mut text = concat!("acs-tokens ", env!("CARGO_PKG_VERSION"), "\n\n").to_owned();
    for Function { methods, route, summary, .. } in &FUNCTIONS {
        let _ = writeln!(text, "{:<7} /{PREFIX}/{route:<24} {summary}", methods[0]);
    }
    text
}

async fn not_found(method: Method, uri: Uri, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let one_segment = uri.path().trim_matches('/').split('/').count() == 1;
    if method == Method::POST && one_segment && headers.contains_key(INVOCATION_ID) {
        // Without these settings, the host posts a JSON envelope to /<function>. It answers its caller with a bare 500,
        // so the log has to explain it.
        let detail = "The Functions host wrapped the request in an envelope. Set \
                      customHandler.enableProxyingHttpRequest and customHandler.enableForwardingHttpRequest to true in \
                      host.json.";
        return Err(Problem::new(Kind::HostNotForwarding, detail).with_cause(detail));
    }
    Err(Problem::new(Kind::NotFound, "No function has this path. GET / lists the functions."))
}

/// The router adds the Allow header.
async fn method_not_allowed(method: Method) -> Problem {
    let detail = format!("The function does not support {method}. The Allow header lists the methods it supports.");
    Problem::new(Kind::MethodNotAllowed, detail)
}

#[cfg(test)]
mod tests;
