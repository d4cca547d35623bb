//! `acs-tokens emulator`: the emulator of ACS on http and https.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Result, env_var, listen, ports, print, shutdown_signal};
use crate::{
    config::{EnvReader, Program},
    emulator::{
        Certificate, DEVELOPMENT_IDENTITY_HEADER, Emulator, Options as EmulatorOptions, connection_string,
        identity_endpoint,
    },
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
    tls: TlsOptions,
}

/// The certificate for https.
#[derive(Debug, Args)]
pub(super) struct TlsOptions {
    /// A certificate (PEM); by default a new self-signed one at each start
    #[arg(long, requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
}

impl TlsOptions {
    /// Returns the given certificate, or a new self-signed one in a temporary file.
    fn certificate(self, port: u16) -> Result<Certificate> {
        Ok(match (self.cert, self.key) {
            (Some(cert), Some(key)) => Certificate::from_files(&cert, &key)?,
            // Several emulators may run at once, each on its own port.
            _ => Certificate::self_signed(&std::env::temp_dir().join(format!("acs-tokens-emulator-{port}.pem")))?,
        })
    }
}

/// A running emulator.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) http: SocketAddr,
    https: SocketAddr,
    certificate: String,
}

impl Running {
    /// Starts an emulator that runs until the process ends. Each port and file comes with the option that sets it.
    pub(super) async fn start(
        port: (u16, &str),
        https_port: (u16, &str),
        state: Option<(&Path, &str)>,
        tls: TlsOptions,
        options: impl FnOnce(SocketAddr) -> EmulatorOptions,
    ) -> Result<Self> {
        let (plain, http) = listen("127.0.0.1", port.0, port.1).await?;
        let (encrypted, https) = listen("127.0.0.1", https_port.0, https_port.1).await?;
        let emulator = match state {
            Some((file, option)) => Emulator::open(options(http), file).map_err(|error| match error.kind() {
                io::ErrorKind::ResourceBusy => format!("{error}; stop that one, or choose another place with {option}"),
                _ => error.to_string(),
            })?,
            None => Emulator::new(options(http)),
        };
        let certificate = tls.certificate(https.port())?;
        let path = certificate.path().display().to_string();
        let twin = emulator.clone();
        tokio::spawn(async move { twin.serve_http(plain).await });
        tokio::spawn(async move { emulator.serve_https(encrypted, &certificate).await });
        Ok(Self { http, https, certificate: path })
    }

    /// Returns the text that tells how to reach the emulator.
    pub(super) fn describe(&self) -> String {
        let Self { http, https, certificate } = self;
        format!(
            "Emulator of ACS   http://{http}  https://{https}\n\
             Its certificate   {certificate}\n\
             Its control API   http://{http}/_emulator/\n\
             \n\
             Connection strings for the ACS SDKs:\n\
             {}\n\
             {}\n\
             \n\
             Settings to use it without a key, as with a managed identity:\n\
             COMMUNICATION_SERVICES_ENDPOINT=https://{https}/\n\
             IDENTITY_ENDPOINT={}\n\
             IDENTITY_HEADER={DEVELOPMENT_IDENTITY_HEADER}\n\
             SSL_CERT_FILE={certificate}\n",
            connection_string("http", *http),
            connection_string("https", *https),
            identity_endpoint("http", *http),
        )
    }
}

pub(super) async fn run(Options { port, https_port, state, tls }: Options) -> Result<()> {
    let mut env = EnvReader::new(&env_var);
    let log = (env.log_filter(Program::Server), env.log_format());
    let (log_filter, log_format) = env.finish(Some(log))?;
    telemetry::init(log_filter, log_format);
    ports::check("127.0.0.1", &[("--port", port), ("--https-port", https_port)], Vec::new)?;
    let running = Running::start(
        (port, "--port"),
        (https_port, "--https-port"),
        state.as_deref().map(|file| (file, "--state")),
        tls,
        |_| <_>::default(),
    )
    .await?;
    print(&running.describe());
    match state {
        Some(file) => print(&format!("Its identities and keys are kept in {}. Ctrl+C stops it.", file.display())),
        None => print("It keeps nothing when it stops. Ctrl+C stops it."),
    }
    shutdown_signal().await;
    Ok(())
}
