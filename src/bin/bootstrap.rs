//! `bootstrap`: the functions on AWS Lambda, behind API Gateway, a load balancer or a function URL.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>

use std::process::ExitCode;

use acs_tokens::{config::Program, http::RequestId, startup};
use lambda_http::{Error, Request, RequestExt as _, tower::ServiceExt as _};

/// One thread is enough: Lambda sends an instance one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::finish(run().await)
}

async fn run() -> Result<(), Error> {
    let app = startup::start(Program::Lambda)?;
    lambda_http::run(app.router.map_request(with_request_id)).await
}

/// Adds the request id of the Lambda Runtime API, so that the log lines of Lambda and of this service match.
fn with_request_id(mut request: Request) -> Request {
    if let Some(id) = request.lambda_context_ref().map(|context| context.request_id.clone()) {
        request.extensions_mut().insert(RequestId(id));
    }
    request
}
