//! `acs-tokens dev`: the functions together with the emulator, on loopback by default.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use acs_identity::{ApiVersion, ConnectionString};
use clap::Args;

use super::{
    Result,
    emulator::{Access, Running, on_this_machine},
    env_var, listen, ports, print, shutdown_signal,
};
use crate::{
    acs_client::AcsSettings,
    auth::{Authenticator, BackendAuth, Bearer, TrustedIssuer, bearer::Issuer},
    config::{Config, EnvReader, Program, unknown_settings},
    directory::{self, DirectorySettings, StoreLocation},
    emulator::{DEVELOPMENT_TENANT, Emulator, Functions, Options as EmulatorOptions, connection_string, issuer},
    startup, telemetry,
};

/// The audience of the functions at the emulator's test issuer.
const AUDIENCE: &str = "acs-tokens-dev";

/// The key that hashes the names of test users: published and not a secret. It decodes to readable English.
const DIRECTORY_KEY: &str =
    "YWNzLXRva2VucyBkZXY6IGEgcHVibGlzaGVkIGtleSBmb3IgcGVvcGxlIHdobyBhcmUgbWFkZSB1cCwgbm90IGEgc2VjcmV0";

/// The file of the emulator in the data folder.
const STATE: &str = "emulator.json";

/// The ports and the data folder.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The port of the functions; 0 for any free port
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// The emulator's port for http; 0 for any free port
    #[arg(long, default_value_t = 7072)]
    emulator_port: u16,
    /// The emulator's port for https; 0 for any free port
    #[arg(long, default_value_t = 7073)]
    emulator_https_port: u16,
    /// The folder for identities and keys; by default acs-tokens/dev in your user's data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let mut env = EnvReader::new(&env_var);
    env.check_values("dev");
    let back_ends = env.local_back_ends();
    let access = env.access(Some(&back_ends.clone().into()));
    let (cors, api_version) = (env.cors(), env.api_version());
    let (log_filter, log_format) = (env.log_filter(Program::Server), env.log_format());
    let limits = env.limits();
    let (access, limits) = env.finish(access.zip(limits))?;
    telemetry::init(log_filter, log_format);
    startup::warn(&unknown_settings(std::env::vars_os().map(|(name, _)| name)));
    let data = folder(options.data)?;
    let ports = [
        ("--port", options.port),
        ("--emulator-port", options.emulator_port),
        ("--emulator-https-port", options.emulator_https_port),
    ];
    let host = options.access.host;
    if !host.is_loopback() && !host.is_unspecified() {
        // The functions reach the emulator over http, which they accept on loopback only.
        return Err(
            format!("--host {host} leaves out this machine; use 0.0.0.0, or 127.0.0.1 without other machines").into()
        );
    }
    ports::check(&host.to_string(), &ports, || another_folder(&data))?;
    let (listener, address) = listen(&host.to_string(), options.port, "--port").await?;
    let address = on_this_machine(address);
    let page = format!("http://{address}/api/docs");
    let emulator = Running::start(
        (options.emulator_port, "--emulator-port"),
        (options.emulator_https_port, "--emulator-https-port"),
        Some((&data.join(STATE), "--data")),
        options.access,
        cors.as_ref(),
        |emulator| EmulatorOptions {
            functions: Some(Functions {
                origin: format!("http://{address}"),
                issuer: issuer(emulator),
                entra_issuer: entra_issuer(emulator),
                audience: AUDIENCE.to_owned(),
                page: page.clone(),
            }),
            ..EmulatorOptions::default()
        },
    )
    .await?;
    if !host.is_loopback() && matches!(back_ends, BackendAuth::Anyone) {
        tracing::warn!(%host, "every client that reaches this address is a back end; set CALLER_KEYS to require a key");
    }
    let examples = examples(address, emulator.http, &back_ends);
    let app = startup::build(Config {
        authenticator: authenticator(emulator.http, back_ends)?,
        access,
        cors,
        limits,
        directory: Some(DirectorySettings::at(StoreLocation::Files(data.join("directory")), DIRECTORY_KEY.parse()?)),
        emulator: Some(format!("http://{}", emulator.http).into()),
        ..Config::local(client_options(emulator.http, api_version)?)
    })?;
    // Before the text that names Ctrl+C: a program may send the signal as soon as it has read it.
    let shutdown = shutdown_signal();
    print(&format!(
        "Functions         http://{address}/api\nA page to try it  {page}\n{}\n{}\n\n\
         Identities and keys are kept in {}\n\
         To delete them, stop the program and delete that folder. Ctrl+C stops it.",
        emulator.describe(),
        examples,
        data.display()
    ));
    app.serve(listener, shutdown).await;
    Ok(())
}

