//! `bootstrap`: the functions on AWS Lambda, behind API Gateway, a load balancer or a function URL.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>

use std::process::ExitCode;

use acs_tokens::{
    access::AccessRules,
    acs,
    auth::{Authenticator, BackendAuth, audit::RequestId},
    config::EnvReader,
    directory,
    functions::Services,
    http::router_with,
    telemetry,
};
use lambda_http::{Error, Request, RequestExt as _, tower::ServiceExt as _};
use tracing_subscriber::filter::LevelFilter;

/// The part of the runtime that writes whole events to the log at TRACE, keys and bodies in them. No setting shall
/// bring it to that, and no other target is closer to what it writes.
const WRITES_EVENTS: &str = "lambda_runtime::layers::api_response";

fn main() -> ExitCode {
    let mut settings = EnvReader::new(&|name| std::env::var_os(name));
    telemetry::init(settings.log_filter().with_target(WRITES_EVENTS, LevelFilter::WARN));
    let (lambda, acs, callers) = (settings.lambda(), settings.acs(), settings.callers());
    let rules = settings.rules(callers.as_ref());
    let directory = settings.directory();
    let config = settings.finish(lambda.and(acs.zip(callers).zip(rules.zip(directory))));
    let ran = config
        .map_err(Into::into)
        .and_then(|((acs, callers), (rules, directory))| run(acs, directory.as_ref(), &callers, rules));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = %error, "cannot start");
            ExitCode::FAILURE
        }
    }
}

/// One thread serves: Lambda gives an instance one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn run(
    acs: acs::ClientOptions,
    directory: Option<&directory::DirectorySettings>,
    callers: &Authenticator,
    rules: AccessRules,
) -> Result<(), Error> {
    if matches!(callers.backend_auth, BackendAuth::Anyone) {
        tracing::warn!("ALLOW_ANONYMOUS is true: whoever reaches this function gets tokens");
    }
    let acs = acs::Client::new(acs)?;
    let services = Services::open(acs.clone(), directory)?;
    let app = router_with(services, callers, rules);
    // Lambda gives a starting instance more of a processor than a running one.
    tokio::spawn(async move { acs.warm().await });
    lambda_http::run(app.map_request(with_id)).await
}

/// Gives the request the id that Lambda's own log lines have. It comes from the Runtime API, never from a header.
fn with_id(mut request: Request) -> Request {
    if let Some(id) = request.lambda_context_ref().map(|context| context.request_id.clone()) {
        request.extensions_mut().insert(RequestId(id));
    }
    request
}
