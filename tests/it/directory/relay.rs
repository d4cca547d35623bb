//! A relay in front of an HTTP server, which counts requests and holds those that a test selects.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use acs_identity::http::client_builder;
use acs_tokens::emulator::DEVELOPMENT_KEY;
use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use tokio::{net::TcpListener, sync::watch};

use crate::process::in_time;

/// Forwards requests unchanged, with `Host`, so that signatures stay valid.
pub(crate) struct Relay {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    upstream: String,
    http: reqwest::Client,
    /// Method and target of each request.
    lines: Mutex<Vec<String>>,
    hold: Mutex<Option<Hold>>,
}

/// The point at which a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Before the server receives it.
    Request,
    /// After the server has answered.
    Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HoldState {
    Holding,
    Released,
    Discarded,
}

/// Holds requests until they are released or discarded.
#[derive(Clone)]
pub(crate) struct Hold {
    at: At,
    matches: fn(&str) -> bool,
    /// Number of matching requests to let pass first.
    skip: Arc<AtomicUsize>,
    waiting: Arc<watch::Sender<usize>>,
    state: Arc<watch::Sender<HoldState>>,
}

impl Relay {
    pub(crate) async fn to(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // No pool: the server may close an idle connection just when it is reused.
        let http = client_builder().no_proxy().pool_max_idle_per_host(0);
        let http = http.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let upstream = upstream.to_owned();
        let inner = Arc::new(Inner { upstream, http, lines: Mutex::default(), hold: Mutex::default() });
        let app = Router::new().fallback(forward).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inner }
    }

    /// Returns the connection string of ACS behind the relay.
    pub(crate) fn connection_string(&self) -> String {
        format!("endpoint={}/;accesskey={DEVELOPMENT_KEY}", self.url)
    }

    /// Holds requests whose method and target match, after `skip` of them. Replaces an earlier hold.
    pub(crate) fn hold(&self, skip: usize, at: At, matches: fn(&str) -> bool) -> Hold {
        let (waiting, state) = (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(HoldState::Holding)));
        let hold = Hold { at, matches, skip: Arc::new(AtomicUsize::new(skip)), waiting, state };
        *self.inner.hold.lock().unwrap() = Some(hold.clone());
        hold
    }

    /// Returns the number of requests whose method and target match.
    pub(crate) fn count(&self, matches: fn(&str) -> bool) -> usize {
        self.inner.lines.lock().unwrap().iter().filter(|line| matches(line)).count()
    }
}

impl Hold {
    /// Waits until this many requests are held.
    pub(crate) async fn reached(&self, many: usize) {
        in_time("the waiting calls", self.waiting.subscribe().wait_for(|waiting| *waiting >= many)).await.unwrap();
    }

    /// Waits until this many requests are held, then releases them.
    pub(crate) async fn release_after(&self, many: usize) {
        self.reached(many).await;
        self.release();
    }

    /// Continues the held requests and lets later ones pass.
    pub(crate) fn release(&self) {
        self.state.send_replace(HoldState::Released);
    }

    /// Drops the held requests and lets later ones pass.
    pub(crate) fn discard(&self) {
        self.state.send_replace(HoldState::Discarded);
    }

    /// Holds a request if this is the place. Returns `None` if it was discarded.
    async fn pass(&self, at: At) -> Option<()> {
        let mut state = self.state.subscribe();
        let decrement = |skip: usize| skip.checked_sub(1);
        if at != self.at
            || self.skip.fetch_update(Ordering::SeqCst, Ordering::SeqCst, decrement).is_ok()
            || *state.borrow() != HoldState::Holding
        {
            return Some(());
        }
        self.waiting.send_modify(|waiting| *waiting += 1);
        let state = *state.wait_for(|state| *state != HoldState::Holding).await.unwrap();
        (state == HoldState::Released).then_some(())
    }
}

async fn forward(State(relay): State<Arc<Inner>>, request: Request) -> Response {
    try_forward(&relay, request).await.unwrap_or_else(|| StatusCode::BAD_GATEWAY.into_response())
}

async fn try_forward(relay: &Inner, request: Request) -> Option<Response> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let line = format!("{} {target}", parts.method);
    relay.lines.lock().unwrap().push(line.clone());
    let hold = relay.hold.lock().unwrap().clone().filter(|hold| (hold.matches)(&line));
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if let Some(hold) = &hold {
        hold.pass(At::Request).await?;
    }
    let request = relay.http.request(parts.method.clone(), format!("{}{target}", relay.upstream));
    let response = request.headers(parts.headers).body(body).send().await.ok()?;
    let (status, mut headers) = (response.status(), response.headers().clone());
    let body: Bytes = response.bytes().await.ok()?;
    if let Some(hold) = &hold {
        hold.pass(At::Answer).await?;
    }
    // Headers of the connection to the server.
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONNECTION);
    let mut answer = (status, body).into_response();
    *answer.headers_mut() = headers;
    Some(answer)
}
