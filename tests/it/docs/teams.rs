//! Statements of docs/teams.md and docs/retirement.md: problem codes and policies.

use acs_tokens::{access::policy::Policy, problem::Kind};

use super::read;

#[test]
fn refusals_name_problems_with_their_status() {
    let text = read("docs/teams.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1)?.split_once(" `"));
    let refusals = rows.filter_map(|(status, rest)| Some((status.parse::<u16>().ok()?, rest.split_once('`')?.0)));
    let refusals: Vec<_> = refusals.collect();
    for (status, code) in &refusals {
        let parts = Kind::ALL.iter().map(|kind| kind.parts()).find(|parts| parts.code == *code);
        assert_eq!(parts.map(|parts| parts.status.as_u16()), Some(*status), "{code}");
    }
    assert!(refusals.len() > 15, "{refusals:?}");
}

#[test]
fn policies_are_valid() {
    let mut count = 0;
    for document in ["docs/teams.md", "docs/retirement.md"] {
        for rest in read(document).split("TOKEN_POLICY='").skip(1) {
            rest.split_once('\'').unwrap().0.parse::<Policy>().unwrap_or_else(|error| panic!("{document}: {error}"));
            count += 1;
        }
    }
    assert_eq!(count, 2);
}
