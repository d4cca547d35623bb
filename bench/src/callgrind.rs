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
        let folder = tempfile::tempdir()?;
        let name = format!("{}-{}.callgrind", name.replace([' ', ','], "-"), requests.len());
        let output = self.profiles.unwrap_or(folder.path()).join(name);
        let wrapper = [
            "valgrind".to_owned(),
            "-q".to_owned(),
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={}", output.display()),
        ];
        let service = Service::start(&wrapper, self.handler, self.upstream, self.issuer).await?;
        for request in requests {
            service.send(request).await?;
        }
        service.stop().await?;
        let profile =
            std::fs::read_to_string(&output).map_err(|error| format!("callgrind wrote no profile: {error}"))?;
        let summary =
            profile.lines().find_map(|line| line.strip_prefix("summary: ")).ok_or("the profile has no summary")?;
        Ok(summary.trim().parse()?)
    }
}
