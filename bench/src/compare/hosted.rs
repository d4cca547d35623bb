//! The section `host`: the same custom handlers directly and behind the stand-in for the Functions host, in both of its
//! ways of passing requests on. The stand-in opens a connection for each request, so it costs more than the real host.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Options,
    contest::{Value, contest, rate_of},
};
use crate::{
    Result,
    contender::{Contender, Setting},
    host::{self, Generation, Host, HostOptions, Keys},
    load::{self, End, Load},
    scenario::{KEY, Scenario},
    service::environment,
};

const CONNECTIONS: usize = 32;

/// Returns one table.
pub async fn tables(setting: &Setting<'_>, options: &Options) -> Result<String> {
    let direct = contest(setting, options, Scenario::IssueToken, (CONNECTIONS, None), &[]).await?;
    let mut text = format!(
        "\n`issue-token`, {CONNECTIONS} connections:\n\n\
         | program | directly | proxied | spread | to directly | forwarded | spread | to directly |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for contender in [Contender::Handler, Contender::Express] {
        let directly = rate_of(&direct, contender);
        write!(text, "| {} | {:.0} |", contender.name(), directly.map_or(f64::NAN, |rate| rate.median))?;
        for generation in [Generation::Proxying, Generation::Forwarding] {
            let mut rates = Vec::new();
            for _ in 0..options.runs {
                rates.push(behind(setting, options, contender, generation).await?);
            }
            let rate = Value::of(rates);
            write!(text, " {:.0} | ±{:.0} % | {} |", rate.median, rate.spread, rate.ratio(directly))?;
        }
        text.push('\n');
    }
    Ok(text)
}

/// Returns the requests per second of one run.
async fn behind(setting: &Setting<'_>, options: &Options, contender: Contender, generation: Generation) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no repository")?;
    let (program, mut env) = match contender {
        Contender::Handler => (setting.handler.to_owned(), environment(setting.upstream, setting.issuer)),
        _ => (script(folder.path(), &setting.peers.join("node/express.mjs"))?, setting.environment_of_peers()),
    };
    // The script finds Node there.
    env.extend(std::env::var_os("PATH").and_then(|path| path.into_string().ok()).map(|path| ("PATH", path)));
    let app = host::stage(&program, repository, folder.path());
    let host = Host::start(HostOptions {
        app: app.path().to_owned(),
        generation,
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        keys: Some(Keys { master: String::new(), host: vec![KEY.to_owned()] }),
    })
    .await?;
    let address = host.url().trim_start_matches("http://").parse()?;
    let requests = Scenario::IssueToken.requests(setting.issuer, 1).await?;
    let load = |seconds| Load { connections: CONNECTIONS, rate: None, end: End::After(Duration::from_secs(seconds)) };
    load::run(address, &requests, load(1)).await?;
    Ok(load::run(address, &requests, load(options.seconds)).await?.requests_per_second)
}

/// Writes a program that runs a file with Node: host.json names a program without arguments.
fn script(folder: &Path, file: &Path) -> Result<PathBuf> {
    let path = folder.join("express");
    fs::write(&path, format!("#!/bin/sh\nexec node '{}'\n", file.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
