//! Starts the program and sends requests to it.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use acs_emulator::connection_string;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::{
    Result,
    issuer::{AUDIENCE, Issuer},
    scenario::Request,
};

/// Far longer than a start under callgrind takes.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running program.
pub struct Service {
    pub process: Child,
    pub address: SocketAddr,
    http: reqwest::Client,
}

impl Service {
    /// Runs `handler`, preceded by the words of `wrapper`, and waits until it listens.
    pub async fn start(wrapper: &[String], handler: &Path, upstream: SocketAddr, issuer: &Issuer) -> Result<Self> {
        let address = free_address().await?;
        let mut words = wrapper.iter().map(String::as_str).chain(handler.to_str());
        let mut command = Command::new(words.next().ok_or("the handler's path is not UTF-8")?);
        command.args(words).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs([
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string("http", upstream)),
            ("OIDC_ISSUERS", &*issuer.name),
            ("OIDC_AUDIENCES", AUDIENCE),
            ("USER_DIRECTORY", "memory:"),
            ("RATE_LIMIT", "none"),
            ("FUNCTIONS_CUSTOMHANDLER_PORT", &*address.port().to_string()),
        ]);
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn();
        let process = process.map_err(|error| format!("cannot run {}: {error}", handler.display()))?;
        let service = Self { process, address, http: reqwest::Client::new() };
        let end = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > end {
                return Err(format!("{} does not listen on {address}", handler.display()).into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(service)
    }

    /// Sends a request and checks the status.
    pub async fn send(&self, request: &Request) -> Result<()> {
        let url = format!("http://{}{}", self.address, request.path);
        let mut builder = self.http.request(request.method.parse()?, url);
        if let Some(body) = request.body {
            builder = builder.header("content-type", "application/json").body(body);
        }
        if let Some(authorization) = &request.authorization {
            builder = builder.header("authorization", authorization);
        }
        let response = builder.send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        if status == request.status { Ok(()) } else { Err(format!("{}: {status} {body}", request.path).into()) }
    }

    /// Ends the program as a host does, and waits.
    pub async fn stop(mut self) -> Result<()> {
        let id = self.process.id().ok_or("the program has ended")?;
        Command::new("kill").args(["-s", "TERM", &id.to_string()]).status().await?;
        self.process.wait().await?;
        Ok(())
    }
}

async fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}
