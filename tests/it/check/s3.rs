//! A stand-in for a store that speaks S3, with or without conditional writes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
};
use http::{
    HeaderMap, Method, Response, StatusCode, Uri,
    header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED},
};
use tokio::net::TcpListener;

/// The condition that the store ignores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    Nothing,
    IfNoneMatch,
    IfMatch,
}

/// The objects by path, with the number of the write that made each.
type Objects = Arc<Mutex<BTreeMap<String, (u32, Bytes)>>>;

/// Starts an empty store. Returns its URL and its objects.
pub(super) async fn start(ignored: Ignored) -> (String, Objects) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let objects = Objects::default();
    let app = Router::new().fallback(answer).with_state((ignored, Arc::clone(&objects)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, objects)
}

async fn answer(
    State((ignored, objects)): State<(Ignored, Objects)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut objects = objects.lock().unwrap();
    let path = uri.path().to_owned();
    let found = objects.get(&path).cloned();
    let tag = |n: u32| format!("\"{n}\"");
    let status = |status: StatusCode| Response::builder().status(status);
    match method {
        Method::PUT => {
            let exists = headers.contains_key(IF_NONE_MATCH) && found.is_some();
            let current = found.as_ref().map(|(n, _)| tag(*n));
            let changed = headers.get(IF_MATCH).is_some_and(|sent| current.as_deref() != sent.to_str().ok());
            if (exists && ignored != Ignored::IfNoneMatch) || (changed && ignored != Ignored::IfMatch) {
                return refused(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
            }
            let n = found.map_or(1, |(n, _)| n + 1);
            objects.insert(path, (n, body));
            status(StatusCode::OK).header(ETAG, tag(n)).body(Bytes::new().into()).unwrap()
        }
        // DeleteObjects, whose body lists the keys.
        Method::POST => {
            let body = String::from_utf8(body.to_vec()).unwrap();
            let key = body.split("<Key>").nth(1).unwrap().split("</Key>").next().unwrap();
            objects.retain(|path, _| !path.ends_with(key));
            let deleted = format!("<DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>");
            status(StatusCode::OK).body(deleted.into()).unwrap()
        }
        _ => match found {
            Some((n, body)) => {
                let head = status(StatusCode::OK).header(ETAG, tag(n));
                head.header(LAST_MODIFIED, "Wed, 21 Oct 2026 07:28:00 GMT").body(body.into()).unwrap()
            }
            None => refused(StatusCode::NOT_FOUND, "NoSuchKey"),
        },
    }
}

fn refused(status: StatusCode, code: &str) -> Response<Body> {
    let error = format!("<Error><Code>{code}</Code><Message>refused</Message></Error>");
    Response::builder().status(status).header(CONTENT_TYPE, "application/xml").body(error.into()).unwrap()
}
