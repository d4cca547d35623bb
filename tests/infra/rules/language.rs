//! Rules about the language: syntax, names, descriptions, size, linter.

use std::collections::BTreeSet;

use super::{Rule, fault};
use crate::{
    file::{Declaration, File},
    project::{MAIN, Project},
    syntax::Expr,
};

const VAULT: &str = "infra/modules/vault.bicep";
const MAX_LINES: usize = 700;

pub(crate) const SYNTAX: Rule = Rule {
    name: "syntax",
    check: |project| {
        let faults =
            |file: &File| file.faults.iter().map(|fault| format!("{}: {fault}", file.path)).collect::<Vec<_>>();
        project.files().flat_map(faults).collect()
    },
    faults: &[
        fault(VAULT, "  parent: vault\n", "  parent: = vault\n", "vault.bicep: line"),
        fault(VAULT, "sku: { family: 'A', name", "sku: { family: 'A' name", "two properties on one line"),
    ],
};

pub(crate) const NAMES: Rule = Rule {
    name: "names are declared",
    check: undeclared_names,
    faults: &[
        fault(VAULT, "  parent: vault\n", "  parent: vaults\n", "vaults is not declared"),
        fault(MAIN, "empty(badOrigins)", "empty(badOrigin)", "badOrigin is not declared"),
        fault(MAIN, "= uniqueString(", "= uniqString(", "uniqString() is not a function"),
    ],
};

fn undeclared_names(project: &Project) -> Vec<String> {
    let mut findings = Vec::new();
    for file in project.files() {
        let declared = [&file.parameters, &file.variables].into_iter().flatten().map(|item| item.name.as_str());
        let symbols = file.resources.iter().map(|item| item.symbol.as_str());
        let symbols = symbols.chain(file.modules.iter().map(|item| item.symbol.as_str()));
        let mut names: BTreeSet<&str> =
            declared.chain(symbols).chain(file.imports.iter().map(String::as_str)).collect();
        let mut calls = BTreeSet::new();
        let mut used = BTreeSet::new();
        for (_, expression) in file.expressions() {
            expression.visit(&mut |expression| match expression {
                Expr::Name(name) => drop(used.insert(name.as_str())),
                Expr::Lambda(name, _) | Expr::For(name, ..) => drop(names.insert(name.as_str())),
                Expr::Call(name, _) => drop(calls.insert(name.as_str())),
                _ => {}
            });
        }
        findings.extend(used.difference(&names).map(|name| format!("{}: {name} is not declared", file.path)));
        let unknown = calls.into_iter().filter(|name| !FUNCTIONS.contains(name));
        findings
            .extend(unknown.map(|name| format!("{}: {name}() is not a function that the templates use", file.path)));
    }
    findings
}

/// The functions of Bicep that the templates use.
const FUNCTIONS: &[&str] = &[
    "base64",
    "concat",
    "contains",
    "empty",
    "endsWith",
    "environment",
    "fail",
    "filter",
    "guid",
    "items",
    "join",
    "last",
    "length",
    "map",
    "newGuid",
    "resourceGroup",
    "split",
    "string",
    "subscription",
    "subscriptionResourceId",
    "toLower",
    "toObject",
    "trim",
    "union",
    "uniqueString",
];

pub(crate) const DESCRIPTIONS: Rule = Rule {
    name: "parameters and outputs have descriptions",
    check: |project| {
        let mut findings = Vec::new();
        for file in project.files() {
            let is_described = |item: &&Declaration| match item.decorator("description") {
                Some([text]) => text.literal().is_some_and(|text| !text.is_empty()),
                _ => false,
            };
            let items = file.parameters.iter().chain(&file.outputs).filter(|item| !is_described(item));
            findings.extend(items.map(|item| format!("{}: {} has no description", file.path, item.name)));
        }
        findings
    },
    faults: &[
        fault(MAIN, "@description('OIDC_TENANTS')\n", "", "oidcTenants has no description"),
        fault(MAIN, "@description('Name of the function app.')", "@description('')", "AZURE_FUNCTION_NAME"),
    ],
};

pub(crate) const SIZE: Rule = Rule {
    name: "size",
    check: |project| {
        let lines: usize = project.files().map(|file| file.source.lines().count()).sum();
        if lines > MAX_LINES { vec![format!("{lines} lines of Bicep")] } else { Vec::new() }
    },
    faults: &[fault(MAIN, "\n\n", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", "lines of Bicep")],
};

pub(crate) const LINTER: Rule = Rule {
    name: "the rules of the linter are errors",
    check: |project| {
        let config = project.json("infra/bicepconfig.json");
        let rules = config["analyzers"]["core"]["rules"].as_object().cloned().unwrap_or_default();
        let missing =
            ESSENTIAL.iter().filter(|name| !rules.contains_key(**name)).map(|name| format!("{name} is missing"));
        let lax =
            rules.iter().filter(|(_, rule)| rule["level"] != "error").map(|(name, _)| format!("{name} is no error"));
        missing.chain(lax).collect()
    },
    faults: &[
        fault(
            "infra/bicepconfig.json",
            "\"no-unused-params\": { \"level\": \"error\" },",
            "",
            "no-unused-params is missing",
        ),
        fault(
            "infra/bicepconfig.json",
            "\"max-params\": { \"level\": \"error\" }",
            "\"max-params\": { \"level\": \"off\" }",
            "max-params",
        ),
    ],
};

/// The rules without which a fault would be deployed.
const ESSENTIAL: [&str; 6] = [
    "no-unused-params",
    "no-unused-vars",
    "outputs-should-not-contain-secrets",
    "secure-parameter-default",
    "secure-secrets-in-params",
    "use-resource-symbol-reference",
];
