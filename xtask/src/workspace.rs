//! Finds the repository, cargo's target folder, and programs on the PATH.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// The folders that tasks use.
pub struct Workspace {
    /// The repository, which contains host.json and functions/.
    pub root: PathBuf,
    /// Cargo's target folder. `CARGO_TARGET_DIR` or a cargo configuration may place it outside `root`.
    pub target: PathBuf,
}

impl Workspace {
    /// Reads the folders from `cargo metadata`, which considers all configurations.
    pub fn find() -> Result<Self> {
        let output = cargo().args(["metadata", "--format-version=1", "--no-deps"]).output()?;
        if !output.status.success() {
            return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let folder = |key: &str| {
            metadata[key].as_str().map(PathBuf::from).ok_or_else(|| format!("cargo metadata does not contain {key}"))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// Returns the folder for packages. It is always `target` in the repository, so that documentation can name it.
    pub fn output(&self) -> PathBuf {
        self.root.join("target")
    }
}

/// Returns a command for the cargo that runs this task.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Returns the full path of a program on the PATH. On Windows it tries the suffixes in PATHEXT, because npm installs Core
/// Tools as `func.cmd`, which [`Command`] does not find.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let suffixes = if cfg!(windows) {
        let pathext = env::var_os("PATHEXT").unwrap_or_else(|| ".EXE;.CMD;.BAT".into());
        pathext.to_string_lossy().split(';').map(str::to_owned).collect()
    } else {
        vec![String::new()]
    };
    let candidates = |folder: PathBuf| {
        suffixes.iter().map(move |suffix| folder.join(OsString::from(format!("{name}{suffix}")))).collect::<Vec<_>>()
    };
    env::split_paths(&env::var_os("PATH")?).flat_map(candidates).find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}
