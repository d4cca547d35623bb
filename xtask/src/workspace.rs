//! Finds the repository, cargo's target folder, and programs on the PATH.

use std::env;
use std::ffi::OsString;
use std::fs;
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
        let metadata = metadata()?;
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

/// Returns what Cargo.toml of each package of the workspace says.
pub fn metadata() -> Result<serde_json::Value> {
    Ok(serde_json::from_slice(&output(cargo().args(["metadata", "--format-version=1", "--no-deps"]))?)?)
}

/// Runs a command and returns what it prints to stdout.
///
/// # Errors
/// The command cannot start or fails. The error contains what it prints to stderr.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(output.stdout)
}

/// Creates an empty folder. A file of an earlier build would be in the package.
pub fn empty(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_emptied() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a").join("b");
        fs::write(empty(&folder).unwrap().join("old"), "").unwrap();
        assert_eq!(fs::read_dir(empty(&folder).unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_failed_command_is_an_error_with_its_output() {
        let error = output(cargo().arg("no-such-command")).unwrap_err().to_string();
        assert!(error.contains("failed (exit status: 101)") && error.contains("no-such-command"), "{error}");
    }
}
