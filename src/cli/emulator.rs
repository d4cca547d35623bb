//! `acs-tokens emulator`: the emulator alone, on http and https.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Result, asked_to_stop, listen, say};
use crate::{
    config::EnvReader,
    emulator::{
        Certificate, DEVELOPMENT_IDENTITY_HEADER, Emulator, Options as EmulatorOptions, connection_string,
        identity_endpoint,
    },
    telemetry,
};

/// Where the emulator listens.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The port for http; 0 for any free one
    #[arg(long, default_value_t = 7072)]
    port: u16,
    /// The port for https; 0 for any free one
    #[arg(long, default_value_t = 7073)]
    https_port: u16,
    /// Keep identities and keys in this file, from one start to the next
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsOptions,
}

/// The certificate for https.
#[derive(Debug, Default, Args)]
pub(super) struct TlsOptions {
    /// A certificate of one's own (PEM); without it one is made at each start
    #[arg(long, requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
}

impl TlsOptions {
    /// The certificate given, or a new one in a file of its own.
    fn certificate(self, port: u16) -> Result<Certificate> {
        Ok(match (self.cert, self.key) {
            (Some(cert), Some(key)) => Certificate::from_files(&cert, &key)?,
            // The port tells emulators apart that run side by side.
            _ => Certificate::self_signed(&std::env::temp_dir().join(format!("acs-tokens-emulator-{port}.pem")))?,
        })
    }
}

/// A running emulator, as its users need to know it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) http: SocketAddr,
    https: SocketAddr,
    certificate: String,
}

impl Running {
    /// Starts an emulator that runs until the process ends.
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
            Some((file, flag)) => Emulator::open(options(http), file).map_err(|error| match error.kind() {
                io::ErrorKind::ResourceBusy => format!("{error}; stop that one, or choose another place with {flag}"),
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

    /// Where its page may have come from, as browsers spell it.
    pub(super) fn origins(&self) -> [String; 4] {
        let (http, https) = (self.http.port(), self.https.port());
        [
            format!("http://127.0.0.1:{http}"),
            format!("http://localhost:{http}"),
            format!("https://127.0.0.1:{https}"),
            format!("https://localhost:{https}"),
        ]
    }

    /// Where it is, and how SDKs reach it.
    pub(super) fn describe(&self) -> String {
        let Self { http, https, certificate } = self;
        format!(
            "Emulator of ACS   http://{http}  https://{https}\n\
             Its certificate   {certificate}\n\
             A page to try it  http://{http}/_emulator/\n\
             \n\
             Connection strings for the SDKs of ACS:\n\
             {}\n\
             {}\n\
             \n\
             Settings to reach it without a key, as with a managed identity:\n\
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
    let mut settings = EnvReader::new(&|name| std::env::var_os(name));
    let filter = settings.log_filter();
    telemetry::init(settings.finish(Some(filter))?);
    let running = Running::start(
        (port, "--port"),
        (https_port, "--https-port"),
        state.as_deref().map(|file| (file, "--state")),
        tls,
        |_| <_>::default(),
    )
    .await?;
    say(&running.describe());
    match state {
        Some(file) => say(&format!("Its identities and keys are kept in {}. Ctrl+C stops it.", file.display())),
        None => say("Everything in it is gone when it stops. Ctrl+C stops it."),
    }
    asked_to_stop().await;
    Ok(())
}
