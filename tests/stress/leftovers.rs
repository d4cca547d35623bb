//! Tasks: after any load, as many are alive as before it.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    process::until,
    service::{Service, issue},
};

const CONNECTIONS: usize = 256;
const CALLS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn no_task_is_left_over() {
    let mut service = Service::start().await;
    let identity = service.identity().await;
    let url = format!("{}/identities/{identity}/tokens", service.base);
    let (http, tasks) = (acs_identity::http::client_builder().build().unwrap(), service.runtime().metrics());
    issue(&http, &url).await;
    let before = tasks.num_alive_tasks();

    let mut callers = JoinSet::new();
    for caller in 0..CONNECTIONS {
        let (service, url) = (service.base.clone(), url.clone());
        callers.spawn(async move {
            let http = acs_identity::http::client_builder().build().unwrap();
            for _ in 0..CALLS {
                assert_eq!(issue(&http, &url).await.0, 200);
            }
            leave(&service, &url, caller).await;
        });
    }
    callers.join_all().await;
    // One connection to the emulator stays open for each call that was made at the same time, at most.
    assert!(tasks.num_alive_tasks() <= before + 2 * CONNECTIONS, "{}", tasks.num_alive_tasks());
    // This closes the idle connections to the emulator, which have a task each.
    service.stop_emulator();
    until("the tasks of before", async || tasks.num_alive_tasks() <= before).await;
}

/// Sends half a request, or a whole one without reading the answer, and disconnects.
async fn leave(base: &str, url: &str, caller: usize) {
    let address = base.trim_start_matches("http://").trim_end_matches("/api");
    let path = url.trim_start_matches("http://").trim_start_matches(address);
    let body = r#"{"scopes":["chat"]}"#;
    let sent = if caller.is_multiple_of(2) { body.len() } else { 4 };
    let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{head}content-length: {}\r\n\r\n{}", body.len(), &body[..sent]).as_bytes())
        .await
        .unwrap();
    if caller.is_multiple_of(4) {
        stream.read_u8().await.unwrap();
    }
}
