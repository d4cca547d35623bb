//! Slow and idle connections, and too many of them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use acs_identity::http::client_builder;
use acs_tokens::server::{self, Limits};
use axum::{
    Router,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

use crate::{
    harness,
    process::{Running, cli, in_time},
};

/// Longer than a request takes on a loaded machine.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(3600);

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HALF_A_HEADER: &str = "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ";

/// A server in this process with an app of three paths. `/waits` is answered after `release`.
struct Server {
    address: SocketAddr,
    /// Has an item for each request of `/waits`.
    waiting: mpsc::UnboundedReceiver<()>,
    release: Arc<Notify>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrived, waiting) = mpsc::unbounded_channel();
        let release = Arc::new(Notify::new());
        let released = Arc::clone(&release);
        let waits = move || async move {
            let released = released.notified();
            arrived.send(()).unwrap();
            released.await;
        };
        let app = Router::new()
            .route("/", get(|| async { "answered" }))
            .route("/echo", post(|body: String| async { body }))
            .route("/waits", get(waits));
        tokio::spawn(server::run(listener, app, limits, std::future::pending()));
        Self { address, waiting, release }
    }

    async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.unwrap())
    }
}

/// A connection of a caller who writes bytes as they come.
struct Connection(TcpStream);

impl Connection {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads a response with a body up to this text.
    async fn response(&mut self, end: &str) -> String {
        let (mut text, mut chunk) = (String::new(), [0; 1024]);
        while !text.ends_with(end) {
            let n = in_time("the response", self.0.read(&mut chunk)).await.unwrap();
            assert!(n > 0, "closed after {text:?}");
            text += std::str::from_utf8(&chunk[..n]).unwrap();
        }
        text
    }

    /// Sends a request and reads the answer.
    async fn ask(&mut self) {
        self.send(REQUEST).await;
        assert!(self.response("answered").await.starts_with("HTTP/1.1 200 OK"));
    }

    /// Waits until the server closes the connection, and returns what it sent before.
    async fn closed(&mut self) -> String {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 1024]);
        // A closed connection may also be reset.
        while let Ok(n @ 1..) = in_time("the end of the connection", self.0.read(&mut chunk)).await {
            bytes.extend_from_slice(&chunk[..n]);
        }
        String::from_utf8(bytes).unwrap()
    }
}

#[tokio::test]
async fn header_must_arrive_in_time() {
    let server = Server::start(Limits { header_timeout: SHORT, idle_timeout: LONG, ..Limits::default() }).await;
    let [mut silent, mut half, mut idle, mut second] =
        [server.connect().await, server.connect().await, server.connect().await, server.connect().await];
    idle.ask().await;
    half.send(HALF_A_HEADER).await;
    second.ask().await;
    second.send(HALF_A_HEADER).await;
    for connection in [&mut silent, &mut half, &mut second] {
        assert_eq!(connection.closed().await, "");
    }
    // The time of a header does not apply between two requests.
    idle.ask().await;
}

#[tokio::test]
async fn idle_connection_is_closed_in_time() {
    let server = Server::start(Limits { header_timeout: LONG, idle_timeout: SHORT, ..Limits::default() }).await;
    let [mut half, mut idle] = [server.connect().await, server.connect().await];
    half.send(HALF_A_HEADER).await;
    idle.ask().await;
    assert_eq!(idle.closed().await, "");
    // The idle time does not apply to a header.
    half.send("ly\r\n\r\n").await;
    half.response("answered").await;
}

#[tokio::test]
async fn slow_body_has_the_time_of_its_request() {
    let server = Server::start(Limits { header_timeout: SHORT, idle_timeout: SHORT, ..Limits::default() }).await;
    let [mut slow, mut silent] = [server.connect().await, server.connect().await];
    slow.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nhal").await;
    // Its time starts later than that of the body.
    let mut later = server.connect().await;
    assert_eq!((silent.closed().await, later.closed().await), (String::new(), String::new()));
    slow.send("f").await;
    assert!(slow.response("half").await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn connection_that_has_waited_longest_makes_room_and_requests_are_never_dropped() {
    let limits = Limits { connections: 2, header_timeout: LONG, idle_timeout: LONG, ..Limits::default() };
    let mut server = Server::start(limits).await;
    let [mut busy, mut half] = [server.connect().await, server.connect().await];
    busy.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n").await;
    in_time("the request", server.waiting.recv()).await.unwrap();
    half.send(HALF_A_HEADER).await;
    // A third connection takes the place of the one without a request. A fourth takes its place.
    let mut third = server.connect().await;
    third.ask().await;
    assert_eq!(half.closed().await, "");
    let mut fourth = server.connect().await;
    fourth.send("GET /waits HTTP/1.1\r\nHost: x\r\n\r\n").await;
    in_time("the request", server.waiting.recv()).await.unwrap();
    assert_eq!(third.closed().await, "");
    // Both connections have a request, so a fifth is refused.
    let refused = server.connect().await.closed().await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
    server.release.notify_waiters();
    for connection in [&mut busy, &mut fourth] {
        assert!(connection.response("\r\n\r\n").await.starts_with("HTTP/1.1 200 OK"));
    }
    server.connect().await.ask().await;
}

#[tokio::test]
async fn caller_that_reads_no_answers_is_idle() {
    let server = Server::start(Limits { header_timeout: SHORT, idle_timeout: SHORT, ..Limits::default() }).await;
    let mut caller = server.connect().await;
    // The answers fill the buffers of both sides. Then the server reads no more requests.
    let requests = REQUEST.repeat(1000);
    let closed = async { while caller.0.write_all(requests.as_bytes()).await.is_ok() {} };
    in_time("the end of the connection", closed).await;
}

/// The number of slow connections, twice the default limit.
const SLOW: usize = 2000;

#[tokio::test]
async fn half_sent_headers_do_not_keep_an_honest_caller_from_an_answer() {
    let files = rlimit::increase_nofile_limit(2 * SLOW as u64).unwrap();
    assert!(files > SLOW as u64 + 500, "the test needs more open files than {files}; raise the limit (ulimit -n)");
    let (_, connection_string) = harness::emulator().await;
    let environment = [
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string),
        ("ALLOW_ANONYMOUS", "true"),
        // No connection ends by itself during the test.
        ("HEADER_TIMEOUT", "3600"),
    ];
    let mut running = Running::start(cli(&["serve", "--port", "0"], &environment));
    let lines = running.until(|line| line.contains(r#""message":"serving""#)).await;
    let line: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    let address: SocketAddr = line["address"].as_str().unwrap().parse().unwrap();

    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may have closed it already.
        let _ = stream.write_all(HALF_A_HEADER.as_bytes()).await;
        slow.push(stream);
    }
    // One of three, because another program may use the processor for a second.
    let mut in_a_second = 0;
    for _ in 0..3 {
        let http = client_builder().no_proxy().build().unwrap();
        let create = http.post(format!("http://{address}/api/identities")).header("content-type", "application/json");
        let answer = tokio::time::timeout(Duration::from_secs(1), create.body("{}").send()).await;
        in_a_second += usize::from(answer.is_ok_and(|answer| answer.unwrap().status() == 201));
    }
    assert!(in_a_second > 0);
    running.until(|line| line.contains("the limit on connections is reached")).await;
    // The answers were given while the connections were open: over a thousand are still.
    let open = slow.iter().filter(|stream| {
        let error = stream.try_read(&mut [0]).err();
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert!(open.count() > 1000);
}
