//! Lists the packages in the program as `CycloneDX` 1.6 JSON: <https://cyclonedx.org/docs/1.6/json/>.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Release;
use super::platform::Platform;
use crate::Result;
use crate::workspace::{Workspace, cargo, output};

/// A package of the program.
#[derive(Default)]
struct Package {
    licence: String,
    /// References of the packages that it uses.
    uses: BTreeSet<String>,
}

/// Returns the document. It has neither a time nor a random number, so the same program has the same document.
pub fn document(workspace: &Workspace, release: &Release, platform: &Platform, program: &[u8]) -> Result<String> {
    // `cargo metadata` would also list the packages of features that only tests enable.
    let mut command = cargo();
    command.current_dir(&workspace.root);
    command.args(["tree", "--locked", "--package=acs-tokens", "--edges=normal", "--target", platform.triple]);
    let tree = output(command.args(["--prefix=depth", "--charset=ascii", "--format= {p}|{l}"]))?;
    let packages = packages(&String::from_utf8(tree)?)?;
    let checksums = checksums(&fs::read_to_string(workspace.root.join("Cargo.lock"))?);
    let root = format!("acs-tokens@{}", release.version);
    let mut own =
        component("application", &root, &packages.get(&root).ok_or("cargo tree lists no acs-tokens")?.licence, None);
    own["hashes"] = json!([{ "alg": "SHA-256", "content": hex::encode(Sha256::digest(program)) }]);
    let others = packages.iter().filter(|(reference, _)| **reference != root);
    let components =
        others.map(|(reference, package)| component("library", reference, &package.licence, checksums.get(reference)));
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": own, "properties": [{ "name": "cargo:target", "value": platform.triple }] },
        "components": components.collect::<Vec<_>>(),
        "dependencies": packages.iter().map(|(reference, package)| json!({ "ref": reference, "dependsOn": package.uses })).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Describes a package. Only a package of crates.io has a checksum, and a URL by which others find it.
fn component(kind: &str, reference: &str, licence: &str, checksum: Option<&String>) -> Value {
    let (name, version) = reference.split_once('@').unwrap_or((reference, ""));
    let mut component = json!({ "type": kind, "bom-ref": reference, "name": name, "version": version });
    if !licence.is_empty() {
        // Before SPDX expressions, cargo separated alternatives by a slash.
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(checksum) = checksum {
        component["purl"] = format!("pkg:cargo/{name}@{version}").into();
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// Reads the output of `cargo tree`, in which a package that occurs twice has its dependencies only once.
fn packages(tree: &str) -> Result<BTreeMap<String, Package>> {
    let mut packages: BTreeMap<String, Package> = BTreeMap::new();
    let mut above: Vec<String> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (depth, reference, licence) =
            parse(line).ok_or_else(|| format!("cargo tree prints an unknown line: {line}"))?;
        above.truncate(depth);
        if let Some(user) = above.last().and_then(|user| packages.get_mut(user)) {
            user.uses.insert(reference.clone());
        }
        packages.entry(reference.clone()).or_default().licence = licence;
        above.push(reference);
    }
    Ok(packages)
}

/// Reads a line such as `2 serde v1.0.229 (proc-macro)|MIT OR Apache-2.0 (*)`.
fn parse(line: &str) -> Option<(usize, String, String)> {
    let (depth, rest) = line.split_once(' ')?;
    let (package, licence) = rest.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((depth.parse().ok()?, format!("{name}@{version}"), licence.trim_end_matches(" (*)").to_owned()))
}

/// Reads the checksums in Cargo.lock.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]\n").skip(1);
    let entry =
        |block| Some((format!("{}@{}", value(block, "name")?, value(block, "version")?), value(block, "checksum")?));
    blocks.filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_becomes_packages_and_their_uses() {
        let tree = "0 app v1.0.0 (/home/x)|MIT\n1 a v0.1.0|MIT/Apache-2.0\n2 b v2.0.0 (proc-macro)|ISC\n1 b v2.0.0 (proc-macro)|ISC (*)\n";
        let packages = packages(tree).unwrap();
        let uses = |name: &str| packages[name].uses.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(packages.len(), 3);
        assert_eq!(uses("app@1.0.0"), ["a@0.1.0", "b@2.0.0"]);
        assert_eq!(uses("a@0.1.0"), ["b@2.0.0"]);
        assert!(uses("b@2.0.0").is_empty());
        assert_eq!(packages["b@2.0.0"].licence, "ISC");
    }

    #[test]
    fn an_unknown_line_is_an_error() {
        assert!(packages("0 app 1.0.0|MIT").is_err());
    }

    #[test]
    fn a_package_of_the_repository_has_no_url() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\nchecksum = \"00ff\"\n\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n";
        let checksums = checksums(lock);
        let published = component("library", "a@0.1.0", "MIT/ISC", checksums.get("a@0.1.0"));
        assert_eq!(published["purl"], "pkg:cargo/a@0.1.0");
        assert_eq!(published["hashes"][0]["content"], "00ff");
        assert_eq!(published["licenses"][0]["expression"], "MIT OR ISC");
        assert_eq!(component("library", "own@1.0.0", "", checksums.get("own@1.0.0")).get("purl"), None);
    }
}
