//! Writes a wheel that holds the program: <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::platform::Platform;
use super::{PACKAGE_TEXT, Release};
use crate::Result;
use crate::archive::{self, Entry};

/// Writes the wheel of a platform. Installers put the program into the folder for scripts and make it executable.
pub fn write(folder: &Path, release: &Release, platform: &Platform, program: &Path) -> Result<PathBuf> {
    let base = format!("acs_tokens-{}", release.version);
    let info = |name: &str, content: String| Entry {
        name: format!("{base}.dist-info/{name}"),
        content: content.into(),
        executable: false,
    };
    let mut entries = vec![
        Entry::program(format!("{base}.data/scripts/acs-tokens"), program)?,
        info("METADATA", metadata(release)),
        info("WHEEL", tags(platform)),
        Entry { name: format!("{base}.dist-info/licenses/LICENSE"), ..release.licence_file.clone() },
    ];
    let record = info("RECORD", String::new());
    entries.push(Entry { content: list(&entries, &record.name).into(), ..record });
    let path = folder.join(format!("{base}-py3-none-{}.whl", platform.wheel_tags.join(".")));
    archive::write(&path, entries)?;
    Ok(path)
}

fn metadata(release: &Release) -> String {
    let Release { version, description, licence, .. } = release;
    let repository =
        release.repository.as_ref().map(|url| format!("Project-URL: Repository, {url}\n")).unwrap_or_default();
    format!(
        "Metadata-Version: 2.4\nName: acs-tokens\nVersion: {version}\nSummary: {description}\nLicense-Expression: {licence}\n\
         License-File: LICENSE\n{repository}Requires-Python: >=3.8\nDescription-Content-Type: text/markdown\n\n{PACKAGE_TEXT}"
    )
}

fn tags(platform: &Platform) -> String {
    let tags: Vec<_> = platform.wheel_tags.iter().map(|tag| format!("Tag: py3-none-{tag}")).collect();
    format!("Wheel-Version: 1.0\nGenerator: cargo xtask dist\nRoot-Is-Purelib: false\n{}\n", tags.join("\n"))
}

/// Returns the lines of RECORD. Its own line has no hash.
fn list(entries: &[Entry], record: &str) -> String {
    let mut lines = String::new();
    for Entry { name, content, .. } in entries {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
        let _ = writeln!(lines, "{name},sha256={hash},{}", content.len());
    }
    lines + record + ",,\n"
}
