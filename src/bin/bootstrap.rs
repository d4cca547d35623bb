//! `bootstrap`: the functions on AWS Lambda, behind API Gateway, a load balancer or a function URL.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>

use std::{process::ExitCode, time::Duration};

use acs_tokens::{
    config::Program,
    http::RequestId,
    startup::{self, App},
};
use lambda_http::{Error, Request, RequestExt as _, service_fn, tower::ServiceExt as _};

/// The time for work that a request left. With the deadline of 25 s, it is less than the 29 s of API Gateway.
const CLEAN_UP: Duration = Duration::from_secs(3);

/// One thread is enough: Lambda sends an instance one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::finish(run().await)
}

async fn run() -> Result<(), Error> {
    let App { router, tasks, .. } = startup::start(Program::Lambda)?;
    let service = service_fn(move |request| {
        let (router, tasks) = (router.clone(), tasks.clone());
        async move {
            let answer = router.oneshot(with_request_id(request)).await;
            // Lambda freezes the process after the answer.
            startup::finished(&tasks, CLEAN_UP).await;
            answer
        }
    });
    lambda_http::run(service).await
}

/// Adds the request id of the Lambda Runtime API, so that the log lines of Lambda and of this service match.
fn with_request_id(mut request: Request) -> Request {
    if let Some(id) = request.lambda_context_ref().map(|context| context.request_id.clone()) {
        request.extensions_mut().insert(RequestId(id));
    }
    request
}
