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
    /// When it was started.
    pub started: Instant,
    http: reqwest::Client,
}

/// The memory of a program and its children, in MiB.
#[derive(Clone, Copy)]
pub struct Memory {
    pub resident: f64,
    /// The most since the start.
    pub peak: f64,
}

impl Service {
    /// Runs `handler`, preceded by the words of `wrapper`, and waits until it listens.
    pub async fn start(wrapper: &[String], handler: &Path, upstream: SocketAddr, issuer: &Issuer) -> Result<Self> {
        let address = free_address().await?;
        let words: Vec<PathBuf> = wrapper.iter().map(PathBuf::from).chain([handler.to_owned()]).collect();
        let mut env = environment(upstream, issuer);
        env.push((PORT, address.port().to_string()));
        Self::spawn(&words, &env, address).await
    }

    /// Runs a program with these environment variables only, and waits until it listens.
    pub async fn spawn(words: &[PathBuf], env: &[(&str, String)], address: SocketAddr) -> Result<Self> {
        let (program, arguments) = words.split_first().ok_or("no program")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(env.iter().map(|(name, value)| (name, value)));
        let started = Instant::now();
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn();
        let process = process.map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let http = acs_identity::http::client_builder().build()?;
        let service = Self { process, address, started, http };
        let end = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).await.is_err() {
            if Instant::now() > end {
                return Err(format!("{} does not listen on {address}", program.display()).into());
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(service)
    }

    /// Returns the process ids of the program and its children. Linux only.
    fn ids(&self) -> Result<Vec<String>> {
        let id = self.process.id().ok_or("the program has ended")?;
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        Ok(children.split_whitespace().map(str::to_owned).chain([id.to_string()]).collect())
    }

    /// Returns the memory of the program and its children. Linux only.
    pub fn memory(&self) -> Result<Memory> {
        let mut memory = Memory { resident: 0.0, peak: 0.0 };
        for id in self.ids()? {
            let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
            memory.resident += mib(&status, "VmRSS:")?;
            memory.peak += mib(&status, "VmHWM:")?;
        }
        Ok(memory)
    }

    /// Returns the number of open file descriptors and of threads. Linux only.
    pub fn descriptors_and_threads(&self) -> Result<(usize, usize)> {
        let (mut descriptors, mut threads) = (0, 0);
        for id in self.ids()? {
            descriptors += std::fs::read_dir(format!("/proc/{id}/fd"))?.count();
            threads += std::fs::read_dir(format!("/proc/{id}/task"))?.count();
        }
        Ok((descriptors, threads))
    }

    /// Sends a request, checks the status, and returns the body.
    pub async fn send(&self, request: &Request) -> Result<String> {
        let url = format!("http://{}{}", self.address, request.path);
        let mut builder = self.http.request(request.method.parse()?, url);
        if let Some(body) = request.body.clone() {
            builder = builder.header("content-type", "application/json").body(body);
        }
        if let Some(authorization) = &request.authorization {
            builder = builder.header("authorization", authorization);
        }
        if let Some(key) = request.key {
            builder = builder.header("x-functions-key", key);
        }
        let response = builder.send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        if status == request.status { Ok(body) } else { Err(format!("{}: {status} {body}", request.path).into()) }
    }

    /// Ends the program as a host does, and waits.
    pub async fn stop(mut self) -> Result<()> {
        let id = self.process.id().ok_or("the program has ended")?;
        Command::new("kill").args(["-s", "TERM", &id.to_string()]).status().await?;
        self.process.wait().await?;
        Ok(())
    }
}

/// The variable that holds the port of `handler`, and of the Node peers too.
pub const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

/// Returns the settings of this service, without the port.
pub fn environment(upstream: SocketAddr, issuer: &Issuer) -> Vec<(&'static str, String)> {
    [
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*connection_string("http", upstream)),
        ("OIDC_ISSUERS", &issuer.name),
        ("OIDC_AUDIENCES", AUDIENCE),
        ("USER_DIRECTORY", "memory:"),
        ("RATE_LIMIT", "none"),
        ("TOKEN_POLICY", r#"{"roles":{"host":{"scopes":["chat","voip"],"maxMinutes":1440}}}"#),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// Reads a line of `/proc/<id>/status`.
fn mib(status: &str, name: &str) -> Result<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("no {name}"))?;
    Ok(value.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// Returns an address with a free port.
pub async fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}
