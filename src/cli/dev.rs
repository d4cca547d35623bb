//! `acs-tokens dev`: the functions and the emulator together, on this machine alone.

use std::{
    collections::HashSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use acs_identity::ConnectionString;
use clap::Args;
use http::HeaderValue;

use super::{
    Result, asked_to_stop, data,
    emulator::{Running, TlsOptions},
    listen, say,
};
use crate::{
    acs_client::AcsSettings,
    auth::{
        Authenticator, BackendAuth, Bearer, RoleMapping,
        bearer::{self, Issuer},
    },
    config::EnvReader,
    directory::{self, StoreLocation},
    emulator::{Functions, Options as EmulatorOptions, connection_string, issuer},
    functions::Services,
    http::{
        allowed_origins::{Cors, Origins},
        router_with,
    },
    server, telemetry,
};

/// The name by which the emulator's test issuer knows the functions.
const AUDIENCE: &str = "acs-tokens-dev";

/// What made-up people's names are hashed with: published, and no secret. It decodes to readable English.
const DIRECTORY_KEY: &str =
    "YWNzLXRva2VucyBkZXY6IGEgcHVibGlzaGVkIGtleSBmb3IgcGVvcGxlIHdobyBhcmUgbWFkZSB1cCwgbm90IGEgc2VjcmV0";

/// Where they listen, and where they keep what has to outlive them.
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
    /// The folder for identities and keys; else acs-tokens/dev in the folder that the system has for your data
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 7071, emulator_port: 7072, emulator_https_port: 7073, data: None, tls: TlsOptions::default() }
    }
}

pub(super) async fn run(options: Options) -> Result<()> {
    let mut settings = EnvReader::new(&|name| std::env::var_os(name));
    let filter = settings.log_filter();
    // As under `func start`, nobody asks for keys on loopback.
    let rules = settings.rules(Some(&BackendAuth::Anyone.into()));
    let (filter, mut rules) = settings.finish(Some(filter).zip(rules))?;
    telemetry::init(filter);
    let data = folder(options.data)?;
    let (listener, address) = listen("127.0.0.1", options.port, "--port").await?;
    let emulator = Running::start(
        (options.emulator_port, "--emulator-port"),
        (options.emulator_https_port, "--emulator-https-port"),
        Some((&data.join("emulator.json"), "--data")),
        options.tls,
        |emulator| EmulatorOptions { functions: Some(functions(address, emulator)), ..EmulatorOptions::default() },
    )
    .await?;
    let acs = settings_for(emulator.http)?.client()?;
    let place = directory::DirectorySettings::at(StoreLocation::Files(data.join("directory")), DIRECTORY_KEY.parse()?);
    let services = Services::open(acs, Some(&place))?;
    let callers = callers(emulator.http)?;
    rules.cors = Some(open_to_the_page(rules.cors, &emulator)?);
    say(&format!(
        "Functions         http://{address}/api\n{}\n{}\n\n{}",
        emulator.describe(),
        to_paste(address, emulator.http),
        about(&data)
    ));
    let served = server::run(listener, router_with(services, &callers, rules), asked_to_stop()).await;
    telemetry::flush().await;
    Ok(served?)
}

/// The folder for the data, made where it is not there.
fn folder(chosen: Option<PathBuf>) -> Result<PathBuf> {
    let usual = || Some(data::folder()?.join("acs-tokens").join("dev"));
    let folder = chosen.or_else(usual).ok_or("the system names no folder for your data; choose one with --data")?;
    data::make(&folder)
        .and_then(|()| std::path::absolute(&folder))
        .map_err(|error| format!("{}: {error}; choose another folder with --data", folder.display()).into())
}

/// How the emulator's page reaches the functions.
fn functions(address: SocketAddr, emulator: SocketAddr) -> Functions {
    Functions { origin: format!("http://{address}"), issuer: issuer(emulator), audience: AUDIENCE.to_owned() }
}

/// Back ends are not asked for anything, people for a token of the emulator's test issuer.
fn callers(emulator: SocketAddr) -> Result<Authenticator> {
    let settings = bearer::BearerSettings {
        issuers: vec![Issuer::new(&issuer(emulator), None)?],
        audiences: HashSet::from([AUDIENCE.to_owned()]),
        required_scope: None,
        role_mapping: RoleMapping::default(),
    };
    Ok(Authenticator { bearer: Some(Bearer::new(settings)?), ..BackendAuth::Anyone.into() })
}

/// Lets the emulator's page call, beside those that the settings let in.
fn open_to_the_page(cors: Option<Cors>, emulator: &Running) -> Result<Cors> {
    let mut cors = cors.unwrap_or(Cors { origins: Origins::List(Vec::new()), credentials: false });
    if let Origins::List(origins) = &mut cors.origins {
        for origin in emulator.origins() {
            origins.push(HeaderValue::try_from(origin)?);
        }
    }
    Ok(cors)
}

/// The settings for an emulator on this machine, asked in the version that the environment says.
pub(super) fn settings_for(emulator: SocketAddr) -> Result<AcsSettings> {
    let mut settings = EnvReader::new(&|name| std::env::var_os(name));
    let api_version = settings.api_version();
    let api_version = settings.finish(Some(api_version))?;
    let settings = AcsSettings::from(connection_string("http", emulator).parse::<ConnectionString>()?);
    Ok(AcsSettings { api_version, ..settings })
}

/// The five calls of the quickstart, and a person's own, to paste into a shell.
fn to_paste(functions: SocketAddr, emulator: SocketAddr) -> String {
    let (api, issuer) = (format!("http://{functions}/api"), issuer(emulator));
    let json = "-H 'Content-Type: application/json'";
    format!(
        "To try it, paste these:\n\
         ID=$(curl -s {api}/identities {json} -d '{{}}' | grep -o '8:acs:[^\"]*')\n\
         curl -s {api}/identities/$ID/tokens {json} -d '{{\"scopes\":[\"chat\",\"voip\"]}}' -w '\\n'\n\
         curl -s -X DELETE {api}/identities/$ID/tokens -w 'revoked: %{{http_code}}\\n'\n\
         curl -s -X DELETE {api}/identities/$ID -w 'deleted: %{{http_code}}\\n'\n\
         \n\
         And these as Alice, who signs in at the emulator's test issuer:\n\
         ALICE=$(curl -s {issuer}/tokens {json} -d '{{\"claims\":{{\"aud\":\"{AUDIENCE}\",\"sub\":\"alice\"}}}}' | grep -o 'eyJ[^\"]*')\n\
         curl -s -X POST {api}/me/token -H \"Authorization: Bearer $ALICE\" -w '\\n'"
    )
}

/// Where the data is, and how to be rid of it.
fn about(data: &Path) -> String {
    format!(
        "What is made here is kept in {}\n\
         To be rid of it, stop the program and delete that folder. Ctrl+C stops it.",
        data.display()
    )
}
