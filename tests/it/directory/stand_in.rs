//! A stand-in for Azure Blob Storage and Amazon S3 that answers with the errors that a test selects.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::net::TcpListener;

/// The kind of a remote store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Blob,
    S3,
}

/// An error answer to requests of one method.
struct Fault {
    method: Method,
    status: u16,
    body: &'static str,
    /// Number of requests that get this answer.
    times: usize,
}

/// The objects of a store, with conditional writes, and its faults.
pub(crate) struct StandIn {
    pub(crate) url: String,
    kind: Kind,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    objects: HashMap<String, (Bytes, String)>,
    fault: Option<Fault>,
    writes: usize,
    authorization: Option<HeaderValue>,
}

impl StandIn {
    pub(crate) async fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::<Mutex<Inner>>::default();
        let app = Router::new().fallback(answer).with_state((kind, Arc::clone(&inner)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, kind, inner }
    }

    pub(crate) fn fail(&self, method: Method, status: u16, body: &'static str, times: usize) {
        self.inner.lock().unwrap().fault = Some(Fault { method, status, body, times });
    }

    /// Returns the number of write requests since the last call.
    pub(crate) fn writes(&self) -> usize {
        std::mem::take(&mut self.inner.lock().unwrap().writes)
    }

    /// Returns the header `Authorization` of the last request.
    pub(crate) fn authorization(&self) -> String {
        self.inner.lock().unwrap().authorization.as_ref().unwrap().to_str().unwrap().to_owned()
    }

    /// Returns the value of `USER_DIRECTORY`.
    pub(crate) fn location(&self) -> String {
        match self.kind {
            Kind::Blob => format!("{}/devstoreaccount1/users", self.url),
            Kind::S3 => "s3://users".to_owned(),
        }
    }
}

async fn answer(State((kind, inner)): State<(Kind, Arc<Mutex<Inner>>)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut inner = inner.lock().unwrap();
    inner.authorization = parts.headers.get(header::AUTHORIZATION).cloned();
    inner.writes += usize::from(parts.method == Method::PUT);
    if let Some(fault) = inner.fault.as_mut().filter(|fault| fault.method == parts.method && fault.times > 0) {
        fault.times -= 1;
        return (StatusCode::from_u16(fault.status).unwrap(), fault.body).into_response();
    }
    let path = parts.uri.path().to_owned();
    match parts.method {
        Method::GET => match inner.objects.get(&path) {
            Some((body, e_tag)) => (described(e_tag), body.clone()).into_response(),
            None => refuse(404, if kind == Kind::S3 { "NoSuchKey" } else { "BlobNotFound" }),
        },
        Method::PUT => {
            let condition = |name| parts.headers.get(name).map(|value| value.to_str().unwrap());
            let e_tag = inner.objects.get(&path).map(|(_, e_tag)| e_tag);
            if condition(header::IF_NONE_MATCH).is_some() && e_tag.is_some() {
                return if kind == Kind::S3 {
                    refuse(412, "PreconditionFailed")
                } else {
                    refuse(409, "BlobAlreadyExists")
                };
            }
            if condition(header::IF_MATCH).is_some_and(|wanted| e_tag.is_none_or(|e_tag| e_tag != wanted)) {
                return refuse(412, if kind == Kind::S3 { "PreconditionFailed" } else { "ConditionNotMet" });
            }
            let e_tag = format!("\"{}\"", uuid::Uuid::new_v4());
            inner.objects.insert(path, (body, e_tag.clone()));
            (StatusCode::CREATED, described(&e_tag)).into_response()
        }
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}

fn described(e_tag: &str) -> HeaderMap {
    let headers = [(header::ETAG, e_tag), (header::LAST_MODIFIED, "Thu, 26 Nov 2026 03:00:00 GMT")];
    headers.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
}

fn refuse(status: u16, code: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), format!("<Error><Code>{code}</Code></Error>")).into_response()
}
