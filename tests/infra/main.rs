//! Checks the templates in `infra/` without Azure and without the Bicep compiler.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking; clippy.toml lets only #[test] functions do so")]

mod evaluate;
mod file;
mod powershell;
mod project;
mod rules;
mod syntax;

use project::Project;
use rules::RULES;

#[test]
fn templates_satisfy_every_rule() {
    let project = Project::read();
    let findings =
        RULES.iter().flat_map(|rule| (rule.check)(&project).into_iter().map(|text| format!("{}: {text}", rule.name)));
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_rule_catches_its_planted_faults() {
    let project = Project::read();
    let mut missed = Vec::new();
    for rule in RULES {
        assert!(!rule.faults.is_empty(), "{} has no planted fault", rule.name);
        let before = (rule.check)(&project);
        for fault in rule.faults {
            let findings = (rule.check)(&project.with(fault));
            if !findings.iter().any(|finding| finding.contains(fault.finding) && !before.contains(finding)) {
                missed.push(format!("{}: {} instead of {}: {findings:?}", rule.name, fault.to, fault.from));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn names_of_rules_are_unique() {
    let names: std::collections::BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
}
