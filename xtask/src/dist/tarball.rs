//! Writes a reproducible tar.gz.

use std::fs::File;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::Result;
use crate::archive::Entry;

/// 1985-10-26, the time that npm gives to all files. Some programs reject a file of 1970.
const TIME: u64 = 499_162_500;

/// Writes `entries` to `path` below one folder, sorted, with a fixed time and without an owner.
pub fn write(path: &Path, folder: &str, mut entries: Vec<Entry>) -> Result<()> {
    entries.sort();
    let mut archive = Builder::new(GzBuilder::new().write(File::create(path)?, Compression::best()));
    for entry in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(entry.mode());
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(entry.content.len() as u64);
        archive.append_data(&mut header, format!("{folder}/{}", entry.name), entry.content.as_slice())?;
    }
    archive.into_inner()?.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_entries_does_not_change_the_archive() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |name: &str| Entry { name: name.into(), content: name.into(), executable: false };
        let archives = [["a", "b"], ["b", "a"]].map(|names| {
            let path = folder.path().join(names[0]);
            write(&path, "folder", names.map(entry).to_vec()).unwrap();
            std::fs::read(path).unwrap()
        });
        assert_eq!(archives[0], archives[1]);
    }
}
