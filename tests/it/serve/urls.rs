//! Requests whose path or host is no URL, as bytes on a connection.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{harness::Api, process::in_time};

/// Sends the bytes on a connection of their own, and returns the response.
async fn exchange(api: &Api, request: &str) -> String {
    let mut stream = TcpStream::connect(api.base.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    in_time("the end of the connection", stream.read_to_string(&mut response)).await.unwrap();
    response
}

#[tokio::test]
async fn path_or_host_that_is_no_url_is_refused() {
    let api = Api::direct().await;
    let request = |target: &str, hosts: &str| format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
    let host = "Host: a.example\r\n";
    for (target, hosts, status) in [
        ("/api/health", host, 200),
        ("/api/health", "Host: [::1]:80\r\n", 200),
        ("http://b.example/api/health", host, 200),
        ("/api/hea lth", host, 400),
        ("/api/hea\tlth", host, 400),
        ("/api/hea\u{1}lth", host, 400),
        ("api/health", host, 400),
        ("http://[/api/health", host, 400),
        ("/api/health?a b", host, 400),
        ("/api/health\\", host, 400),
        ("/api/health%23", host, 400),
        ("/api/health", "Host: [\r\n", 400),
        ("/api/health", "Host: a b\r\n", 400),
        ("/api/health", "Host: a.example/b\r\n", 400),
        ("/api/health", "Host: a.example\r\nHost: b.example\r\n", 400),
    ] {
        let response = exchange(&api, &request(target, hosts)).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {hosts}: {response}");
        // The length of an answer is known, so it is not sent in chunks.
        let head = response.to_lowercase();
        assert!(head.contains("\r\ncontent-length: ") && !head.contains("transfer-encoding"), "{response}");
    }
}
