//! Writes the npm packages: one for each platform with its program, and `acs-tokens`, which depends on all of them and starts the one that
//! npm installed.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::platform::{PLATFORMS, Platform};
use super::{PACKAGE_TEXT, Release, tarball};
use crate::Result;
use crate::archive::Entry;

/// Writes the package of a platform. npm skips it on machines with another `os` or `cpu`.
pub fn write_platform(folder: &Path, release: &Release, platform: &Platform, program: &Path) -> Result<PathBuf> {
    let (os, cpu) = platform.node;
    let own = json!({ "description": format!("The program of acs-tokens for {os}-{cpu}"), "os": [os], "cpu": [cpu], "preferUnplugged": true });
    let program = Entry::program("bin/acs-tokens", program)?;
    write(folder, release, &platform.npm_name(), own, vec![program])
}

/// Writes the package `acs-tokens`. It names the platforms of all machines, whichever of them this machine built.
pub fn write_launcher(folder: &Path, release: &Release) -> Result<PathBuf> {
    let platforms = PLATFORMS.iter().map(|platform| (platform.npm_name(), Value::from(release.version.as_str())));
    let own = json!({
        "description": release.description,
        "bin": { "acs-tokens": "bin/acs-tokens.js" },
        "engines": { "node": ">=18" },
        "optionalDependencies": platforms.collect::<Map<_, _>>(),
    });
    let launcher = include_bytes!("launcher.js").to_vec();
    let entries = vec![
        Entry { name: "bin/acs-tokens.js".into(), content: launcher, executable: true },
        Entry { name: "README.md".into(), content: PACKAGE_TEXT.into(), executable: false },
    ];
    write(folder, release, "acs-tokens", own, entries)
}

fn write(folder: &Path, release: &Release, name: &str, own: Value, mut entries: Vec<Entry>) -> Result<PathBuf> {
    let mut package = json!({ "name": name, "version": release.version, "license": release.licence });
    if let Some(repository) = &release.repository {
        // The registry compares it with the provenance: https://docs.npmjs.com/generating-provenance-statements.
        package["repository"] = json!({ "type": "git", "url": format!("git+{repository}.git") });
    }
    if let (Some(package), Value::Object(mut own)) = (package.as_object_mut(), own) {
        package.append(&mut own);
    }
    let content = serde_json::to_vec_pretty(&package)?;
    entries.push(Entry { name: "package.json".into(), content, executable: false });
    entries.push(release.licence_file.clone());
    let path = folder.join(format!("{name}-{}.tgz", release.version));
    tarball::write(&path, "package", entries)?;
    Ok(path)
}
