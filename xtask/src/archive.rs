//! Writes a reproducible zip that keeps the Unix modes of its files.

use std::fs::{self, File};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::Result;

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Path in the archive, with forward slashes and no leading `./`.
    pub name: String,
    pub content: Vec<u8>,
    /// Whether the file gets mode 0755 instead of 0644.
    pub executable: bool,
}

impl Entry {
    /// Reads a file that is not a program.
    pub fn plain(name: impl Into<String>, path: &Path) -> Result<Self> {
        Ok(Self { name: name.into(), content: read(path)?, executable: false })
    }

    /// Reads a program.
    pub fn program(name: impl Into<String>, path: &Path) -> Result<Self> {
        Ok(Self { name: name.into(), content: read(path)?, executable: true })
    }

    pub fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Writes `entries` to `path`, sorted and with a fixed time.
///
/// The zip names Unix as its system on all platforms, because readers ignore the modes in a zip made on Windows.
pub fn write(path: &Path, mut entries: Vec<Entry>) -> Result<()> {
    entries.sort();
    let mut archive = ZipWriter::new(File::create(path)?);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default())
        .system(System::Unix);
    for entry in entries {
        archive.start_file(&entry.name, options.unix_permissions(entry.mode()))?;
        std::io::Write::write_all(&mut archive, &entry.content)?;
    }
    archive.finish()?;
    Ok(())
}

/// Returns the path and the size of a file, for printing.
pub fn describe(path: &Path) -> Result<String> {
    let size = path.metadata()?.len();
    #[expect(clippy::cast_precision_loss, reason = "printed with two decimals")]
    let megabytes = size as f64 / 1_000_000.0;
    Ok(format!("{} {megabytes:.2} MB ({size} bytes)", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |name: &str, executable| Entry { name: name.into(), content: name.repeat(50).into(), executable };
        vec![entry("handler", true), entry("health/function.json", false), entry("host.json", false)]
    }

    #[test]
    fn the_order_of_entries_does_not_change_the_zip() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.zip"), folder.path().join("two.zip"));
        write(&one, entries()).unwrap();
        write(&two, entries().into_iter().rev().collect()).unwrap();
        assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap());
    }

    #[test]
    fn a_zip_keeps_names_contents_and_modes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.zip");
        write(&path, entries()).unwrap();
        let mut archive = zip::ZipArchive::new(File::open(&path).unwrap()).unwrap();
        let found: Vec<_> = (0..archive.len())
            .map(|index| {
                let mut file = archive.by_index(index).unwrap();
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut file, &mut content).unwrap();
                (file.name().unwrap().into_owned(), file.unix_mode(), content.len())
            })
            .collect();
        let expected = [
            ("handler".to_owned(), Some(0o100_755), 350),
            ("health/function.json".to_owned(), Some(0o100_644), 1000),
            ("host.json".to_owned(), Some(0o100_644), 450),
        ];
        assert_eq!(found, expected);
    }
}
