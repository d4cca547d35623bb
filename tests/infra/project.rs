//! The templates and the documents that they are compared with.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use serde_json::Value;

use crate::{file::File, rules::Fault};

/// The file that is deployed.
pub(crate) const MAIN: &str = "infra/main.bicep";

/// Other files that rules read.
const DOCUMENTS: [&str; 7] = [
    "infra/main.parameters.json",
    "infra/bicepconfig.json",
    "tests/infra/versions.json",
    "azure.yaml",
    "docs/aws.md",
    "docs/deployment.md",
    "docs/operations.md",
];

/// All files that rules read, by path below the root of the repository.
#[derive(Clone)]
pub(crate) struct Project {
    files: BTreeMap<String, Arc<File>>,
    documents: BTreeMap<String, Arc<str>>,
}

impl Project {
    /// Reads the files of the repository.
    pub(crate) fn read() -> Self {
        let mut project = Self { files: BTreeMap::new(), documents: BTreeMap::new() };
        for folder in ["infra", "infra/modules", "infra/shared"] {
            for entry in fs::read_dir(root(folder)).unwrap() {
                let path = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
                if is_bicep(&path) {
                    project.set(&path, &fs::read_to_string(root(&path)).unwrap());
                }
            }
        }
        for path in DOCUMENTS {
            project.set(path, &fs::read_to_string(root(path)).unwrap());
        }
        project
    }

    /// Returns a copy of the project with a fault.
    pub(crate) fn with(&self, fault: &Fault) -> Self {
        let source = self.files.get(fault.file).map_or_else(|| self.document(fault.file), |file| &file.source);
        assert!(source.contains(fault.from), "{} does not contain `{}`", fault.file, fault.from);
        let mut project = self.clone();
        project.set(fault.file, &source.replacen(fault.from, fault.to, 1));
        project
    }

    fn set(&mut self, path: &str, source: &str) {
        if is_bicep(path) {
            self.files.insert(path.to_owned(), Arc::new(File::read(path, source)));
        } else {
            self.documents.insert(path.to_owned(), source.into());
        }
    }

    /// Returns the file that is deployed.
    pub(crate) fn main(&self) -> &File {
        self.file(MAIN)
    }

    /// Returns a file.
    pub(crate) fn file(&self, path: &str) -> &File {
        &self.files[path]
    }

    /// Returns all Bicep files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values().map(|file| &**file)
    }

    /// Returns the text of another file.
    pub(crate) fn document(&self, path: &str) -> &str {
        &self.documents[path]
    }

    /// Returns the content of a JSON file.
    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(self.document(path)).unwrap()
    }

    /// Returns the file of a module of `main.bicep`.
    pub(crate) fn module(&self, path: &str) -> Option<&File> {
        self.files.get(&format!("infra/{path}")).map(|file| &**file)
    }
}

fn is_bicep(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "bicep")
}

fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
