//! The commands in the documents: what runs each, and that their arguments exist.

use std::collections::BTreeSet;

use tempfile::TempDir;

use super::{blocks::blocks, read};
use crate::{
    config::RESOURCE,
    process::{Running, cli, run},
};

/// A proof that a command of a block `sh` works.
enum Proof {
    /// A test below starts it.
    Starts,
    /// A check of CI runs it: the file of the check, and what the file contains.
    In(&'static str, &'static str),
}
use Proof::{In, Starts};

/// The commands of blocks `sh`, up to their arguments in angle brackets.
const RUN: [(&str, Proof); 32] = [
    ("cargo run", Starts),
    ("cargo run -- emulator", Starts),
    ("CORS_ALLOWED_ORIGINS=http://localhost:8080 cargo run", Starts),
    ("acs-tokens", Starts),
    ("acs-tokens emulator --port 7072 --https-port 7073", Starts),
    ("acs-tokens emulator --state emulator.json", Starts),
    ("CORS_ALLOWED_ORIGINS=http://localhost:3000 acs-tokens dev", Starts),
    (
        "COMMUNICATION_SERVICES_CONNECTION_STRING='…' CALLER_KEYS='web=…' target/release/acs-tokens serve --host 0.0.0.0",
        Starts,
    ),
    (
        "cargo run -p acs-emulator --example emulator",
        In(".ci/run", "cargo run --quiet -p acs-emulator --example emulator"),
    ),
    ("cargo test", In(".ci/run", "    cargo test # the command in README.md\n")),
    ("cargo fmt --all", In(".ci/run", " cargo fmt --all --check\n")),
    (
        "cargo clippy --workspace --all-targets -- -D warnings",
        In(".ci/run", "    cargo clippy --workspace --all-targets --all-features -- -D warnings\n"),
    ),
    ("cargo xtask package azure", In(".ci/run", " cargo xtask package azure\n")),
    ("cargo xtask dist", In("tests/dist/run", "cargo xtask dist \"$@\"\n")),
    (
        "npm install ./target/dist/npm/acs-tokens-linux-x64-0.1.0.tgz ./target/dist/npm/acs-tokens-0.1.0.tgz --ignore-scripts",
        In("tests/dist/check.py", "run(\"npm\", \"install\", *tarballs, \"--ignore-scripts\""),
    ),
    ("npx acs-tokens emulator", In("tests/dist/check.py", "\"npx\", \"--yes\", \"acs-tokens\", \"emulator\"")),
    (
        "uvx --find-links target/dist/wheels acs-tokens dev",
        In("tests/dist/check.py", "\"uvx\", \"--offline\", *wheels, \"acs-tokens\", \"dev\""),
    ),
    ("cargo xtask package lambda", In(".ci/run", " cargo xtask package lambda\n")),
    (
        "ACS_TOKENS_TEST_APP=target/functions-app cargo test --test it -- functions:: hosted::",
        In(".ci/run", "ACS_TOKENS_TEST_APP=target/functions-app cargo test --test it -- functions:: hosted::"),
    ),
    // In release, so that it is the program of the packages; CI builds it for debugging.
    (
        "cargo build --release --no-default-features --features cli",
        In("tests/cli/run", "cargo build --quiet --no-default-features --features cli "),
    ),
    ("acs-tokens token issue", In("tests/cli/run", "token=$(acs-tokens token issue ")),
    ("source <(acs-tokens completions bash)", In("tests/it/cli/manual.rs", "&[\"completions\", \"bash\"]")),
    ("acs-tokens completions fish | source", In("tests/it/cli/manual.rs", "&[\"completions\", shell]")),
    ("acs-tokens man ~/.local/share/man/man1", In("tests/cli/run", "acs-tokens man \"$folder/man1\"")),
    (
        "acs-tokens directory export --output jsonl --file users.jsonl",
        In("tests/it/directory_command/import.rs", "&[\"export\", \"--output\", \"jsonl\", \"--file\", &export]"),
    ),
    (
        "acs-tokens directory import --file users.jsonl",
        In("tests/it/directory_command/import.rs", "&[\"directory\", \"import\", \"--file\", &self.export]"),
    ),
    (
        "acs-tokens teams-phone assign --tenant ",
        In("tests/it/teams_phone_command.rs", "\"assign\", \"--client-id\", CLIENT"),
    ),
    (
        "FUNCTIONS_URL=http://127.0.0.1:7071 FUNCTION_KEY=unused-by-dev python examples/back-end/token_service.py",
        In("tests/clients/samples.test.mjs", "\"token_service.py\""),
    ),
    ("keytool -importcert ", In("tests/clients/samples.test.mjs", "\"keytool.sh\"")),
    ("cd examples/browser", In("tests/clients/run", "npm_packages \"$target/copy/examples/browser\"")),
    ("npm install", In("tests/clients/run", "npm_packages \"$target/copy/examples/browser\"")),
    // The same bundle, which the test serves at a free port.
    ("npm start", In("tests/clients/browser.test.mjs", "run(\"npm\", [\"run\", \"build\"]")),
];

