//! Starts the program and sends requests to it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

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
        let words: Vec<PathBuf> = wrapper.iter().map(PathBuf::from).chain([handler.to_owned()]).collect();
        let env = [
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string("http", upstream)),
            ("OIDC_ISSUERS", &*issuer.name),
            ("OIDC_AUDIENCES", AUDIENCE),
            ("USER_DIRECTORY", "memory:"),
            ("RATE_LIMIT", "none"),
            ("TOKEN_POLICY", r#"{"roles":{"host":{"scopes":["chat","voip"],"maxMinutes":1440}}}"#),
            ("FUNCTIONS_CUSTOMHANDLER_PORT", &*address.port().to_string()),
        ];
        Self::spawn(&words, &env, address).await
    }

    /// Runs a program with these environment variables only, and waits until it listens.
    pub async fn spawn(words: &[PathBuf], env: &[(&str, &str)], address: SocketAddr) -> Result<Self> {
        let (program, arguments) = words.split_first().ok_or("no program")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(env.iter().copied());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn();
        let process = process.map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let http = acs_identity::http::client_builder().build()?;
        let service = Self { process, address, http };
        let end = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > end {
                return Err(format!("{} does not listen on {address}", program.display()).into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(service)
    }

    /// Returns the resident memory of the program and its children, in MiB. Linux only.
    pub fn memory_mib(&self) -> Result<f64> {
        let id = self.process.id().ok_or("the program has ended")?;
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let mut kib = 0.0;
        for id in children.split_whitespace().map(str::to_owned).chain([id.to_string()]) {
            let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
            kib += line.trim().trim_end_matches(" kB").parse::<f64>()?;
        }
        Ok(kib / 1024.0)
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

/// Returns an address with a free port.
pub async fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}
