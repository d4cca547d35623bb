//! Rules about roles: ids from one table, one resource as the scope, before the app starts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Rule, fault};
use crate::{
    evaluate::{Evaluator, Known, path},
    file::{File, Resource},
    project::MAIN,
    syntax::Expr,
};

const ROLES: &str = "infra/shared/roles.bicep";
const STORAGE: &str = "infra/modules/storage.bicep";
const VAULT: &str = "infra/modules/vault.bicep";
const ACCESS: &str = "infra/modules/communication-access.bicep";

/// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
const BUILT_IN: [(&str, &str); 5] = [
    ("communicationAndEmailServiceOwner", "09976791-48a7-449e-bb21-39d1a415f350"),
    ("keyVaultSecretsUser", "4633458b-17de-408a-b874-0445c86b69e6"),
    ("monitoringMetricsPublisher", "3913510d-42f4-4e42-8a64-420c390055eb"),
    ("storageBlobDataContributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
    ("storageBlobDataOwner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
];

pub(crate) const TABLE: Rule = Rule {
    name: "ids of roles are in one table",
    check: |project| {
        let mut findings = Vec::new();
        let table = project.file(ROLES).variable("roles");
        for (name, id) in BUILT_IN {
            if table.and_then(|table| table.get(name)).and_then(Expr::literal) != Some(id) {
                findings.push(format!("the role {name} is not {id}"));
            }
        }
        for file in project.files().filter(|file| file.path != ROLES) {
            let words = file.source.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let ids = words.filter(|word| word.len() == 36 && word.matches('-').count() == 4);
            findings.extend(ids.map(|id| format!("{}: {id} is not in the table", file.path)));
        }
        findings
    },
    faults: &[
        fault(ROLES, "4633458b", "4633458c", "keyVaultSecretsUser"),
        fault(
            ACCESS,
            "roleDefinitions', roleId)",
            "roleDefinitions', 'b24988ac-6180-42a0-ab88-20f7382dd24c')",
            "is not in the table",
        ),
    ],
};

/// Every assignment: file, scope, principal, role.
const ASSIGNED: [(&str, &str, &str, &str); 5] = [
    (ACCESS, "communication", "context.principalId", "roleId"),
    ("infra/modules/monitoring.bicep", "insights", "context.principalId", "roles.monitoringMetricsPublisher"),
    (STORAGE, "account", "context.principalId", "roles.storageBlobDataOwner"),
    (STORAGE, "account::blobs::users", "operatorId", "roles.storageBlobDataContributor"),
    (VAULT, "vault", "context.principalId", "roles.keyVaultSecretsUser"),
];

pub(crate) const ASSIGNMENTS: Rule = Rule {
    name: "roles are assigned at one resource",
    check: |project| {
        let mut findings = Vec::new();
        let mut expected: BTreeSet<_> = ASSIGNED.map(|(a, b, c, d)| [a, b, c, d].map(str::to_owned)).into();
        for file in project.files() {
            for resource in file.resources.iter().filter(|resource| resource.kind.ends_with("/roleAssignments")) {
                match assignment(file, resource) {
                    Ok(found) if expected.remove(&found) => {}
                    Ok(found) => findings.push(format!("unexpected: {}", found.join(" "))),
                    Err(problem) => findings.push(format!("{}: {}: {problem}", file.path, resource.symbol)),
                }
            }
        }
        findings.extend(expected.into_iter().map(|missing| format!("missing: {}", missing.join(" "))));
        findings
    },
    faults: &[
        fault(STORAGE, "  scope: account::blobs::users\n", "  scope: account\n", "is not guid(scope, principal, role)"),
        fault(ACCESS, "  scope: communication\n", "", "has no resource as its scope"),
        fault(ACCESS, "  scope: communication\n", "  scope: resourceGroup()\n", "has no resource as its scope"),
        fault(VAULT, "principalType: 'ServicePrincipal', ", "", "has no principalType"),
        fault(VAULT, "guid(vault.id, context", "guid('a', context", "is not guid(scope, principal, role)"),
        fault(VAULT, " = if (context.assignRoles)", " =", "ignores assignRoles"),
        fault(
            STORAGE,
            "', roles.storageBlobDataOwner)",
            "', roles.storageBlobDataContributor)",
            "is not guid(scope, principal, role)",
        ),
        fault(
            VAULT,
            "roles.keyVaultSecretsUser)\n  properties",
            "roles.storageBlobDataOwner)\n  properties",
            "is not guid",
        ),
    ],
};

/// Returns the place, the scope, the principal and the role of an assignment.
fn assignment(file: &File, resource: &Resource) -> Result<[String; 4], &'static str> {
    let scope = resource.body.get("scope").map(path).unwrap_or_default();
    let symbol = scope.rsplit("::").next().unwrap_or_default();
    if !file.resources.iter().any(|resource| resource.symbol == symbol) {
        return Err("has no resource as its scope");
    }
    let property = |name: &str| resource.body.path(&format!("properties/{name}"));
    let principal = property("principalId").map(path).unwrap_or_default();
    let kind = property("principalType");
    if kind.and_then(Expr::literal) != Some("ServicePrincipal") && kind.map(path).as_deref() != Some("operatorType") {
        return Err("has no principalType");
    }
    let definition = property("roleDefinitionId").map(path).and_then(|name| file.variable(&name));
    let role = match definition {
        Some(Expr::Call(name, arguments)) if name == "subscriptionResourceId" => path(&arguments[1]),
        _ => return Err("has no role"),
    };
    let parts = match resource.body.get("name") {
        Some(Expr::Call(name, arguments)) if name == "guid" => arguments.iter().map(path).collect(),
        _ => Vec::new(),
    };
    if parts != [format!("{scope}.id"), principal.clone(), role.clone()] {
        return Err("is not guid(scope, principal, role)");
    }
    let mut is_optional = false;
    resource
        .condition
        .iter()
        .for_each(|condition| condition.visit(&mut |e| is_optional |= path(e) == "context.assignRoles"));
    if is_optional { Ok([file.path.clone(), scope, principal, role]) } else { Err("ignores assignRoles") }
}

pub(crate) const COMMANDS: Rule = Rule {
    name: "commands replace the assignments",
    check: |project| {
        let commands = |assign: bool| {
            let file = project.main();
            let known = [
                ("assignRoles", json!(assign)),
                ("oidcIssuers", json!("https://a")),
                ("operatorId", json!("OPERATOR")),
            ];
            let outputs = [
                ("existingCommunicationServicesId", "ACS"),
                ("identity.outputs.principalId", "PRINCIPAL"),
                ("monitoring.outputs.insightsId", "INSIGHTS"),
                ("storage.outputs.id", "ACCOUNT"),
                ("storage.outputs.usersId", "USERS"),
                ("vault.outputs.id", "VAULT"),
            ];
            let mut known: Known = known.map(|(name, value)| (name.to_owned(), value)).into();
            known.extend(outputs.map(|(name, value)| (name.to_owned(), json!(value))));
            known.extend(BUILT_IN.map(|(name, id)| (format!("roles.{name}"), json!(id))));
            let output = file.outputs.iter().find(|output| output.name == "ROLE_ASSIGNMENT_COMMANDS");
            output.and_then(|output| Evaluator { file, known }.value(output.value.as_ref()?).ok()).unwrap_or_default()
        };
        let line = |principal: &str, kind: &str, (_, role): (&str, &str), scope: &str| {
            json!(format!(
                "az role assignment create --assignee-object-id {principal} --assignee-principal-type {kind} \
                 --role {role} --scope {scope}"
            ))
        };
        let [acs, vault, metrics, contributor, owner] = BUILT_IN;
        let expected = Value::Array(vec![
            line("PRINCIPAL", "ServicePrincipal", acs, "ACS"),
            line("PRINCIPAL", "ServicePrincipal", metrics, "INSIGHTS"),
            line("PRINCIPAL", "ServicePrincipal", owner, "ACCOUNT"),
            line("PRINCIPAL", "ServicePrincipal", vault, "VAULT"),
            line("OPERATOR", "User", contributor, "USERS"),
        ]);
        let found = [commands(false), commands(true)];
        if found == [expected, json!([])] { Vec::new() } else { vec![format!("the commands are {found:?}")] }
    },
    faults: &[
        fault(MAIN, "role: roles.keyVaultSecretsUser", "role: roles.storageBlobDataOwner", "the commands are"),
        fault(MAIN, "--role ${r.role}", "", "the commands are"),
        fault(MAIN, "string[] = assignRoles\n", "string[] = !assignRoles\n", "the commands are"),
    ],
};

pub(crate) const ORDER: Rule = Rule {
    name: "roles are assigned before the app starts",
    check: |project| {
        let main = project.main();
        let app = main.modules.iter().find(|module| module.symbol == "app");
        let mut reached = BTreeSet::new();
        if let Some(app) = app {
            reach(main, &app.body, &mut reached);
        }
        let assigns = |path: &str| project.module(path).is_some_and(|file| file.source.contains("/roleAssignments@"));
        let missed = main.modules.iter().filter(|module| assigns(&module.path) && !reached.contains(&module.symbol));
        missed.map(|module| format!("the app does not wait for {}", module.symbol)).collect()
    },
    faults: &[
        fault(MAIN, "access.outputs.endpoint\n}", "'https://a'\n}", "does not wait for access"),
        fault(MAIN, "vault!.outputs.keyReference", "'a'", "does not wait for vault"),
        fault(MAIN, "monitoring.outputs.connectionString", "'a'", "does not wait for monitoring"),
    ],
};

/// Collects the modules whose outputs an expression needs, also by variables.
fn reach(file: &File, expression: &Expr, reached: &mut BTreeSet<String>) {
    expression.visit(&mut |expression| match expression {
        Expr::Member(object, name, _) if name == "outputs" => drop(reached.insert(path(object))),
        Expr::Name(name) => {
            if let Some(value) = file.variable(name) {
                reach(file, value, reached);
            }
        }
        _ => {}
    });
}
