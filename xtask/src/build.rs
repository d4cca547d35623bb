//! Builds a program for this machine, or a static one for Linux with musl-gcc or cargo-zigbuild.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::workspace::{Workspace, cargo, find_program};

/// The platform that a program is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This machine.
    Native,
    /// `x86_64-unknown-linux-musl`, for Azure Functions, Lambda and containers.
    X86_64Musl,
    /// `aarch64-unknown-linux-musl`, for Lambda and containers.
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

/// A program and its build options.
pub struct Program<'a> {
    /// Name of the `[[bin]]`.
    pub name: &'a str,
    pub target: Target,
    /// Whether to use the release profile instead of the dev profile.
    pub release: bool,
    /// Arguments for cargo that select features.
    pub features: &'a [&'a str],
}

/// The tool that compiles the C and assembler code of ring and links the program.
#[derive(Debug, PartialEq, Eq)]
enum Tool {
    /// `cargo build` with the default compiler.
    Plain,
    /// `cargo build` with musl-gcc as C compiler. rustc links its own musl.
    MuslGcc,
    /// `cargo zigbuild`, which uses zig as compiler and linker on all systems.
    Zig,
}

impl Program<'_> {
    /// Builds the program and returns its path.
    ///
    /// # Errors
    /// A tool is missing, or the build fails.
    pub fn build(&self, workspace: &Workspace) -> Result<PathBuf> {
        let tool = choose(self.target, env::consts::OS, env::consts::ARCH, |name| find_program(name).is_some())?;
        let status = self.command(workspace, &tool).status()?;
        if !status.success() {
            return Err(format!("cargo could not build {} ({status})", self.name).into());
        }
        Ok(self.path(workspace))
    }

    /// Returns the path of the built program.
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

/// Returns a cargo setting that removes local folders from the program: they differ between machines and name the user.
fn remap(triple: &str, root: &Path) -> String {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let folders = [(Some(root.to_owned()), "."), (home, "cargo")];
    let flags: Vec<_> = folders
        .into_iter()
        .filter_map(|(folder, name)| Some(format!("--remap-path-prefix={}={name}", folder?.display())))
        .collect();
    format!("target.{triple}.rustflags={}", serde_json::json!(flags))
}

/// Selects the tool to build `target` on the system `os` and the architecture `arch`.
fn choose(target: Target, os: &str, arch: &str, installed: impl Fn(&str) -> bool) -> Result<Tool> {
    let Some(triple) = target.triple() else { return Ok(Tool::Plain) };
    let same_platform = os == "linux" && arch == target.architecture();
    if same_platform && installed("musl-gcc") {
        Ok(Tool::MuslGcc)
    } else if installed("cargo-zigbuild") {
        Ok(Tool::Zig)
    } else {
        let musl = if same_platform { "apt-get install musl-tools, or " } else { "" };
        Err(format!(
            "no C compiler for {triple} was found; run {musl}pip install cargo-zigbuild, and rustup target add {triple}"
        )
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_depends_on_target_and_machine() {
        for (target, os, arch, installed, tool) in [
            (Target::X86_64Musl, "linux", "x86_64", "musl-gcc cargo-zigbuild", Tool::MuslGcc),
            (Target::X86_64Musl, "linux", "x86_64", "cargo-zigbuild", Tool::Zig),
            (Target::Aarch64Musl, "linux", "x86_64", "musl-gcc cargo-zigbuild", Tool::Zig),
            (Target::X86_64Musl, "macos", "x86_64", "musl-gcc cargo-zigbuild", Tool::Zig),
            (Target::X86_64Musl, "windows", "x86_64", "musl-gcc cargo-zigbuild", Tool::Zig),
            (Target::Native, "windows", "aarch64", "", Tool::Plain),
        ] {
            let chosen = choose(target, os, arch, |name| installed.contains(name)).unwrap();
            assert_eq!(chosen, tool, "{target:?} on {os} {arch} with {installed}");
        }
    }

    #[test]
    fn an_error_names_the_tools_to_install() {
        let linux = choose(Target::X86_64Musl, "linux", "x86_64", |_| false).unwrap_err().to_string();
        assert!(
            linux.contains("apt-get install musl-tools") && linux.contains("pip install cargo-zigbuild"),
            "{linux}"
        );
        assert!(linux.contains("rustup target add x86_64-unknown-linux-musl"), "{linux}");
        let mac = choose(Target::X86_64Musl, "macos", "aarch64", |_| false).unwrap_err().to_string();
        assert!(!mac.contains("musl-tools") && mac.contains("cargo-zigbuild"), "{mac}");
    }
}
