//! The rules. Each has planted faults that it must find.

mod alerts;
mod language;
mod modules;
mod parameters;
mod roles;
mod secrets;
mod settings;
mod types;

use crate::project::Project;

/// A rule: a function that returns what is wrong.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) check: fn(&Project) -> Vec<String>,
    pub(crate) faults: &'static [Fault],
}

/// A change of a file that makes it wrong.
pub(crate) struct Fault {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    /// A part of the finding.
    pub(crate) finding: &'static str,
}

const fn fault(file: &'static str, from: &'static str, to: &'static str, finding: &'static str) -> Fault {
    Fault { file, from, to, finding }
}

/// Every rule.
pub(crate) const RULES: &[Rule] = &[
    language::SYNTAX,
    language::NAMES,
    language::DESCRIPTIONS,
    language::SIZE,
    language::LINTER,
    types::VERSIONS,
    types::PROPERTIES,
    secrets::SECRETS,
    secrets::KEYLESS,
    secrets::NEVER,
    secrets::KEY_OF_USERS,
    roles::TABLE,
    roles::ASSIGNMENTS,
    roles::COMMANDS,
    roles::ORDER,
    modules::PARAMETERS,
    modules::OUTPUTS,
    modules::RESOURCE_NAMES,
    parameters::FILE,
    parameters::OUTPUTS,
    settings::BOTH_WAYS,
    settings::NEVER_EMPTY,
    settings::ORIGINS,
    alerts::CONDITION,
    alerts::QUERIES,
];
