//! Makes what installs `acs-tokens` without Rust: archives with checksums, npm packages, wheels, and a list of the packages in each program.

mod npm;
mod platform;
mod sbom;
mod tarball;
mod wheel;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use sha2::{Digest, Sha256};

use crate::Result;
use crate::archive::{Entry, describe};
use crate::build::Program;
use crate::workspace::{Workspace, empty, metadata, output};
use platform::Platform;

/// The description of the npm package and of the wheel.
const PACKAGE_TEXT: &str = include_str!("dist/package.md");

/// Options of `dist`.
#[derive(Args)]
pub struct Options {
    /// Platform to build for, can be repeated; by default Linux on x86-64 and arm64, and this machine's
    #[arg(long = "target", value_name = "TRIPLE")]
    targets: Vec<String>,
}

/// The metadata that all packages have.
pub struct Release {
    version: String,
    description: String,
    licence: String,
    /// Address of the repository, if Cargo.toml names one.
    repository: Option<String>,
    licence_file: Entry,
}

impl Release {
    fn read(workspace: &Workspace) -> Result<Self> {
        let metadata = metadata()?;
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let package = packages.into_iter().find(|package| package["name"] == "acs-tokens");
        let package = package.ok_or("cargo metadata does not contain the package acs-tokens")?;
        let field = |key: &str| package[key].as_str().map(|value| value.trim_end_matches('/').to_owned());
        let required =
            |key: &str| field(key).ok_or_else(|| format!("Cargo.toml: {key} of acs-tokens is missing; set it"));
        Ok(Self {
            version: required("version")?,
            description: required("description")?,
            licence: required("license")?,
            repository: field("repository"),
            licence_file: Entry::plain("LICENSE", &workspace.root.join("LICENSE"))?,
        })
    }
}

/// Builds `acs-tokens` for each platform and writes target/dist.
pub fn dist(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let platforms = platform::choose(&options.targets, env::consts::OS, env::consts::ARCH)?;
    let release = Release::read(&workspace)?;
    let build = |platform: &&'static Platform| {
        let program = Program { name: "acs-tokens", target: platform.target, release: true, features: &[] };
        Ok((*platform, program.build(&workspace)?))
    };
    let programs = platforms.iter().map(build).collect::<Result<Vec<_>>>()?;
    let pages = pages(&programs, &workspace.target)?;
    let folder = empty(&workspace.output().join("dist"))?;
    let (npm, wheels) = (empty(&folder.join("npm"))?, empty(&folder.join("wheels"))?);
    for (platform, program) in programs {
        let archive = write_archive(&folder, &workspace, &release, platform, &program, &pages)?;
        println!("{}", describe(&archive)?);
        println!("{}", describe(&npm::write_platform(&npm, &release, platform, &program)?)?);
        println!("{}", describe(&wheel::write(&wheels, &release, platform, &program)?)?);
        let path = folder.join(format!("acs-tokens-{}.cdx.json", platform.triple));
        fs::write(&path, sbom::document(&workspace, &release, platform, &fs::read(&program)?)?)?;
        println!("{}", describe(&path)?);
    }
    println!("{}", describe(&npm::write_launcher(&npm, &release)?)?);
    Ok(())
}

/// Writes the archive and its checksum. Cargo.toml tells `cargo binstall` the names of the archive and of the folder in it.
fn write_archive(
    folder: &Path,
    workspace: &Workspace,
    release: &Release,
    platform: &Platform,
    program: &Path,
    pages: &[Entry],
) -> Result<PathBuf> {
    let base = format!("acs-tokens-{}", platform.triple);
    let mut entries = pages.to_vec();
    entries.push(Entry::program("acs-tokens", program)?);
    entries.push(Entry::plain("README.md", &workspace.root.join("README.md"))?);
    entries.push(release.licence_file.clone());
    let name = format!("{base}.tar.gz");
    let path = folder.join(&name);
    tarball::write(&path, &base, entries)?;
    // The format of sha256sum.
    let line = format!("{}  {name}\n", hex::encode(Sha256::digest(fs::read(&path)?)));
    fs::write(folder.join(format!("{name}.sha256")), line)?;
    Ok(path)
}

/// Returns the man pages and the completions, which the program for this machine prints. They are the same on all platforms.
fn pages(programs: &[(&Platform, PathBuf)], target: &Path) -> Result<Vec<Entry>> {
    let own = programs.iter().find(|(platform, _)| platform.runs_on(env::consts::OS, env::consts::ARCH));
    let (_, program) = own.ok_or("the man pages need a program that runs on this machine; add its --target")?;
    let folder = empty(&target.join("man1"))?;
    output(Command::new(program).arg("man").arg(&folder))?;
    let mut entries = Vec::new();
    for file in fs::read_dir(&folder)? {
        let file = file?;
        entries.push(Entry::plain(format!("man1/{}", file.file_name().display()), &file.path())?);
    }
    for (shell, name) in [("bash", "acs-tokens.bash"), ("zsh", "_acs-tokens"), ("fish", "acs-tokens.fish")] {
        let content = output(Command::new(program).args(["completions", shell]))?;
        entries.push(Entry { name: format!("completions/{name}"), content, executable: false });
    }
    Ok(entries)
}
