//! `acs-tokens dev`: the functions and the emulator together, on this machine alone.

use std::net::SocketAddr;

use clap::Args;

use super::{
    Result, asked_to_stop,
    emulator::{Running, TlsOptions},
    listen, say,
};
use crate::{
    acs::{self, connection_string::ConnectionString},
    app,
    callers::Trusted,
    config::Settings,
    emulator::connection_string,
    serve, telemetry,
};

/// Where they listen.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The port of the functions; 0 for any free one
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// The emulator's port for http; 0 for any free one
    #[arg(long, default_value_t = 7072)]
    emulator_port: u16,
    /// The emulator's port for https; 0 for any free one
    #[arg(long, default_value_t = 7073)]
    emulator_https_port: u16,
    #[command(flatten)]
    tls: TlsOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 7071, emulator_port: 7072, emulator_https_port: 7073, tls: TlsOptions::default() }
    }
}

pub(super) async fn run(options: Options) -> Result<()> {
    let mut settings = Settings::new(&|name| std::env::var_os(name));
    let filter = settings.log_filter();
    telemetry::init(settings.finish(Some(filter))?);
    let (listener, address) = listen("127.0.0.1", options.port, "--port").await?;
    let emulator = Running::start(
        (options.emulator_port, "--emulator-port"),
        (options.emulator_https_port, "--emulator-https-port"),
        None,
        options.tls,
    )
    .await?;
    let acs = acs::Client::new(settings_for(emulator.http)?)?;
    say(&format!("Functions         http://{address}/api\n{}\n{}", emulator.describe(), to_paste(address)));
    // As under `func start`, nobody asks for keys on loopback.
    Ok(serve::run(listener, app::router(acs, &Trusted::Anyone.into()), asked_to_stop()).await?)
}

/// The settings for an emulator on this machine.
pub(super) fn settings_for(emulator: SocketAddr) -> Result<acs::Settings> {
    Ok(connection_string("http", emulator).parse::<ConnectionString>()?.into())
}

/// The five calls of the quickstart, to paste into a shell.
fn to_paste(functions: SocketAddr) -> String {
    let api = format!("http://{functions}/api");
    let json = "-H 'Content-Type: application/json'";
    format!(
        "To try it, paste these:\n\
         ID=$(curl -s {api}/identities {json} -d '{{}}' | grep -o '8:acs:[^\"]*')\n\
         curl -s {api}/identities/$ID/tokens {json} -d '{{\"scopes\":[\"chat\",\"voip\"]}}' -w '\\n'\n\
         curl -s -X DELETE {api}/identities/$ID/tokens -w 'revoked: %{{http_code}}\\n'\n\
         curl -s -X DELETE {api}/identities/$ID -w 'deleted: %{{http_code}}\\n'\n\
         \n\
         Everything is gone when it stops. Ctrl+C stops it."
    )
}
