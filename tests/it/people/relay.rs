//! A relay in front of an HTTP server: it counts requests, and holds those that a test wants to come late.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use acs_tokens::emulator::DEVELOPMENT_KEY;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use tokio::{net::TcpListener, sync::watch};

/// Requests pass through it unchanged, their `Host` and with it their signature too.
pub(crate) struct Relay {
    /// Its own address, in place of the server's.
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    upstream: String,
    http: reqwest::Client,
    /// Method and target of each request so far.
    seen: Mutex<Vec<String>>,
    hold: Mutex<Option<Hold>>,
}

/// Where a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Before the server knows of it.
    Request,
    /// After the server has done it.
    Answer,
}

/// What becomes of what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccessControl {
    Shut,
    Open,
    /// Nothing that waits goes any further.
    Cut,
}

/// Requests held back, until it says otherwise.
#[derive(Clone)]
pub(crate) struct Hold {
    at: At,
    whose: fn(&str) -> bool,
    /// So many come before the first one that is held.
    before: Arc<AtomicUsize>,
    held: Arc<watch::Sender<usize>>,
    gate: Arc<watch::Sender<AccessControl>>,
}

impl Relay {
    pub(crate) async fn to(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // A connection that waited might be closed by the server in the moment it is used again.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let http = http.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let upstream = upstream.to_owned();
        let inner = Arc::new(Inner { upstream, http, seen: Mutex::default(), hold: Mutex::default() });
        let app = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inner }
    }

    /// The connection string of ACS behind it.
    pub(crate) fn connection_string(&self) -> String {
        format!("endpoint={}/;accesskey={DEVELOPMENT_KEY}", self.url)
    }

    /// Holds back from now on those whose method and target are such, in place of those before.
    pub(crate) fn hold(&self, at: At, whose: fn(&str) -> bool) -> Hold {
        self.hold_after(0, at, whose)
    }

    /// The same, but lets so many through first.
    pub(crate) fn hold_after(&self, before: usize, at: At, whose: fn(&str) -> bool) -> Hold {
        let before = Arc::new(AtomicUsize::new(before));
        let (held, gate) = (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(AccessControl::Shut)));
        let waiting = Hold { at, whose, before, held, gate };
        *self.inner.hold.lock().unwrap() = Some(waiting.clone());
        waiting
    }

    /// How many requests came whose method and target are such.
    pub(crate) fn seen(&self, whose: fn(&str) -> bool) -> usize {
        self.inner.seen.lock().unwrap().iter().filter(|line| whose(line)).count()
    }
}

impl Hold {
    /// Waits until so many wait.
    pub(crate) async fn reached(&self, many: usize) {
        self.held.subscribe().wait_for(|held| *held >= many).await.unwrap();
    }

    /// Lets them go, and all that come later.
    pub(crate) fn let_go(&self) {
        self.gate.send_replace(AccessControl::Open);
    }

    /// Ends those that wait where they are. All that come later go through.
    pub(crate) fn cut(&self) {
        self.gate.send_replace(AccessControl::Cut);
    }

    /// Waits here, if this is where to wait. Tells whether to go on.
    async fn pass(&self, at: At) -> bool {
        let mut gate = self.gate.subscribe();
        let one_less = |before: usize| before.checked_sub(1);
        if at != self.at
            || self.before.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
            || *gate.borrow() != AccessControl::Shut
        {
            return true;
        }
        self.held.send_modify(|held| *held += 1);
        *gate.wait_for(|gate| *gate != AccessControl::Shut).await.unwrap() == AccessControl::Open
    }
}

async fn pass(State(relay): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let line = format!("{} {target}", parts.method);
    relay.seen.lock().unwrap().push(line.clone());
    let hold = relay.hold.lock().unwrap().clone().filter(|hold| (hold.whose)(&line));
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let cut = || answer(StatusCode::BAD_GATEWAY, HeaderMap::new(), Body::empty());
    if let Some(hold) = &hold
        && !hold.pass(At::Request).await
    {
        return cut();
    }
    let request = relay.http.request(parts.method.clone(), format!("{}{target}", relay.upstream));
    let Ok(response) = request.headers(parts.headers).body(body).send().await else { return cut() };
    let (status, mut headers) = (response.status(), response.headers().clone());
    let Ok(body) = response.bytes().await else { return cut() };
    if let Some(hold) = &hold
        && !hold.pass(At::Answer).await
    {
        return cut();
    }
    // Those of the connection to the server.
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONNECTION);
    answer(status, headers, body.into())
}

fn answer(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
