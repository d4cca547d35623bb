//! `bootstrap`: the functions on AWS Lambda, behind API Gateway, a load balancer or a function URL.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>

use std::{convert::Infallible, process::ExitCode, time::Duration};

use acs_tokens::{
    config::Program,
    lambda::{self, Payload},
    startup::{self, App},
};
use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};

/// The time for work that a request left. With the deadline of 25 s, it is less than the 29 s of API Gateway.
const CLEAN_UP: Duration = Duration::from_secs(3);

/// One thread is enough: Lambda sends an instance one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    startup::finish(run().await)
}

async fn run() -> Result<(), Error> {
    let App { router, tasks, .. } = startup::start(Program::Lambda)?;
    let service = service_fn(move |event: LambdaEvent<Payload>| {
        let (router, tasks) = (router.clone(), tasks.clone());
        async move {
            let answer = lambda::answer(router, event).await;
            // Lambda freezes the process after the answer.
            startup::finished(&tasks, CLEAN_UP).await;
            Ok::<_, Infallible>(answer)
        }
    });
    lambda_runtime::run(service).await
}