/// Returns the entry of [`RUN`] for a command.
fn proof(command: &str) -> Option<&'static Proof> {
    let is_known = |known: &str| command == known || (known.ends_with(' ') && command.starts_with(known));
    RUN.iter().find(|(known, _)| is_known(known)).map(|(_, proof)| proof)
}

#[test]
fn every_command_is_run_or_needs_something_else() {
    let mut used = BTreeSet::new();
    for block in blocks().iter().filter(|block| block.kind == "sh") {
        for command in block.commands() {
            let proof = proof(&command);
            assert!(proof.is_some(), "{}: nothing runs `{command}`; see CONTRIBUTING.md", block.document);
            if let Some(In(file, text)) = proof {
                assert!(read(file).contains(text), "{file} no longer runs `{command}`");
            }
            used.insert(command);
        }
    }
    for (known, _) in RUN {
        assert!(used.iter().any(|command| command.starts_with(known)), "no document has `{known}`");
    }
}

/// Returns the program and the environment of a command that starts a server, with free ports and values for `…`.
fn server(command: &str, data: &str) -> (Vec<String>, Vec<(String, String)>) {
    let command = command.replace("target/release/acs-tokens", "acs-tokens");
    let command = command.replace("cargo run --", "acs-tokens").replace("cargo run", "acs-tokens");
    let (settings, arguments) = command.split_once("acs-tokens").unwrap();
    let settings = settings.split_whitespace().map(|setting| {
        let (name, value) = setting.split_once('=').unwrap();
        let value = value.trim_matches('\'').replace('…', "0123456789abcdef0123456789abcdef");
        (name.to_owned(), if name == RESOURCE.0 { RESOURCE.1.to_owned() } else { value })
    });
    let mut arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
    let ports = match arguments.first().map(String::as_str) {
        Some("serve") => vec!["--port"],
        Some("emulator") => vec!["--port", "--https-port"],
        _ => vec!["--port", "--emulator-port", "--emulator-https-port"],
    };
    for port in &ports {
        match arguments.iter().position(|argument| argument == port) {
            Some(i) => "0".clone_into(&mut arguments[i + 1]),
            None => arguments.extend([(*port).to_owned(), "0".to_owned()]),
        }
    }
    if ports.len() == 3 {
        arguments.extend(["--data".to_owned(), data.to_owned()]);
    }
    (arguments, settings.collect())
}

#[tokio::test]
async fn commands_that_start_servers_start() {
    let folder = TempDir::new().unwrap();
    let mut started = 0;
    for block in blocks().iter().filter(|block| block.kind == "sh") {
        for command in block.commands().iter().filter(|command| matches!(proof(command), Some(Starts))) {
            started += 1;
            let data = folder.path().join(started.to_string());
            let (arguments, settings) = server(command, data.to_str().unwrap());
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let settings: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
            let mut program = cli(&arguments, &settings);
            program.current_dir(folder.path());
            let is_ready = |line: &str| line.ends_with("Ctrl+C stops it.") || line.contains("\"message\":\"serving\"");
            Running::start(program).until(is_ready).await;
        }
    }
    assert!(started > 7, "{started}");
}

#[tokio::test]
async fn commands_of_this_program_have_arguments_that_exist() {
    let mut count = 0;
    for block in blocks().iter().filter(|block| block.kind.starts_with("sh") || block.kind == "crontab") {
        for command in block.commands() {
            let Some((before, arguments)) =
                command.split_once("acs-tokens ").or_else(|| command.split_once("cargo run -- "))
            else {
                continue;
            };
            // Not the name of a stack or an image: the first word, or behind variables or another command.
            if before
                .split_whitespace()
                .next_back()
                .is_some_and(|word| !word.contains('=') && !word.ends_with([';', ')']))
            {
                continue;
            }
            let guid = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
            let mut script = arguments
                .split(" |")
                .next()
                .unwrap()
                .replace("\"$(output Url)\"", "https://x.example")
                .replace('…', "x");
            while let Some((before, rest)) = script.split_once('<') {
                script = format!("{before}{guid}{}", rest.split_once('>').unwrap().1);
            }
            let arguments: Vec<&str> = script.split_whitespace().chain(["--help"]).collect();
            let (code, _, stderr) = run(cli(&arguments, &[])).await;
            assert_eq!(code, 0, "{}: {command}: {stderr}", block.document);
            count += 1;
        }
    }
    assert!(count > 12, "{count}");
}
