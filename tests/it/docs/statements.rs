//! Statements of the documents outside the generated tables: fields and messages of the log, and names of files.

use std::fs;

use acs_tokens::{
    functions::FUNCTIONS,
    request_log::{LoggedIdentity, RequestLog},
};
use serde_json::Value;

use super::{documents, read, root};
use crate::tidy::every_file;

/// Returns the code in the first cell of each row below a heading.
fn first_cells(document: &str, heading: &str) -> Vec<String> {
    let text = read(document);
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    rows.flat_map(code).collect()
}

/// Returns each piece of code in a line.
fn code(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns the log of a request with a value for each field.
fn complete_log() -> RequestLog {
    let text = || Some("x".to_owned());
    RequestLog {
        request_id: String::new(),
        trace_id: String::new(),
        span_id: String::new(),
        parent_id: text(),
        trace_flags: String::new(),
        method: String::new(),
        function: Some("x"),
        route: text(),
        caller: text(),
        action: Some("x"),
        identity: Some(LoggedIdentity::Whole(String::new())),
        scopes: text(),
        minutes: Some(60),
        outcome: "done",
        status: Some(200),
        code: Some("x"),
        cause: text(),
        duration_ms: 1.0,
        tries: Some(1),
        upstream_ms: Some(1.0),
        acs_status: Some(200),
        acs_code: text(),
        acs_request_id: text(),
        ms_cv: text(),
        likely_cause: text(),
        remedy: text(),
        done: "x",
    }
}

#[test]
fn the_table_of_log_fields_lists_every_field() {
    let Value::Object(fields) = serde_json::to_value(complete_log()).unwrap() else { panic!("not an object") };
    let every_line = ["timestamp", "level", "target", "message"].map(str::to_owned);
    let mut expected: Vec<String> = fields.keys().cloned().chain(every_line).collect();
    let mut documented = first_cells("docs/operations.md", "### Fields");
    expected.sort_unstable();
    documented.sort_unstable();
    assert_eq!(documented, expected);
}

#[test]
fn the_table_of_messages_lists_the_success_of_every_function() {
    let documented = first_cells("docs/operations.md", "### Messages");
    for function in &FUNCTIONS {
        assert!(documented.iter().any(|message| message == function.done), "{}: {}", function.name, function.done);
    }
}

#[test]
fn the_files_that_documents_name_exist() {
    let folders = ["src/", "tests/", "crates/", "docs/", "functions/", "fuzz/", "xtask/", ".ci/", ".github/"];
    for document in documents() {
        for (number, line) in read(&document).lines().enumerate() {
            for name in code(line).iter().filter(|name| folders.iter().any(|folder| name.starts_with(folder))) {
                let file = name.split([' ', ':']).next().unwrap();
                assert!(root().join(file).exists(), "{document}, line {}: no file {file}", number + 1);
            }
        }
    }
}

#[test]
fn every_threat_names_tests_that_exist() {
    let text = read("docs/security.md");
    let (_, section) = text.split_once("\n## Threats\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let sources: Vec<String> = every_file().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let rows: Vec<_> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20);
    for row in rows {
        let tests = code(row.split('|').nth(3).unwrap());
        assert!(!tests.is_empty(), "{row}");
        for test in tests {
            let definition = format!("fn {test}(");
            assert!(sources.iter().any(|source| source.contains(&definition)), "{test} does not exist");
        }
    }
}
