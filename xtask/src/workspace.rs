//! Where things are: the repository, cargo's target folder, and programs on the PATH.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// The folders every task needs.
pub struct Workspace {
    /// The repository: holds host.json and functions/.
    pub root: PathBuf,
    /// Where cargo builds; not below `root` when `CARGO_TARGET_DIR` or a cargo config says so.
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo, which alone knows every place its target folder can be set.
    pub fn find() -> Result<Self> {
        let output = cargo().args(["metadata", "--format-version=1", "--no-deps"]).output()?;
        if !output.status.success() {
            return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let folder = |key: &str| {
            metadata[key].as_str().map(PathBuf::from).ok_or_else(|| format!("cargo metadata names no {key}"))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// Where packages are put: always below the repository, so that documentation can name it.
    pub fn output(&self) -> PathBuf {
        self.root.join("target")
    }
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The full path of a program on the PATH. On Windows also `name.cmd` and the other endings of PATHEXT: npm installs
/// Core Tools as `func.cmd`, which [`Command`] does not find by itself.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let endings = if cfg!(windows) {
        let pathext = env::var_os("PATHEXT").unwrap_or_else(|| ".EXE;.CMD;.BAT".into());
        pathext.to_string_lossy().split(';').map(str::to_owned).collect()
    } else {
        vec![String::new()]
    };
    let candidates = |folder: PathBuf| {
        endings.iter().map(move |ending| folder.join(OsString::from(format!("{name}{ending}")))).collect::<Vec<_>>()
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
