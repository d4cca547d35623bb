//! Counts the instructions of the program with valgrind's callgrind. The kernel's are not counted.

use std::{net::SocketAddr, path::Path};

use crate::{Result, issuer::Issuer, scenario::Request, service::Service};

/// A program and what it needs.
pub struct Counter<'a> {
    pub handler: &'a Path,
    pub upstream: SocketAddr,
    pub issuer: &'a Issuer,
    /// The folder that keeps the profiles.
    pub profiles: Option<&'a Path>,
}

impl Counter<'_> {
    /// Returns the instructions of a run that answers these requests, one after the other. `name` is the profile's.
    pub async fn count(&self, name: &str, requests: &[Request]) -> Result<u64> {
        let name = format!("{name}-{}", requests.len());
        self.run(&name, &[], async |service| {
            for request in requests {
                service.send(request).await?;
            }
            Ok(())
        })
        .await
    }

    /// Returns the instructions of a run with a load. `name` is the profile's, `options` those of callgrind.
    pub async fn run(
        &self,
        name: &str,
        options: &[&str],
        load: impl AsyncFnOnce(&Service) -> Result<()>,
    ) -> Result<u64> {
        let folder = tempfile::tempdir()?;
        let name = format!("{}.callgrind", name.replace([' ', ','], "-"));
        let output = self.profiles.unwrap_or(folder.path()).join(name);
        let file = format!("--callgrind-out-file={}", output.display());
        let words = ["valgrind", "-q", "--tool=callgrind", &file];
        let wrapper: Vec<String> = words.iter().chain(options).map(|word| (*word).to_owned()).collect();
        let service = Service::start(&wrapper, self.handler, self.upstream, self.issuer).await?;
        load(&service).await?;
        service.stop().await?;
        let profile =
            std::fs::read_to_string(&output).map_err(|error| format!("callgrind wrote no profile: {error}"))?;
        let summary =
            profile.lines().find_map(|line| line.strip_prefix("summary: ")).ok_or("the profile has no summary")?;
        Ok(summary.trim().parse()?)
    }
}
