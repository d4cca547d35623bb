//! Stages what Containerfile and Containerfile.emulator copy into their images.

use std::env;
use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::Result;
use crate::archive;
use crate::build::{Program, Target};
use crate::workspace::{Workspace, empty};

/// Options of `package container`.
#[derive(Args)]
pub struct Options {
    /// Architecture of the images; by default that of this machine
    #[arg(long, value_enum)]
    arch: Option<Architecture>,
}

/// Architectures by their names in container images.
#[derive(Clone, Copy, ValueEnum)]
enum Architecture {
    Amd64,
    Arm64,
}

/// Builds `acs-tokens` without and with the emulator, and writes target/container/service and target/container/emulator.
pub fn package(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let by_default = if env::consts::ARCH == "aarch64" { Architecture::Arm64 } else { Architecture::Amd64 };
    let target = match options.arch.unwrap_or(by_default) {
        Architecture::Amd64 => Target::X86_64Musl,
        Architecture::Arm64 => Target::Aarch64Musl,
    };
    let folder = workspace.output().join("container");
    let stage = |image: &str, features: &[&str]| {
        let program = Program { name: "acs-tokens", target, release: true, features }.build(&workspace)?;
        let folder = empty(&folder.join(image))?;
        fs::copy(&program, folder.join("acs-tokens"))?;
        println!("{}", archive::describe(&folder.join("acs-tokens"))?);
        Result::Ok(folder)
    };
    let service = stage("service", &["--no-default-features", "--features", "cli"])?;
    let certificates = root_certificates(openssl_probe::probe().cert_file)?;
    fs::copy(certificates, service.join("ca-certificates.crt"))?;
    let emulator = stage("emulator", &[])?;
    fs::create_dir(emulator.join("tmp"))?;
    Ok(())
}

/// Returns the file of root certificates, without which the service could not call ACS over https.
fn root_certificates(found: Option<PathBuf>) -> Result<PathBuf> {
    found.ok_or_else(|| "this machine has no file of root certificates; set SSL_CERT_FILE to one".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_root_certificates_are_an_error_with_a_remedy() {
        assert!(root_certificates(None).unwrap_err().to_string().contains("SSL_CERT_FILE"));
    }
}
