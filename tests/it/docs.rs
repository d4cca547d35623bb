//! The documents match the code: tables in both directions, links, line lengths, and the output of commands.

use std::{collections::BTreeSet, fs, path::Path};

use acs_tokens::{
    access::AccessRules,
    config::{SETTINGS, Setting},
    http::Api as ServiceApi,
    problem::Kind,
};
use tokio::process::Command;

use crate::{harness::Api, tidy};

mod blocks;
mod commands;
pub(crate) mod costs;
mod deployment;
mod readme;
mod statements;
mod teams;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the paths of the documents in the repository.
fn documents() -> Vec<String> {
    let of = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"))
            .map(|name| format!("{folder}{name}"))
            .collect::<Vec<_>>()
    };
    let folders = ["", "docs/", "crates/acs-identity/", "crates/acs-emulator/", "clients/js/", "examples/browser/"];
    let documents = folders.map(of).concat();
    assert!(documents.len() > 6, "{documents:?}");
    documents
}

/// Returns the cells of each table row whose first cell is one word of code.
pub(crate) fn rows(document: &str) -> Vec<Vec<String>> {
    let text = read(document);
    let cells = text.lines().filter_map(|line| Some(line.strip_prefix('|')?.strip_suffix('|')?.split('|')));
    let rows = cells.map(|cells| cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    rows.filter_map(|mut row| {
        let word = row[0].strip_prefix('`')?.strip_suffix('`')?.to_owned();
        row[0] = word;
        Some(row)
    })
    .collect()
}

fn is_setting(text: &str) -> bool {
    text.len() > 2 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Returns the table of a section of docs/settings.md, generated from the settings.
fn settings_table(section: &str) -> String {
    let settings = SETTINGS.iter().filter(|setting| setting.section == section);
    let rows = settings.map(|Setting { name, read_by, secret, default, meaning, .. }| {
        let (read_by, secret) = (read_by.join(", "), if *secret { "yes" } else { "no" });
        format!("| `{name}` | {read_by} | {secret} | {default} | {meaning} |\n")
    });
    rows.fold("| setting | read by | secret | default | meaning |\n|---|---|---|---|---|\n".to_owned(), |a, b| a + &b)
}

#[test]
fn settings_document_has_the_table_of_settings() {
    let document = read("docs/settings.md");
    let sections: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.section).collect();
    for section in sections {
        let (_, rest) = document.split_once(&format!("# {section}\n")).unwrap_or_else(|| panic!("no {section}"));
        let table = settings_table(section);
        assert!(rest.contains(&format!("\n{table}\n")), "docs/settings.md, {section}: expected\n{table}");
    }
    let rows = rows("docs/settings.md").into_iter().map(|row| row[0].clone()).filter(|word| is_setting(word));
    assert_eq!(rows.collect::<Vec<_>>(), SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>());
}

#[test]
fn the_table_of_problems_lists_every_problem() {
    let rows = rows("docs/problems.md").into_iter().filter(|row| row[1].parse::<u16>().is_ok());
    let rows: Vec<(String, String)> = rows.map(|row| (row[0].clone(), row[1].clone())).collect();
    let kinds = Kind::ALL.iter().map(|kind| kind.parts());
    let kinds = kinds.map(|parts| (parts.code.to_owned(), parts.status.as_u16().to_string()));
    assert_eq!(rows, kinds.collect::<Vec<_>>());
}

#[test]
fn the_table_of_modules_matches_the_checked_one() {
    let rows = rows("docs/ARCHITECTURE.md")
        .into_iter()
        .filter(|row| row[0].bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    let rows: Vec<(String, String)> = rows.map(|row| (row[0].clone(), row[1].replace('`', ""))).collect();
    let arrows = tidy::ARROWS.map(|(module, others)| {
        (module.to_owned(), if others.is_empty() { "nothing".to_owned() } else { others.join(", ") })
    });
    assert_eq!(rows, arrows);
}

#[test]
fn lines_of_documents_are_short() {
    for document in documents() {
        for (number, line) in read(&document).lines().enumerate().filter(|(_, line)| !line.starts_with('|')) {
            assert!(line.chars().count() <= 200, "{document}, line {} has over 200 characters", number + 1);
        }
    }
}

/// Returns the anchor of a heading on GitHub.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

#[test]
fn links_resolve() {
    for document in documents() {
        for target in read(&document).split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)) {
            if target.starts_with("https://") {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let folder = root().join(&document).parent().unwrap().to_owned();
            let file = if file.is_empty() { root().join(&document) } else { folder.join(file) };
            assert!(file.exists(), "{document} links to {target}");
            if fragment.is_empty() {
                continue;
            }
            let text = fs::read_to_string(file).unwrap();
            let mut headings =
                text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#'));
            assert!(headings.any(|heading| anchor(heading) == fragment), "{document}: #{fragment}");
        }
    }
}

/// Returns the commands in the `console` blocks of a document with their documented output.
fn commands(document: &str) -> Vec<(String, String)> {
    let text = read(document);
    let blocks = text.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(|block| block.split("$ ").skip(1)).map(|entry| entry.split_once('\n').unwrap());
    lines.map(|(command, printed)| (command.to_owned(), printed.trim().to_owned())).collect()
}

/// Returns whether a text matches a pattern in which `…` matches any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

#[test]
fn a_pattern_matches_as_documented() {
    for (pattern, text, fit) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "abc", true),
        ("…c", "abc", true),
        ("a…c…e", "abcde", true),
        ("a…c…e", "abde", false),
        ("a…b", "b", false),
    ] {
        assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
    }
}

/// Allows guests what docs/teams.md needs for meetings and for click-to-call.
fn with_guests_who_call(parts: ServiceApi) -> ServiceApi {
    let policy = r#"{"guests":{"scopes":["voip","voip.join"],"maxPassMinutes":1440,"maxUses":1}}"#.parse().unwrap();
    ServiceApi { access: AccessRules { policy, ..parts.access }, ..parts }
}

#[tokio::test]
async fn commands_print_the_documented_output() {
    let mut count = 0;
    for document in documents() {
        let api = Api::with_parts(|_| (), with_guests_who_call).await;
        let commands = commands(&document);
        // One shell for each document, because later commands use variables of earlier ones.
        let script: Vec<&str> = commands.iter().flat_map(|(command, _)| [command, "echo", "echo '<end>'"]).collect();
        let emulator = api.control_url().replace("/_emulator", "");
        let script =
            script.join("\n").replace("http://127.0.0.1:7071", &api.base).replace("http://127.0.0.1:7072", &emulator);
        let programs = Path::new(env!("CARGO_BIN_EXE_acs-tokens")).parent().unwrap().to_owned();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&others))).unwrap();
        let mut shell = Command::new("sh");
        shell.env("FUNCTIONS_URL", &api.base).env("FUNCTION_KEY", "unused");
        shell.env("PATH", path).env("COMMUNICATION_SERVICES_CONNECTION_STRING", api.connection_string());
        let output = shell.args(["-e", "-c", &script]).output().await.unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{document}: {printed}");
        let printed: Vec<&str> = printed.split("<end>").map(str::trim).collect();
        assert_eq!(printed.len(), commands.len() + 1);
        for ((command, pattern), printed) in commands.iter().zip(printed) {
            assert!(fits(pattern, printed), "{document}: {command}\nprints\n{printed}\nexpected\n{pattern}");
            count += 1;
        }
    }
    assert!(count > 6, "only {count} commands were found");
}
