//! The stand-in host against a program that tells what reached it: what is proved here, other tests may lean on.

mod app;
mod echo;
mod lifecycle;
mod modes;

use std::net::SocketAddr;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::host::{Generation, Host, HostOptions};

/// An app in a folder of its own.
struct App(TempDir);

impl App {
    /// An app whose program is [`echo`], with one function that takes everything below `/api/echo`.
    fn echo() -> Self {
        let app = Self(tempfile::tempdir().unwrap());
        let program = std::env::current_exe().unwrap();
        let arguments = [echo::TEST, "--exact", "--nocapture", "--test-threads=1"];
        app.host_json(&json!({
            "version": "2.0",
            "customHandler": {
                "description": { "defaultExecutablePath": program, "arguments": arguments },
                "enableProxyingHttpRequest": true,
                "enableForwardingHttpRequest": true,
            },
            "extensions": { "http": { "customHeaders": { "X-Custom": "from host.json" } } },
        }));
        app.function("echo", &json!({ "authLevel": "anonymous", "route": "echo/{*rest}" }));
        app
    }

    fn host_json(&self, content: &Value) {
        std::fs::write(self.0.path().join("host.json"), content.to_string()).unwrap();
    }

    /// Adds a function with `trigger` for its httpTrigger, and an http output.
    fn function(&self, name: &str, trigger: &Value) {
        let mut trigger = trigger.clone();
        trigger["type"] = "httpTrigger".into();
        trigger["direction"] = "in".into();
        trigger["name"] = "req".into();
        self.bindings(name, &json!([trigger, { "type": "http", "direction": "out", "name": "res" }]));
    }

    fn bindings(&self, name: &str, bindings: &Value) {
        let folder = self.0.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("function.json"), json!({ "bindings": bindings }).to_string()).unwrap();
    }

    fn options(&self) -> HostOptions {
        HostOptions { app: self.0.path().to_owned(), ..HostOptions::default() }
    }

    async fn start(&self, env: &[(&str, &str)]) -> Host {
        self.start_as(Generation::Proxying, env).await
    }

    async fn start_as(&self, generation: Generation, env: &[(&str, &str)]) -> Host {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Host::start(HostOptions { generation, env, ..self.options() }).await.unwrap()
    }

    /// Why the host does not start.
    async fn refusal(&self, env: &[(&str, &str)]) -> String {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Host::start(HostOptions { env, ..self.options() }).await.err().unwrap()
    }
}

/// What came back: the status line and headers, and the body, as the bytes were.
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// All values of a header.
    fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// Sends a request as written, with `Host: app.example` and `Connection: close` added, and reads to the end.
async fn send(host: &Host, line: &str, headers: &str, body: &str) -> Answer {
    let mut stream = begin(host.address(), line, headers, body).await;
    let mut bytes = Vec::new();
    // A reset is an end too: what came before it is looked at.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Answer { head: head.to_owned(), body: body.to_owned() }
}

async fn begin(address: SocketAddr, line: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn get(host: &Host, target: &str) -> Answer {
    send(host, &format!("GET {target}"), "", "").await
}

/// A POST of two bytes; a request with a body is never sent to the program twice.
async fn post(host: &Host, target: &str) -> Answer {
    send(host, &format!("POST {target}"), "Content-Length: 2\r\n", "hi").await
}
