//! Builds a program: natively, or static for Linux with musl-gcc or cargo-zigbuild.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::workspace::{Workspace, cargo, find_program};

/// What a build is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This machine.
    Native,
    /// `x86_64-unknown-linux-musl`: all that Azure Functions runs, and Lambda on request.
    X86_64Musl,
    /// `aarch64-unknown-linux-musl`: Lambda on Graviton.
    Aarch64Musl,
}

impl Target {
    fn triple(self) -> Option<&'static str> {
        match self {
            Self::Native => None,
            Self::X86_64Musl => Some("x86_64-unknown-linux-musl"),
            Self::Aarch64Musl => Some("aarch64-unknown-linux-musl"),
        }
    }

    fn architecture(self) -> &'static str {
        match self {
            Self::Native => env::consts::ARCH,
            Self::X86_64Musl => "x86_64",
            Self::Aarch64Musl => "aarch64",
        }
    }
}

/// One program and how to build it.
pub struct Program<'a> {
    /// Name of the `[[bin]]`.
    pub name: &'a str,
    pub target: Target,
    /// With optimisation; else the dev profile.
    pub release: bool,
    /// Arguments of cargo that choose features.
    pub features: &'a [&'a str],
}

/// What compiles the C code of aws-lc and links.
#[derive(Debug, PartialEq, Eq)]
enum Tool {
    /// `cargo build` with the machine's own compiler.
    Plain,
    /// `cargo build` with musl-gcc as C compiler; rustc brings its own musl for the link.
    MuslGcc,
    /// `cargo zigbuild`: zig is compiler and linker, from any system.
    Zig,
}

impl Program<'_> {
    /// Builds, and gives the path of the executable.
    ///
    /// # Errors
    /// When a tool is missing, or the build fails.
    pub fn build(&self, workspace: &Workspace) -> Result<PathBuf> {
        let tool = choose(self.target, env::consts::OS, env::consts::ARCH, |name| find_program(name).is_some())?;
        let status = self.command(workspace, &tool).status()?;
        if !status.success() {
            return Err(format!("building {} failed ({status})", self.name).into());
        }
        Ok(self.path(workspace))
    }

    /// Where cargo puts the executable.
    pub fn path(&self, workspace: &Workspace) -> PathBuf {
        let profile = if self.release { "release" } else { "debug" };
        let suffix = if self.target == Target::Native { env::consts::EXE_SUFFIX } else { "" };
        let folder = workspace.target.join(self.target.triple().unwrap_or_default());
        folder.join(profile).join(format!("{}{suffix}", self.name))
    }

    fn command(&self, workspace: &Workspace, tool: &Tool) -> Command {
        let mut command = cargo();
        command.current_dir(&workspace.root);
        command.arg(if *tool == Tool::Zig { "zigbuild" } else { "build" });
        command.args(["--package", "acs-tokens", "--bin", self.name]).args(self.features);
        if self.release {
            command.arg("--release");
        }
        if let Some(triple) = self.target.triple() {
            command.args(["--target", triple, "--config", &remap(triple, &workspace.root)]);
            let compiler = format!("CC_{}", triple.replace('-', "_"));
            if *tool == Tool::MuslGcc && env::var_os(&compiler).is_none() {
                command.env(compiler, "musl-gcc");
            }
        }
        command
    }
}

/// Keeps the folders of the machine that builds out of the program: they differ between machines, and say who built it.
fn remap(triple: &str, root: &Path) -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let folders = [(Some(root.to_owned()), "."), (home, "cargo")];
    let flags: Vec<_> = folders
        .into_iter()
        .filter_map(|(folder, name)| Some(format!("--remap-path-prefix={}={name}", folder?.display())))
        .collect();
    format!("target.{triple}.rustflags={}", serde_json::json!(flags))
}

/// Decides what builds `target` on a machine of system `os` and architecture `arch`.
fn choose(target: Target, os: &str, arch: &str, installed: impl Fn(&str) -> bool) -> Result<Tool> {
    let Some(triple) = target.triple() else { return Ok(Tool::Plain) };
    let own = os == "linux" && arch == target.architecture();
    if own && installed("musl-gcc") {
        Ok(Tool::MuslGcc)
    } else if installed("cargo-zigbuild") {
        Ok(Tool::Zig)
    } else {
        let musl =
            if own { "  apt-get install musl-tools            (musl-gcc: enough on this machine)\n" } else { "" };
        Err(format!(
            "nothing here compiles C for {triple}. Install one of\n{musl}  \
             pip install cargo-zigbuild            (brings zig; any system, any target)\n\
             and, once, the Rust library:\n  rustup target add {triple}"
        )
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_builds_for_its_own_architecture_with_musl_gcc() {
        let tool = choose(Target::X86_64Musl, "linux", "x86_64", |_| true);
        assert_eq!(tool.unwrap(), Tool::MuslGcc);
    }

    #[test]
    fn every_other_pair_needs_zig() {
        for (target, os, arch) in [
            (Target::Aarch64Musl, "linux", "x86_64"),
            (Target::X86_64Musl, "macos", "x86_64"),
            (Target::X86_64Musl, "windows", "x86_64"),
        ] {
            assert_eq!(choose(target, os, arch, |_| true).unwrap(), Tool::Zig, "{target:?} on {os}");
        }
        assert_eq!(choose(Target::X86_64Musl, "linux", "x86_64", |name| name == "cargo-zigbuild").unwrap(), Tool::Zig);
    }

    #[test]
    fn without_tools_the_error_says_what_to_install() {
        let linux = choose(Target::X86_64Musl, "linux", "x86_64", |_| false).unwrap_err().to_string();
        assert!(
            linux.contains("apt-get install musl-tools") && linux.contains("pip install cargo-zigbuild"),
            "{linux}"
        );
        assert!(linux.contains("rustup target add x86_64-unknown-linux-musl"), "{linux}");
        let mac = choose(Target::X86_64Musl, "macos", "aarch64", |_| false).unwrap_err().to_string();
        assert!(!mac.contains("musl-tools") && mac.contains("cargo-zigbuild"), "{mac}");
    }

    #[test]
    fn this_machine_needs_nothing() {
        assert_eq!(choose(Target::Native, "windows", "aarch64", |_| false).unwrap(), Tool::Plain);
    }
}
