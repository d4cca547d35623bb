//! The rules of the repository: dependencies of modules, lengths of files, and marks that must not be committed.

mod cycles;

use std::{
    fs,
    path::{Path, PathBuf},
};

const MAX_LINES: usize = 300;

/// Each module and the modules of the crate that it may use. docs/ARCHITECTURE.md has the same table.
pub(crate) const ARROWS: [(&str, &[&str]); 24] = [
    ("acs_client", &["acs_observer", "entra", "remedy"]),
    ("acs_observer", &["remedy", "request_log"]),
    ("entra", &["refreshing"]),
    ("remedy", &[]),
    ("short_hash", &[]),
    ("guest_pass", &[]),
    ("document", &[]),
    ("trace_context", &[]),
    ("request_log", &["short_hash", "trace_context"]),
    ("readiness", &["directory", "refreshing", "request_log"]),
    ("problem", &[]),
    ("directory", &["entra", "guest_pass", "problem", "remedy", "request_log"]),
    ("extract", &["problem", "request_log"]),
    ("auth", &["guest_pass", "problem", "refreshing", "short_hash"]),
    ("access", &["auth", "document", "guest_pass", "problem"]),
    ("functions", &["access", "auth", "directory", "extract", "guest_pass", "problem", "readiness", "request_log"]),
    ("http", &["access", "auth", "functions", "guest_pass", "problem", "request_log"]),
    ("config", &["access", "acs_client", "auth", "directory", "document", "entra", "http", "server", "telemetry"]),
    ("telemetry", &["request_log"]),
    ("refreshing", &[]),
    ("server", &[]),
    ("lambda", &["http", "problem"]),
    ("startup", &["acs_client", "auth", "config", "functions", "http", "server", "telemetry"]),
    (
        "cli",
        &[
            "access",
            "acs_client",
            "auth",
            "config",
            "directory",
            "emulator",
            "http",
            "remedy",
            "server",
            "short_hash",
            "startup",
            "telemetry",
        ],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files under some folders of the repository.
fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty());
    files
}

pub(crate) fn every_file() -> Vec<PathBuf> {
    rust_files(&["src", "crates", "tests", "bench", "xtask", "benches", "examples", "fuzz/fuzz_targets"])
}

/// Returns each path in a text behind a prefix, such as `acs::types` for `crate::acs::types` and the prefix `crate::`.
fn named_modules(text: &str, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        // `use crate::{a, b::{c, d}}` names a and b at depth one.
        if let Some(list) = rest.strip_prefix('{') {
            let (mut depth, mut item) = (1, String::new());
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => found.push(std::mem::take(&mut item)),
                    _ if depth == 1 => item.push(c),
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            found.push(item);
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect());
        }
    }
    let trimmed = found.iter().map(|item| item.trim().trim_end_matches("::").to_owned());
    trimmed.filter(|item| !item.is_empty()).collect()
}

/// The module that a file belongs to: `src/http/cors.rs` to `http`.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_use_only_what_they_may() {
    for file in rust_files(&["src"]) {
        let module = module_of(&file);
        if module == "lib" || module == "bin" {
            continue;
        }
        let (_, allowed) = ARROWS.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("{module} is new"));
        let text = fs::read_to_string(&file).unwrap();
        for named in named_modules(&text, "crate::") {
            let fits = |allowed: &&str| named == **allowed || named.starts_with(&format!("{allowed}::"));
            let own = named == module || named.starts_with(&format!("{module}::"));
            assert!(own || allowed.iter().any(fits), "{} uses {named}", file.display());
        }
    }
}

#[test]
fn every_module_has_its_arrows() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut known: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    let mut modules = modules;
    modules.sort_unstable();
    assert_eq!(modules, known);
    // And no arrow may lead back: what a module may use may not use it.
    for (name, allowed) in ARROWS {
        for other in allowed {
            let other = other.split("::").next().unwrap();
            let back = ARROWS.iter().find(|(name, _)| *name == other).map_or(&[][..], |(_, back)| back);
            assert!(!back.contains(&name), "{name} and {other} use each other");
        }
    }
}

#[test]
fn reads_use_lines_as_rust_does() {
    let text = "use crate::{acs::{self, types::Scope}, problem};\nlet x = crate::app::ROUTES;";
    assert_eq!(named_modules(text, "crate::"), ["acs", "problem", "app::ROUTES"]);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for file in every_file() {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
        assert!(text.starts_with("//!"), "{} does not open with a //! line", file.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore"), concat!("allow(un", "safe")];
    for file in every_file() {
        let text = fs::read_to_string(&file).unwrap();
        for mark in marks {
            assert!(!text.contains(mark), "{} has {mark}", file.display());
        }
    }
}

/// The files that spawn work which may be dropped: connections, the refresh of a cache, the first connection to ACS, and
/// the servers of the command line.
const SPAWNING: [&str; 4] = ["src/server/connections.rs", "src/refreshing.rs", "src/startup.rs", "src/cli"];

#[test]
fn work_that_must_complete_is_tracked() {
    for file in rust_files(&["src"]) {
        let text = fs::read_to_string(&file).unwrap();
        let may_spawn = SPAWNING.iter().any(|path| file.starts_with(root().join(path)));
        let untracked = ["tokio::spawn(", "runtime.spawn(", "spawn_local("].iter().any(|call| text.contains(call));
        assert!(may_spawn || !untracked, "{} spawns outside of Services::tasks", file.display());
    }
}

/// The files that may build HTTP clients. All others use `client_builder`, whose clients follow no redirects.
const BUILDING_CLIENTS: [&str; 2] = ["crates/acs-identity/src/http.rs", "crates/acs-identity/src/tls.rs"];

#[test]
fn each_http_client_is_built_without_redirects() {
    for file in rust_files(&["src", "crates"]) {
        if BUILDING_CLIENTS.iter().any(|path| file == root().join(path)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for call in ["Client::builder(", "Client::new(", "ClientBuilder::new(", "Client::default(", "reqwest::get("] {
            for (at, _) in text.match_indices(call) {
                // `IdentityClient::new` is another type's.
                let own = text[..at].ends_with(|c: char| c.is_alphanumeric());
                assert!(own, "{} calls {call}", file.display());
            }
        }
    }
}

/// The files that may sleep: the one wait with a limit, a test under a paused clock, and the host, which polls its program.
const SLEEPING: [&str; 3] = ["tests/it/process.rs", "tests/it/refreshing.rs", "tests/host"];

#[test]
fn tests_neither_sleep_nor_change_the_environment() {
    for file in rust_files(&["tests"]) {
        let text = fs::read_to_string(&file).unwrap();
        let may_sleep = SLEEPING.iter().any(|path| file.starts_with(root().join(path)));
        for call in
            [concat!("sle", "ep("), concat!("yield", "_now("), concat!("set_", "var("), concat!("remove_", "var(")]
        {
            let allowed = may_sleep && !call.contains("var");
            assert!(allowed || !text.contains(call), "{} calls {call}", file.display());
        }
    }
}
