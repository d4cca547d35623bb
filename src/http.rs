//! The router that every program mounts: the functions, and around them what holds for each request.

pub mod allowed_origins;
mod cors;
mod paths;
mod request;

use std::{any::Any, fmt::Write as _, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, Uri};
use tower_http::catch_panic::CatchPanicLayer;

pub use crate::auth::audit::RequestId;

use crate::{
    access::AccessRules,
    auth::{self, Authenticator, Caller},
    functions::{AuthLevel, FUNCTIONS, Function, PREFIX, Services},
    problem::{self, Kind, Problem},
};

/// The time a request may take: below the 29 s of API Gateway, the 230 s of Azure's front end, and the
/// `functionTimeout` of host.json, at which the host kills the process and every other request with it.
pub const DEADLINE: Duration = Duration::from_secs(25);

/// The header by which the Functions host marks an invocation; its own health pings lack it.
const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// The whole app, with the rules that hold out of the box.
pub fn router(services: impl Into<Services>, callers: &Authenticator) -> Router {
    router_with(services, callers, AccessRules::default())
}

/// The whole app.
pub fn router_with(services: impl Into<Services>, callers: &Authenticator, rules: AccessRules) -> Router {
    let cors = rules.cors.as_ref().map(cors::layer);
    let gate = Arc::new(AccessControl { callers: callers.clone(), rules });
    let mut functions = Router::new().route("/", axum::routing::get(index));
    for function in &FUNCTIONS {
        let guard = from_fn_with_state((gate.clone(), function), guard);
        let path = format!("/{PREFIX}/{}", function.route);
        functions = functions.route(&path, (function.handler)().route_layer(guard));
    }
    let functions = functions
        .fallback(fallback)
        .method_not_allowed_fallback(|method: Method| async move { problem::method_not_allowed(&method) })
        .with_state(services.into());
    // The path is settled before the router inside looks at it.
    let app = Router::new()
        .fallback_service(functions)
        .layer(from_fn(paths::canonical))
        .layer(from_fn(deadline))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(request::around));
    match cors {
        Some(cors) => app.layer(cors),
        None => app,
    }
}

/// What every request to a function has to pass.
#[derive(Debug)]
struct AccessControl {
    callers: Authenticator,
    rules: AccessRules,
}

impl AccessControl {
    /// Lets a request in, and notes in its extensions who it comes from and what they may have.
    async fn admit(&self, function: &Function, request: &mut Request) -> Result<(), Problem> {
        let caller = match function.auth_level {
            AuthLevel::Anonymous => Ok(None),
            AuthLevel::Function => self.callers.authenticate_backend(request.headers()).await.map(Some),
            AuthLevel::Bearer => {
                self.callers.authenticate_user(request.headers()).await.map(|user| Some(Caller::User(user)))
            }
        };
        auth::strip(request.headers_mut());
        let Some(caller) = caller? else { return Ok(()) };
        self.rules.rate_limits.check(&caller)?;
        request.extensions_mut().insert(self.rules.policy.effective(&caller));
        request.extensions_mut().insert::<Caller>(caller);
        Ok(())
    }
}

/// Lets in whom the function's level lets in, and notes for the log which function it was.
async fn guard(
    State((gate, function)): State<(Arc<AccessControl>, &'static Function)>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match gate.admit(function, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(request::Served(function));
    response
}

async fn deadline(request: Request, next: Next) -> Response {
    tokio::time::timeout(DEADLINE, next.run(request)).await.unwrap_or_else(|_| {
        let detail = "The request took too long. What was asked may have been done or not.";
        Problem::new(Kind::UpstreamTimeout, detail).into_response()
    })
}

#[expect(clippy::needless_pass_by_value, reason = "CatchPanicLayer hands it over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let cause = format!("panicked: {}", text.unwrap_or("with no text"));
    Problem::new(Kind::Internal, "Something went wrong in here. The operator's log says more.")
        .with_cause(cause)
        .into_response()
}

/// What a person sees who opens the address, and what the host pings.
async fn index() -> String {
    let mut text = concat!("acs-tokens ", env!("CARGO_PKG_VERSION"), "\n\n").to_owned();
    for Function { methods, route, summary, .. } in &FUNCTIONS {
        let _ = writeln!(text, "{:<7} /{PREFIX}/{route:<24} {summary}", methods[0]);
    }
    text
}

/// No function has the path.
async fn fallback(method: Method, uri: Uri, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let one_segment = uri.path().trim_matches('/').split('/').count() == 1;
    if method == Method::POST && one_segment && headers.contains_key(INVOCATION_ID) {
        // A host that neither proxies nor forwards posts a JSON envelope to /<function>. What it wraps was never
        // meant to be read there, so nothing is done; and since it makes a bare 500 of the answer, the log says why.
        let detail = "The Functions host wrapped the request. Set customHandler.enableProxyingHttpRequest and \
                      customHandler.enableForwardingHttpRequest to true in host.json.";
        return Err(Problem::new(Kind::HostNotForwarding, detail).with_cause(detail));
    }
    Err(problem::not_found())
}
