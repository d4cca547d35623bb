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
    service::{Service, free_address},
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

    /// Starts the program.
    pub async fn start(self, setting: &Setting<'_>) -> Result<Service> {
        let address = free_address().await?;
        let Setting { handler, peers, upstream, issuer } = setting;
        let python = peers.join("python/bin/python");
        let port = address.port().to_string();
        let words: Vec<PathBuf> = match self {
            Self::Handler => return Service::start(&[], handler, *upstream, issuer).await,
            Self::Nginx => {
                let configuration = peers.join("nginx.conf");
                std::fs::write(&configuration, nginx(address, *upstream, peers))?;
                vec!["nginx".into(), "-c".into(), configuration]
            }
            Self::Express => vec!["node".into(), peers.join("node/express.mjs")],
            Self::Fastify => vec!["node".into(), peers.join("node/fastify.mjs")],
            Self::FastApi => {
                let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/python");
                let words = [
                    "-m",
                    "uvicorn",
                    "app:app",
                    "--no-access-log",
                    "--log-level=warning",
                    "--port",
                    &port,
                    "--app-dir",
                ];
                [python].into_iter().chain(words.map(PathBuf::from)).chain([app]).collect()
            }
        };
        let env = [
            ("CONNECTION_STRING", &*connection_string("http", *upstream)),
            ("ISSUER", &issuer.name),
            ("JWKS", &issuer.keys),
            ("AUDIENCE", AUDIENCE),
            ("KEY", KEY),
            ("IDENTITY", IDENTITY),
            ("PORT", &port),
            ("NODE_ENV", "production"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ];
        Service::spawn(&words, &env, address).await
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
