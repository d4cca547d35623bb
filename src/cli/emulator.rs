//! `acs-tokens emulator`: the emulator of ACS on http and https.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Result, env_var, listen, ports, print, shutdown_signal};
use crate::{
    config::{EnvReader, Program},
    emulator::{
        Certificate, DEVELOPMENT_IDENTITY_HEADER, Emulator, Network, Options as EmulatorOptions, connection_string,
        connection_string_for, identity_endpoint,
    },
    http::allowed_origins::{Cors, Origins},
    telemetry,
};

/// The options of `emulator`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The port for http; 0 for any free port
    #[arg(long, default_value_t = 7072)]
    port: u16,
    /// The port for https; 0 for any free port
    #[arg(long, default_value_t = 7073)]
    https_port: u16,
    /// Keep identities and keys in this file across restarts
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

/// The addresses of the emulator, and the clients that may control it.
#[derive(Debug, Args)]
pub(super) struct Access {
    /// The address to listen on; 0.0.0.0 in a container
    #[arg(long, default_value = "127.0.0.1")]
    pub(super) host: IpAddr,
    /// Another host name or address of the emulator, for its certificate and its control API; repeatable
    #[arg(long = "name", value_name = "NAME", value_parser = name)]
    names: Vec<String>,
    /// An address or a network of clients beside this machine that may use the control API; repeatable
    #[arg(long, value_name = "CIDR")]
    control_from: Vec<Network>,
    /// A certificate (PEM); by default a new self-signed one at each start
    #[arg(long, requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Parses a name: with a port or a scheme, it would match no request.
fn name(text: &str) -> std::result::Result<String, &'static str> {
    let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name || text.parse::<IpAddr>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err("not a host name or an IP address; write it without scheme and port, such as emulator or 192.0.2.7")
    }
}

impl Access {
    /// Returns the given certificate, or a new self-signed one in a temporary file.
    fn certificate(&self, port: u16, names: &[String]) -> Result<Certificate> {
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            return Ok(Certificate::from_files(cert, key)?);
        }
        // Several emulators may run at once, each on its own port.
        let file = std::env::temp_dir().join(format!("acs-tokens-emulator-{port}.pem"));
        Certificate::self_signed(&file, names).map_err(|error| {
            format!(
                "{}: {error}; set TMPDIR to a writable folder, or choose a certificate with --cert and --key",
                file.display()
            )
            .into()
        })
    }

    /// Returns the names of the emulator, with the address that it listens on.
    fn all_names(&self) -> Vec<String> {
        let host = Some(self.host.to_string()).filter(|_| !self.host.is_unspecified() && !self.host.is_loopback());
        self.names.iter().cloned().chain(host).collect()
    }
}

/// A running emulator.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) http: SocketAddr,
    https: SocketAddr,
    certificate: String,
    names: Vec<String>,
}

impl Running {
    /// Starts an emulator that runs until the process ends. Each port and file comes with the option that sets it.
    pub(super) async fn start(
        port: (u16, &str),
        https_port: (u16, &str),
        state: Option<(&Path, &str)>,
        access: Access,
        cors: Option<&Cors>,
        options: impl FnOnce(SocketAddr) -> EmulatorOptions,
    ) -> Result<Self> {
        let host = access.host.to_string();
        let (plain, http) = listen(&host, port.0, port.1).await?;
        let (encrypted, https) = listen(&host, https_port.0, https_port.1).await?;
        let (http, https) = (on_this_machine(http), on_this_machine(https));
        let names = access.all_names();
        let certificate = access.certificate(https.port(), &names)?;
        let options = EmulatorOptions {
            names: names.clone(),
            control_from: access.control_from,
            allowed_origins: origins(cors),
            ..options(http)
        };
        let emulator = match state {
            Some((file, option)) => Emulator::open(options, file).map_err(|error| match error.kind() {
                io::ErrorKind::ResourceBusy => format!("{error}; stop that one, or choose another place with {option}"),
                _ => error.to_string(),
            })?,
            None => Emulator::new(options),
        };
        let path = certificate.path().display().to_string();
        let twin = emulator.clone();
        tokio::spawn(async move { twin.serve_http(plain).await });
        tokio::spawn(async move { emulator.serve_https(encrypted, &certificate).await });
        Ok(Self { http, https, certificate: path, names })
    }

    /// Returns the text that tells how to reach the emulator.
    pub(super) fn describe(&self) -> String {
        let Self { http, https, certificate, names } = self;
        // All SDKs accept https, some reject http.
        let mut strings = vec![connection_string("https", *https), connection_string("http", *http)];
        strings.extend(names.iter().map(|name| connection_string_for("https", name, https.port())));
        format!(
            "Emulator of ACS   http://{http}  https://{https}\n\
             Its certificate   {certificate}\n\
             Its control API   http://{http}/_emulator/\n\
             \n\
             Connection strings for the ACS SDKs. The first one is for all of them:\n\
             {}\n\
             \n\
             To let Python and Node.js trust the certificate, paste these lines:\n\
             {}\n\
             {}\n\
             \n\
             Settings to use it without a key, as with a managed identity:\n\
             COMMUNICATION_SERVICES_ENDPOINT=https://{https}/\n\
             IDENTITY_ENDPOINT={}\n\
             IDENTITY_HEADER={DEVELOPMENT_IDENTITY_HEADER}\n\
             SSL_CERT_FILE={certificate}\n",
            strings.join("\n"),
            export("REQUESTS_CA_BUNDLE", certificate),
            export("NODE_EXTRA_CA_CERTS", certificate),
            identity_endpoint("http", *http),
        )
    }
}

/// Returns the address at which clients on this machine reach a listener.
pub(super) fn on_this_machine(listener: SocketAddr) -> SocketAddr {
    match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, listener.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, listener.port()).into(),
        _ => listener,
    }
}

/// Returns the origins from the settings.
fn origins(cors: Option<&Cors>) -> Vec<String> {
    match cors.map(|cors| &cors.origins) {
        None => Vec::new(),
        Some(Origins::Any) => vec!["*".to_owned()],
        Some(Origins::List(list)) => list.iter().filter_map(|origin| origin.to_str().ok()).map(str::to_owned).collect(),
    }
}

/// Returns the command that sets an environment variable, for `PowerShell` or a POSIX shell.
fn export(name: &str, value: &str) -> String {
    if cfg!(windows) { format!("$env:{name} = '{value}'") } else { format!("export {name}='{value}'") }
}

pub(super) async fn run(Options { port, https_port, state, access }: Options) -> Result<()> {
    let mut env = EnvReader::new(&env_var);
    let cors = env.cors();
    let log = (env.log_filter(Program::Server), env.log_format());
    let (log_filter, log_format) = env.finish(Some(log))?;
    telemetry::init(log_filter, log_format);
    ports::check(&access.host.to_string(), &[("--port", port), ("--https-port", https_port)], Vec::new)?;
    let running = Running::start(
        (port, "--port"),
        (https_port, "--https-port"),
        state.as_deref().map(|file| (file, "--state")),
        access,
        cors.as_ref(),
        |_| <_>::default(),
    )
    .await?;
    // Before the text that names Ctrl+C: a program may send the signal as soon as it has read it.
    let shutdown = shutdown_signal();
    print(&running.describe());
    match state {
        Some(file) => print(&format!("Its identities and keys are kept in {}. Ctrl+C stops it.", file.display())),
        None => print("It keeps nothing when it stops. Ctrl+C stops it."),
    }
    shutdown.await;
    Ok(())
}
