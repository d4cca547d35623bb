//! One connection: what it is doing, and the times that it may take.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::{Router, body::Body};
use http::{Request, Response};
use hyper::{
    body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{rt::TokioIo, server::graceful::Watcher};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_util::io::InspectReader;
use tower::ServiceExt as _;

use super::Limits;

/// The longest header, and the bytes of a body that are read ahead. The longest bearer token has 16 KiB.
const MAX_BUFFER: usize = 64 * 1024;

/// The activity of a connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<Phase>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waiting for the rest of a header since this time.
    Header(Instant),
    /// Waiting for the next request since this time.
    Idle(Instant),
    /// A request is being answered. It has a deadline of its own.
    Request,
    /// Closed to make room for another connection.
    Closed,
}

impl Activity {
    /// Returns the activity of a new connection, whose first header has to arrive.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Phase::Header(Instant::now())))
    }

    /// Returns the time since which the connection has waited; `None` if it has a request.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        match *self.phase() {
            Phase::Header(since) | Phase::Idle(since) => Some(since),
            Phase::Request | Phase::Closed => None,
        }
    }

    /// Closes the connection unless it has a request. Returns whether it is closed.
    pub(super) fn close(&self) -> bool {
        let mut phase = self.phase();
        let closes = *phase != Phase::Request;
        if closes {
            *phase = Phase::Closed;
        }
        closes
    }

    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        match *self.phase() {
            Phase::Header(since) => since.checked_add(limits.header_timeout),
            Phase::Idle(since) => since.checked_add(limits.idle_timeout),
            Phase::Request | Phase::Closed => None,
        }
    }

    /// Notes bytes of the peer: after an idle time, they are the start of a header.
    fn received(&self, bytes: &[u8]) {
        let mut phase = self.phase();
        if let (Phase::Idle(_), false) = (*phase, bytes.is_empty()) {
            *phase = Phase::Header(Instant::now());
        }
    }

    /// Notes a complete header. Fails if the connection has been closed.
    fn start_request(self: &Arc<Self>) -> io::Result<ActiveRequest> {
        let mut phase = self.phase();
        if *phase == Phase::Closed {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        *phase = Phase::Request;
        Ok(ActiveRequest(Arc::clone(self)))
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request until the server has the last byte of its answer.
struct ActiveRequest(Arc<Activity>);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        *self.0.phase() = Phase::Idle(Instant::now());
    }
}

/// Serves a connection until it ends or exceeds a time.
pub(super) async fn serve(stream: TcpStream, app: Router, activity: Arc<Activity>, limits: Limits, watcher: Watcher) {
    let reads = Arc::clone(&activity);
    let stream = TokioIo::new(InspectReader::new(stream, move |bytes: &[u8]| reads.received(bytes)));
    let service = service_fn(|request| answer(&app, &activity, request));
    // Without hyper's timer: it has one time for headers and for the wait between requests.
    let connection = http1::Builder::new().max_buf_size(MAX_BUFFER).serve_connection(stream, service);
    let mut connection = pin!(watcher.watch(connection));
    let mut timer = pin!(sleep_until(Instant::now()));
    poll_fn(|cx| {
        if let Poll::Ready(result) = connection.as_mut().poll(cx) {
            if let Err(error) = result {
                tracing::debug!(cause = %error, "a connection ended early");
            }
            return Poll::Ready(());
        }
        // Polling the connection may have changed what it waits for.
        let Some(deadline) = activity.deadline(&limits) else { return Poll::Pending };
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    })
    .await;
}

fn answer(
    app: &Router,
    activity: &Arc<Activity>,
    request: Request<Incoming>,
) -> impl Future<Output = io::Result<Response<AnswerBody>>> + use<> {
    let active = activity.start_request();
    let answer = app.clone().oneshot(request.map(Body::new));
    async move {
        let active = active?;
        let answer: Result<_, Infallible> = answer.await;
        let Ok(answer) = answer;
        Ok(answer.map(|body| AnswerBody { body, _active: active }))
    }
}

/// The body of an answer. The connection has a request until the body has been sent.
struct AnswerBody {
    body: Body,
    _active: ActiveRequest,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    // From an exact size, hyper sets Content-Length.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
