//! The host's own server: finds the function, checks the key, waits for the program, hands the request on.

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
    /// `None` lets everybody in, as `func start` does.
    pub keys: Option<Keys>,
    /// Where the program listens.
    pub port: u16,
    /// `None` for an app without functions: no program is started for it.
    pub worker: Option<Worker>,
    pub journal: Journal,
}

/// One request on its way to its function.
pub struct Call {
    /// The invocation's id.
    pub id: Uuid,
    pub function: Function,
    /// Values of the route's parameters.
    pub parameters: Vec<(String, String)>,
    /// The path, decoded as Kestrel does.
    pub path: String,
    /// Whose request it is, as the host sees the connection.
    pub remote: SocketAddr,
    pub request: Request<Incoming>,
}

impl Call {
    /// The query as it came, with its question mark, or nothing.
    pub fn raw_query(&self) -> String {
        self.request.uri().query().map_or_else(String::new, |query| format!("?{query}"))
    }
}

/// Serves until the host stops: then the port is closed, and so are the connections.
pub async fn serve(listener: TcpListener, gateway: Arc<Gateway>) {
    let mut connections = JoinSet::new();
    let stopped = async {
        match &gateway.worker {
            Some(worker) => worker.stopped().await,
            None => std::future::pending().await,
        }
    };
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
            // An error is a client that went away, or an answer cut short by the program: the connection ends with it.
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
        let found = functions::find(&self.functions, request.method(), &path);
        let own = ["/admin/", "/runtime/"].iter().any(|area| path.to_ascii_lowercase().starts_with(area));
        let Some((function, parameters)) = found.filter(|_| !own) else {
            let home = path == "/" && !own;
            return wire::status(if home { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND });
        };
        if self.keys.as_ref().is_some_and(|keys| !keys.allow(function, &request)) {
            return wire::status(StatusCode::UNAUTHORIZED);
        }
        let function = function.clone();
        self.invoke(Call { id: Uuid::new_v4(), function, parameters, path, remote, request }).await
    }

    async fn invoke(&self, call: Call) -> Response<Body> {
        let Some(worker) = &self.worker else { return wire::status(StatusCode::INTERNAL_SERVER_ERROR) };
        if worker.settled().await == State::Stopped {
            return wire::status(StatusCode::SERVICE_UNAVAILABLE);
        }
        let name = call.function.name.clone();
        let passed = self.pass(call);
        let Some(limit) = self.config.function_timeout else { return passed.await };
        if let Ok(response) = tokio::time::timeout(limit, passed).await {
            return response;
        }
        // One process serves all: a call over its time takes its neighbours with it.
        let text = format!("Timeout value of {limit:?} was exceeded by function: Functions.{name}");
        self.journal.log(Severity::Error, "Host", text);
        worker.replace();
        wire::status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    async fn pass(&self, call: Call) -> Response<Body> {
        let http_only = call.function.http_only;
        if http_only && self.config.proxying && self.generation == Generation::Proxying {
            proxy::pass(self, call).await
        } else if http_only && self.config.forwarding && self.generation != Generation::Neither {
            forward::pass(self, call).await
        } else {
            envelope::pass(self, call).await
        }
    }
}
