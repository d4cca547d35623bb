//! The section `lambda`: `bootstrap` and a Node function under AWS's runtime interface emulator.

use std::{
    fmt::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use acs_emulator::connection_string;
use serde_json::{Value as Json, json};

use super::{Options, contest::Value};
use crate::{
    Result,
    contender::Setting,
    issuer::AUDIENCE,
    scenario::{KEY, Request, Scenario},
    service::{Service, free_address},
};

/// The invocations of a run after the first.
const INVOCATIONS: usize = 200;

/// The times of one run, in milliseconds.
struct Times {
    /// The first invocation, which starts the function.
    first: f64,
    median: f64,
    p99: f64,
}

/// Returns one table.
pub async fn tables(setting: &Setting<'_>, options: &Options) -> Result<String> {
    let function = setting.peers.join("node/lambda.mjs").canonicalize()?;
    let bootstrap = options.bootstrap.as_deref().ok_or("the section lambda needs --bootstrap <FILE>")?;
    let functions: [(&str, Vec<PathBuf>, _); 2] = [
        ("bootstrap", vec![bootstrap.canonicalize()?], settings(setting)),
        (
            "Node with Microsoft's SDK",
            vec!["/usr/bin/env".into(), "node".into(), function],
            setting.environment_of_peers(),
        ),
    ];
    let mut results: Vec<Vec<Times>> = functions.iter().map(|_| Vec::new()).collect();
    for run in 0..usize::from(options.runs) {
        for i in 0..functions.len() {
            let at = (run + i) % functions.len();
            let (name, words, env) = &functions[at];
            let times = invoke(setting, words, env).await;
            results[at].push(times.map_err(|error| format!("{name}: {error}"))?);
        }
    }
    let mut text = format!(
        "\n`issue-token` as an event of an HTTP API 2.0, {INVOCATIONS} further invocations in each run:\n\n\
         | function | first invocation | spread | further, median | spread | further, 99 % |\n|---|---|---|---|---|---|\n"
    );
    for ((name, ..), times) in functions.iter().zip(&results) {
        let value = |number: fn(&Times) -> f64| Value::of(times.iter().map(number).collect());
        let (first, median, p99) = (value(|t| t.first), value(|t| t.median), value(|t| t.p99));
        writeln!(
            text,
            "| {name} | {:.0} ms | ±{:.0} % | {:.2} ms | ±{:.0} % | {:.2} ms |",
            first.median, first.spread, median.median, median.spread, p99.median
        )?;
    }
    Ok(text)
}

/// Returns the settings of `bootstrap`, which checks the key itself.
fn settings(setting: &Setting<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", connection_string("http", setting.upstream)),
        ("CALLER_KEYS", format!("bench={KEY}")),
        ("OIDC_ISSUERS", setting.issuer.name.clone()),
        ("OIDC_AUDIENCES", AUDIENCE.to_owned()),
        ("USER_DIRECTORY", "memory:".to_owned()),
        ("RATE_LIMIT", "none".to_owned()),
    ]
}

async fn invoke(setting: &Setting<'_>, function: &[PathBuf], env: &[(&str, String)]) -> Result<Times> {
    let (address, api) = (free_address().await?, free_address().await?);
    let emulator = setting.peers.join("aws-lambda-rie").canonicalize()?;
    let options = ["--log-level", "error", "--runtime-interface-emulator-address", &address.to_string()]
        .map(PathBuf::from)
        .into_iter()
        .chain(["--runtime-api-address".into(), api.to_string().into()]);
    let words: Vec<PathBuf> = [emulator].into_iter().chain(options).chain(function.iter().cloned()).collect();
    let service = Service::spawn(&words, env, address).await?;
    let request = Scenario::IssueToken.requests(setting.issuer, 1).await?.remove(0);
    let event = Request {
        method: "POST",
        path: "/2015-03-31/functions/function/invocations".to_owned(),
        body: Some(event(&request).to_string()),
        authorization: None,
        key: None,
        status: 200,
    };
    let mut times = Vec::new();
    for i in 0..=INVOCATIONS {
        let start = Instant::now();
        let body = service.send(&event).await?;
        times.push(start.elapsed());
        if i == 0 {
            verify(&body)?;
        }
    }
    service.stop().await?;
    let first = times.remove(0);
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    Ok(Times { first: ms(first), median: ms(times[times.len() / 2]), p99: ms(times[times.len() * 99 / 100]) })
}

fn verify(answer: &str) -> Result<()> {
    let answer: Json = serde_json::from_str(answer)?;
    if answer["statusCode"] != 200 {
        return Err(format!("unexpected answer: {answer}").into());
    }
    Scenario::IssueToken.verify(answer["body"].as_str().unwrap_or_default(), true)
}

/// Writes a request as an event of an HTTP API with payload version 2.0.
fn event(request: &Request) -> Json {
    let Request { method, path, body, key, .. } = request;
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "content-type": "application/json", "host": "tokens.example", "x-functions-key": key },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "bench",
            "domainName": "tokens.example",
            "domainPrefix": "tokens",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench" },
            "requestId": "bench",
            "routeKey": "$default",
            "stage": "$default",
            "time": "02/Jan/2026:10:00:00 +0000",
            "timeEpoch": 1_767_348_000_000_u64
        },
        "body": body,
        "isBase64Encoded": false
    })
}
