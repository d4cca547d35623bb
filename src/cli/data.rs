//! The folder for the data of the current user, by operating system.

use std::{
    ffi::OsString,
    fs::DirBuilder,
    io,
    path::{Path, PathBuf},
};

/// Returns the folder for data that stays on this machine, or `None` if the user has no home folder.
pub(super) fn folder() -> Option<PathBuf> {
    folder_on(std::env::consts::OS, |name| std::env::var_os(name), std::env::home_dir())
}

fn folder_on(system: &str, get: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    // The XDG Base Directory Specification says to ignore relative paths.
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = |name| get(name).map(PathBuf::from).filter(absolute);
    let home = home.filter(absolute);
    match system {
        "windows" => named("LOCALAPPDATA"),
        "macos" => home.map(|home| home.join("Library").join("Application Support")),
        _ => named("XDG_DATA_HOME").or_else(|| home.map(|home| home.join(".local").join("share"))),
    }
}

/// Creates a folder and its parents. Only the current user has access.
pub(super) fn create(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_depends_on_the_system() {
        let env = |name: &'static str, value: &'static str| move |other: &str| (other == name).then(|| value.into());
        let home = || Some(PathBuf::from("/home/ada"));
        for (found, expected) in [
            (folder_on("linux", env("XDG_DATA_HOME", "/data"), home()), Some("/data")),
            (folder_on("linux", env("XDG_DATA_HOME", "data"), home()), Some("/home/ada/.local/share")),
            (folder_on("linux", env("XDG_DATA_HOME", ""), home()), Some("/home/ada/.local/share")),
            (folder_on("freebsd", |_| None, home()), Some("/home/ada/.local/share")),
            (folder_on("macos", env("XDG_DATA_HOME", "/data"), home()), Some("/home/ada/Library/Application Support")),
            (folder_on("windows", env("LOCALAPPDATA", "/local"), home()), Some("/local")),
            (folder_on("windows", |_| None, home()), None),
            (folder_on("linux", |_| None, None), None),
            (folder_on("linux", |_| None, Some(PathBuf::new())), None),
        ] {
            assert_eq!(found, expected.map(PathBuf::from));
        }
    }
}