/// Returns the data folder. Creates it if it does not exist.
fn folder(chosen: Option<PathBuf>) -> Result<PathBuf> {
    let default = || Some(user_data()?.join("acs-tokens").join("dev"));
    let folder = chosen.or_else(default).ok_or("your user has no data folder; choose a folder with --data")?;
    directory::create_private(&folder)
        .and_then(|()| std::path::absolute(&folder))
        .map_err(|error| format!("{}: {error}; choose another folder with --data", folder.display()).into())
}

/// Returns the option for a folder of its own if another program uses the data folder, as a second `dev` does.
fn another_folder(data: &Path) -> Vec<(&'static str, OsString)> {
    if !is_in_use(data) {
        return Vec::new();
    }
    let numbered = |n: usize| {
        let mut folder = data.as_os_str().to_owned();
        folder.push(format!("-{n}"));
        folder
    };
    let free = (2..100).map(numbered).find(|folder| !is_in_use(Path::new(folder)));
    free.map(|folder| ("--data", folder)).into_iter().collect()
}

/// Returns whether an emulator uses a data folder.
fn is_in_use(data: &Path) -> bool {
    let state = data.join(STATE);
    let opened = state.exists().then(|| Emulator::open(EmulatorOptions::default(), &state));
    matches!(opened, Some(Err(error)) if error.kind() == io::ErrorKind::ResourceBusy)
}

/// Returns the folder for the data of the current user that stays on this machine.
fn user_data() -> Option<PathBuf> {
    // The XDG Base Directory Specification says to ignore relative paths.
    let path = |name| env_var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = std::env::home_dir().filter(|path| path.is_absolute());
    match std::env::consts::OS {
        "windows" => path("LOCALAPPDATA"),
        "macos" => Some(home?.join("Library").join("Application Support")),
        _ => path("XDG_DATA_HOME").or_else(|| Some(home?.join(".local").join("share"))),
    }
}

/// Accepts these back ends, and users with a token of the emulator's test issuer.
fn authenticator(emulator: SocketAddr, back_ends: BackendAuth) -> Result<Authenticator> {
    let issuers = [issuer(emulator), entra_issuer(emulator)];
    let trust = |name: &String| Ok(TrustedIssuer::new(Issuer::new(name, None)?, [AUDIENCE]));
    let trusted = issuers.iter().map(trust).collect::<Result<Vec<_>>>()?;
    Ok(Authenticator { bearer: Some(Bearer::new(trusted)?), ..back_ends.into() })
}

/// Returns the test issuer whose users have an account of Microsoft Entra, and so may be users of Teams.
fn entra_issuer(emulator: SocketAddr) -> String {
    format!("{}/{DEVELOPMENT_TENANT}/v2.0", issuer(emulator))
}

/// Returns the options of a client of an emulator on this machine.
pub(super) fn client_options(emulator: SocketAddr, api_version: ApiVersion) -> Result<AcsSettings> {
    let connection_string: ConnectionString = connection_string("http", emulator).parse()?;
    Ok(AcsSettings { api_version, ..connection_string.into() })
}

/// Returns the calls of the quickstart, and those of a user and of a guest, as shell commands.
fn examples(functions: SocketAddr, emulator: SocketAddr, back_ends: &BackendAuth) -> String {
    let (api, issuer) = (format!("http://{functions}/api"), issuer(emulator));
    let json = "-H 'Content-Type: application/json'";
    let key = match back_ends {
        BackendAuth::Keys(_) => " -H \"x-functions-key: $FUNCTION_KEY\"",
        BackendAuth::Anyone | BackendAuth::FunctionsHost => "",
    };
    format!(
        "To try it, paste these lines:\n\
         ID=$(curl -s {api}/identities{key} {json} -d '{{}}' | grep -o '8:acs:[^\"]*')\n\
         curl -s {api}/identities/$ID/tokens{key} {json} -d '{{\"scopes\":[\"chat\",\"voip\"]}}' -w '\\n'\n\
         curl -s -X DELETE {api}/identities/$ID/tokens{key} -w 'revoked: %{{http_code}}\\n'\n\
         curl -s -X DELETE {api}/identities/$ID{key} -w 'deleted: %{{http_code}}\\n'\n\
         \n\
         And these as Alice, who signs in at the emulator's test issuer:\n\
         ALICE=$(curl -s {issuer}/tokens {json} -d '{{\"claims\":{{\"aud\":\"{AUDIENCE}\",\"sub\":\"alice\"}}}}' | grep -o 'eyJ[^\"]*')\n\
         curl -s -X POST {api}/me/token -H \"Authorization: Bearer $ALICE\" -w '\\n'\n\
         \n\
         And these as a guest with a pass:\n\
         PASS=$(curl -s -X POST {api}/guests | grep -o '\"pass\":\"[^\"]*' | cut -d '\"' -f 4)\n\
         curl -s -X POST {api}/guests/token -H \"Authorization: Bearer $PASS\" -w '\\n'"
    )
}
