//! The host's server: finds the function, checks the key, waits for the program, passes the request on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::config::Config;
use super::functions::{self, Function};
use super::journal::{Journal, Severity};
use super::keys::Keys;
use super::wire::{self, Body};
use super::worker::{State, Worker};
use super::{Generation, envelope, forward, proxy};

/// A running app.
pub struct Gateway {
    pub config: Config,
    pub generation: Generation,
    pub functions: Vec<Function>,
    /// `None` checks no keys, as `func start` does.
    pub keys: Option<Keys>,
    /// The port of the program.
    pub port: u16,
    pub worker: Worker,
    pub journal: Journal,
}

/// One request for a function.
pub struct Call {
    /// The invocation's id.
    pub id: Uuid,
    pub function: Function,
    /// The path, decoded as Kestrel does.
    pub path: String,
    /// The client's address.
    pub remote: SocketAddr,
    pub request: Request<Incoming>,
}

impl Call {
    /// Returns the query unchanged with its question mark, or an empty text.
    pub fn raw_query(&self) -> String {
        self.request.uri().query().map_or_else(String::new, |query| format!("?{query}"))
    }
}

/// Serves until the host stops. Then the port and the connections are closed.
pub async fn serve(listener: TcpListener, gateway: Arc<Gateway>) {
    let mut connections = JoinSet::new();
    let stopped = gateway.worker.stopped();
    tokio::pin!(stopped);
    loop {
        let (stream, remote) = tokio::select! {
            () = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => continue,
            },
        };
        let gateway = Arc::clone(&gateway);
        connections.spawn(async move {
            let service = service_fn(|request| {
                let gateway = Arc::clone(&gateway);
                async move { Ok::<_, Infallible>(gateway.answer(remote, request).await) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            // An error means that the client disconnected, or that the program cut its answer short.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Gateway {
    async fn answer(&self, remote: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let mut response = self.route(remote, request).await;
        for (name, value) in &self.config.custom_headers {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        response
    }

    async fn route(&self, remote: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let Some(path) = wire::decode_path(request.uri().path()) else { return wire::status(StatusCode::BAD_REQUEST) };
        let Some(function) = functions::find(&self.functions, request.method(), &path) else {
            return wire::status(if path == "/" { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND });
        };
        if self.keys.as_ref().is_some_and(|keys| !keys.allow(function, &request)) {
            return wire::status(StatusCode::UNAUTHORIZED);
        }
        self.invoke(Call { id: Uuid::new_v4(), function: function.clone(), path, remote, request }).await
    }

    async fn invoke(&self, call: Call) -> Response<Body> {
        if self.worker.started().await == State::Stopped {
            return wire::status(StatusCode::SERVICE_UNAVAILABLE);
        }
        let (name, limit) = (call.function.name.clone(), self.config.function_timeout);
        if let Ok(response) = tokio::time::timeout(limit, self.pass(call)).await {
            return response;
        }
        // One process serves all requests: a call over its time ends the others too.
        let text = format!("Timeout value of {limit:?} was exceeded by function: Functions.{name}");
        self.journal.log(Severity::Error, text);
        self.worker.replace();
        wire::status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    async fn pass(&self, call: Call) -> Response<Body> {
        if self.config.proxying && self.generation == Generation::Proxying {
            proxy::pass(self, call).await
        } else if self.config.forwarding && self.generation != Generation::Neither {
            forward::pass(self, call).await
        } else {
            envelope::pass(self, call).await
        }
    }
}
