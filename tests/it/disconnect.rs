//! A caller who hangs up: the call at ACS ends with the caller's, but for one that makes an identity.

use std::time::Duration;

use acs_identity::ConnectionString;
use acs_tokens::{acs_client::AcsSettings, auth::BackendAuth, http::router, server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::harness::FOREIGN_ID;

#[tokio::test]
async fn hanging_up_ends_the_call_at_acs() {
    // An ACS that reads requests and never answers.
    let acs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!("endpoint=http://{}/;accesskey=cHc=", acs.local_addr().unwrap());
    let settings = AcsSettings::from(text.parse::<ConnectionString>().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = router(settings.client().unwrap(), &BackendAuth::Anyone.into());
    tokio::spawn(server::run(listener, app, std::future::pending()));

    let mut caller = TcpStream::connect(address).await.unwrap();
    let request = format!("DELETE /api/identities/{FOREIGN_ID} HTTP/1.1\r\nHost: x\r\n\r\n");
    caller.write_all(request.as_bytes()).await.unwrap();
    let (mut upstream, _) = acs.accept().await.unwrap();
    let mut bytes = [0; 4096];
    assert!(upstream.read(&mut bytes).await.unwrap() > 0);
    drop(caller);
    // The end of the connection, or a reset: no more bytes either way.
    let ended = async { while upstream.read(&mut bytes).await.unwrap_or(0) > 0 {} };
    tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
}
