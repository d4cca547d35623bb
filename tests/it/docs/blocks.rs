//! The code blocks of the documents: each is run by a check of CI, or its mark says that it needs something else.

use acs_tokens::config::{Program, SETTINGS};
use serde_json::Value;

use super::{documents, read};
use crate::config::{self, DIRECTORY_KEY, RESOURCE};

/// A code block: `kind` is the language and the mark.
pub(super) struct Block {
    pub(super) document: String,
    pub(super) kind: String,
    code: String,
    /// The comment before the block, for tests/clients.
    file: Option<String>,
}

pub(super) fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for document in documents() {
        let (mut open, mut before) = (None, String::new());
        for line in read(&document).lines().map(str::trim) {
            let fence = line.strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(kind)) => {
                    let file = before.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->"));
                    let (document, kind, file) = (document.clone(), kind.to_owned(), file.map(str::to_owned));
                    open = Some(Block { document, kind, file, code: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => block.code.extend([line, "\n"]),
                (None, None) => line.clone_into(&mut before),
            }
        }
        assert!(open.is_none(), "{document}: a block has no end");
    }
    assert!(blocks.len() > 90, "{}", blocks.len());
    blocks
}

impl Block {
    /// Returns the commands: without comments, and with continuation lines joined.
    pub(super) fn commands(&self) -> Vec<String> {
        let code = self.code.replace("\\\n", "");
        let commands = code.lines().filter_map(|line| line.split(" # ").next()).map(str::trim);
        commands.filter(|command| !command.is_empty()).map(str::to_owned).collect()
    }
}

/// Programs that act on an account of a cloud, or change the repository that is deployed.
const CLOUD: [&str; 8] = ["az ", "azd ", "aws ", "sam ", "func azure ", "git pull", "--url ", "Connect-MicrosoftTeams"];

/// Commands that no check runs: Core Tools and podman are not installed there, the measurement takes an hour, tests do not
/// write into the repository, and no version is published.
const MANUAL: [&str; 6] = [
    "cargo xtask start",
    "func start",
    "podman build",
    "cargo xtask bench",
    "ACS_TOKENS_TEST_WRITE=1",
    "/releases/download/",
];

#[test]
fn marked_blocks_need_what_their_mark_says() {
    for Block { document, kind, code, .. } in blocks() {
        let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
        let fits = match kind.split_once(' ').unwrap_or((&*kind, "")) {
            ("sh" | "powershell", "cloud") => has(&CLOUD),
            ("bash", "cloud") => read("tests/cli/run").contains(&format!("(block {document} ")) && has(&CLOUD),
            ("sh", "manual") => has(&MANUAL),
            ("sh", "" | "settings") | ("console" | "mermaid" | "json" | "crontab" | "rust" | "rust,no_run", "") => true,
            // Queries of a log store, output, and lines that are parts of a command.
            ("kusto" | "text", "") => !code.lines().any(|line| {
                let programs =
                    ["cargo", "acs-tokens", "az", "azd", "aws", "func", "curl", "npm", "npx", "podman", "docker"];
                line.split_whitespace().next().is_some_and(|word| programs.contains(&word) || word.contains('$'))
            }),
            (language, "") => SAMPLES.iter().any(|(of, languages, _)| document == *of && languages.contains(&language)),
            _ => false,
        };
        assert!(fits, "{document}: the block `{kind}` is not what its mark says; see CONTRIBUTING.md\n{code}");
    }
}

/// The documents with samples of code, the languages, and the test that runs them or requires a sentence that says that
/// they are not run.
const SAMPLES: [(&str, &[&str], &str); 6] = [
    ("README.md", &["js"], "tests/clients/samples.test.mjs"),
    ("README.sv.md", &["js"], "tests/it/docs/readme.rs"), // the code of README.md
    ("clients/js/README.md", &["js"], "tests/clients/samples.test.mjs"),
    (
        "docs/clients.md",
        &["js", "html", "python", "java", "csharp", "swift", "kotlin"],
        "tests/clients/samples.test.mjs",
    ),
    ("docs/teams.md", &["js"], "tests/sdk/js/under-test.mjs"),
    ("docs/emulator.md", &["js"], "tests/signin/signin.test.mjs"),
];

#[test]
fn samples_of_code_have_a_test() {
    for (document, _, test) in SAMPLES {
        let (test, name) = (read(test), document.split('/').next_back().unwrap());
        assert!(test.contains(name) || document == "docs/emulator.md", "{document}");
    }
    // The samples that sign in have the options of the pages that the test opens.
    let pages = read("tests/signin/oidc.html") + &read("tests/signin/msal.html");
    for option in ["authority", "client_id", "redirect_uri", "knownAuthorities", "clientId", "redirectUri"] {
        assert!(read("docs/emulator.md").contains(option) && pages.contains(option), "{option}");
    }
    // Comments that name a file are for tests/clients, which runs these blocks.
    for block in blocks().iter().filter(|block| block.file.is_some()) {
        assert_eq!(block.document, "docs/clients.md");
    }
}

#[test]
fn settings_in_blocks_are_valid() {
    let required =
        [RESOURCE, ("CALLER_KEYS", "web=0123456789abcdef0123"), ("USER_DIRECTORY", "file:///tmp/users"), DIRECTORY_KEY];
    let mut count = 0;
    for Block { document, kind, code, .. } in blocks() {
        let lines = || {
            code.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name, value.trim_matches('\'')))
        };
        if kind == "sh settings" {
            assert_eq!(lines().count(), code.lines().count(), "{document}: {code}");
            let audience =
                (code.contains("OIDC_ISSUERS") && !code.contains("OIDC_AUDIENCES")).then_some(("OIDC_AUDIENCES", "a"));
            let env: Vec<_> = lines().chain(audience).chain(required).collect();
            config::read(Program::Server, &env).unwrap_or_else(|error| panic!("{document}: {code}{error}"));
            count += 1;
        } else if kind == "crontab" {
            let (schedule, settings): (Vec<_>, Vec<_>) = lines().partition(|(name, _)| name.contains(' '));
            assert_eq!(schedule.len(), 1, "{document}: {code}");
            for (name, _) in settings {
                assert!(SETTINGS.iter().any(|setting| setting.name == name), "{document}: {name}");
            }
        }
    }
    assert!(count > 9, "{count}");
}

#[test]
fn json_in_blocks_is_valid() {
    for Block { document, code, .. } in blocks().iter().filter(|block| block.kind == "json") {
        serde_json::from_str::<Value>(code).unwrap_or_else(|error| panic!("{document}: {error}\n{code}"));
    }
}
