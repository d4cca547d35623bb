//! The program of these tests: this test binary, started again by the stand-in host for the one test below, tells as
//! JSON what reached it, and misbehaves when asked to by `?do=`.

use std::convert::Infallible;

use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The name libtest knows [`program`] by.
pub(super) const TEST: &str = "host_selftest::echo::program";

type Body = BoxBody<Bytes, std::io::Error>;

/// Only a program when a host says so; in an ordinary run there is no port, and nothing to do.
#[test]
fn program() {
    let Some(port) = std::env::var_os("FUNCTIONS_CUSTOMHANDLER_PORT") else { return };
    if let Some(code) = std::env::var_os("ECHO_EXITS_WITH") {
        exit(code.to_str().unwrap());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(port.to_str().unwrap().parse().unwrap()));
}

fn exit(code: &str) -> ! {
    std::process::exit(code.parse().unwrap())
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the host turns them into log lines")]
async fn serve(port: u16) {
    if std::env::var_os("ECHO_NEVER_LISTENS").is_some() {
        std::future::pending::<()>().await;
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    // Behind the name of the test, which libtest prints without a line's end.
    println!("\necho listens");
    eprintln!("echo WARNS");
    eprintln!("echo fails");
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
        });
    }
}

#[expect(clippy::print_stdout, reason = "the host turns it into a log line")]
async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let wish = query.split('&').find_map(|pair| pair.strip_prefix("do=")).unwrap_or_default().replace("%3A", ":");
    if let Some(code) = wish.strip_prefix("exit:") {
        exit(code);
    }
    let response = Response::builder();
    if std::env::var_os("ECHO_REFUSES").is_some() {
        return Ok(response.status(501).header("content-type", "application/json").body(full("{}")).unwrap());
    }
    let response = match wish.as_str() {
        "hang" => std::future::pending().await,
        "redirect" => response.status(302).header("location", "/elsewhere").body(full("")),
        "cookies" => response.header("set-cookie", "a=1").header("set-cookie", "b=2").body(full("")),
        "no-content" => response.status(204).body(full("")),
        "teapot" => response.status(418).header("x-custom", "from the program").body(full("short and stout")),
        "begin" => {
            println!("asked to begin");
            response.body(begin(Then::Nothing))
        }
        "chunks" => response.body(begin(Then::Second)),
        _ => {
            let headers: Vec<_> =
                parts.headers.iter().map(|(name, value)| json!([name.as_str(), value.to_str().unwrap()])).collect();
            let body = body.collect().await.unwrap().to_bytes();
            let told = json!({
                "method": parts.method.as_str(), "target": parts.uri.to_string(), "headers": headers,
                "body": String::from_utf8_lossy(&body), "environment": environment(),
                "folder": std::env::current_dir().unwrap(),
            });
            // Below /api is a request; else, an envelope.
            let told = if parts.uri.path().to_ascii_lowercase().starts_with("/api/") { told } else { wrap(&told) };
            response.header("content-type", "application/json").body(full(told.to_string()))
        }
    };
    Ok(response.unwrap())
}

fn environment() -> Value {
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("FUNCTIONS_") || name == "SETTING");
    variables.map(|(name, value)| (name, value.into())).collect::<serde_json::Map<_, _>>().into()
}

/// An answer as a program gives it to an envelope.
fn wrap(told: &Value) -> Value {
    json!({
        "Outputs": { "res": { "statusCode": "201", "headers": { "x-said": "so" }, "body": told } },
        "Logs": ["the program says"],
    })
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

/// What follows the first chunk of an answer.
enum Then {
    Nothing,
    Second,
}

fn begin(then: Then) -> Body {
    let (mut sender, body) = Channel::new(2);
    tokio::spawn(async move {
        let _ = sender.send_data(Bytes::from_static(b"first")).await;
        match then {
            Then::Nothing => std::future::pending().await,
            Then::Second => drop(sender.send_data(Bytes::from_static(b"second")).await),
        }
    });
    BodyExt::boxed(body)
}
