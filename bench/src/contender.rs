//! The programs that are compared: this service and its peers, each with the same upstream and the same work.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use acs_emulator::connection_string;

use crate::{
    Result,
    issuer::{AUDIENCE, Issuer},
    scenario::{KEY, Scenario},
    service::{PORT, Service, free_address},
    upstream::IDENTITY,
};

/// A program that serves the same functions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// `handler`, as packaged.
    Handler,
    /// nginx as a bare reverse proxy: the least that any program between client and upstream costs.
    Nginx,
    /// Express with `@azure/communication-identity`.
    Express,
    /// Fastify with `@azure/communication-identity`.
    Fastify,
    /// `FastAPI` with the asynchronous client of `azure-communication-identity`.
    FastApi,
}

/// The upstream, the issuer and the files of the programs.
pub struct Setting<'a> {
    pub handler: &'a Path,
    /// The folder of the installed peers.
    pub peers: &'a Path,
    pub upstream: SocketAddr,
    pub issuer: &'a Issuer,
}

impl Contender {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Handler, Self::Nginx, Self::Express, Self::Fastify, Self::FastApi];

    /// The name in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Nginx => "nginx, bare proxy",
            Self::Express => "Express",
            Self::Fastify => "Fastify",
            Self::FastApi => "FastAPI",
        }
    }

    /// Returns whether the program serves the scenario. A proxy passes on what the upstream answers.
    pub fn serves(self, scenario: Scenario) -> bool {
        self != Self::Nginx || scenario == Scenario::IssueToken
    }

    /// Starts the program, preceded by the words of `wrapper`, and waits until it listens.
    pub async fn start(self, setting: &Setting<'_>, wrapper: &[String]) -> Result<Service> {
        let Setting { handler, peers, upstream, issuer } = setting;
        if self == Self::Handler {
            return Service::start(wrapper, handler, *upstream, issuer).await;
        }
        let address = free_address().await?;
        let words: Vec<PathBuf> = match self {
            Self::Handler => vec![],
            Self::Nginx => {
                let configuration = peers.join("nginx.conf");
                std::fs::write(&configuration, nginx(address, *upstream, peers))?;
                vec!["nginx".into(), "-c".into(), configuration]
            }
            Self::Express => vec!["node".into(), peers.join("node/express.mjs")],
            Self::Fastify => vec!["node".into(), peers.join("node/fastify.mjs")],
            Self::FastApi => {
                let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/python");
                let port = address.port().to_string();
                let words = "-m uvicorn app:app --no-access-log --log-level=warning --loop=uvloop --http=httptools";
                let words = words.split(' ').chain(["--port", &port, "--app-dir"]).map(PathBuf::from);
                [peers.join("python/bin/python")].into_iter().chain(words).chain([app]).collect()
            }
        };
        let words: Vec<PathBuf> = wrapper.iter().map(PathBuf::from).chain(words).collect();
        let mut env = setting.environment_of_peers();
        env.push((PORT, address.port().to_string()));
        Service::spawn(&words, &env, address).await
    }
}

impl Setting<'_> {
    /// Returns the environment of the peers, without the port.
    pub fn environment_of_peers(&self) -> Vec<(&'static str, String)> {
        [
            ("CONNECTION_STRING", &*connection_string("http", self.upstream)),
            ("ISSUER", &self.issuer.name),
            ("JWKS", &self.issuer.keys),
            ("AUDIENCE", AUDIENCE),
            ("KEY", KEY),
            ("IDENTITY", IDENTITY),
            ("NODE_ENV", "production"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into()
    }
}

/// Configures one worker that reuses connections and writes a line for each request, as the others do.
fn nginx(address: SocketAddr, upstream: SocketAddr, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off; worker_processes 1; error_log stderr; pid {folder}/nginx.pid;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log /dev/stdout;\n  keepalive_requests 1000000000;\n  client_body_temp_path {folder}/body;\n  \
         proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n  \
         upstream acs {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}\n  server {{\n    listen {address};\n    \
         location / {{ proxy_pass http://acs; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}\n  }}\n}}\n"
    )
}
