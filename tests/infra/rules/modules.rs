//! Rules about modules and the names of resources.

use std::collections::BTreeSet;

use super::{Rule, fault};
use crate::{evaluate::path, project::MAIN, syntax::Expr};

const APP: &str = "infra/modules/function-app.bicep";
const MONITORING: &str = "infra/modules/monitoring.bicep";
const STORAGE: &str = "infra/modules/storage.bicep";

pub(crate) const PARAMETERS: Rule = Rule {
    name: "modules get the parameters that they declare",
    check: |project| {
        let mut findings = Vec::new();
        let mut unused: BTreeSet<&str> =
            project.files().map(|file| file.path.as_str()).filter(|path| path.contains("/modules/")).collect();
        for module in &project.main().modules {
            let Some(file) = project.module(&module.path) else {
                findings.push(format!("{} does not exist", module.path));
                continue;
            };
            unused.remove(file.path.as_str());
            let Some(Expr::Object(passed)) = module.body.get("params") else { continue };
            let passed: BTreeSet<&str> = passed.iter().map(|property| property.name.as_str()).collect();
            let declared: BTreeSet<&str> = file.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            let required = file.parameters.iter().filter(|parameter| parameter.value.is_none());
            let required: BTreeSet<&str> = required.map(|parameter| parameter.name.as_str()).collect();
            let place = &module.symbol;
            findings.extend(passed.difference(&declared).map(|name| format!("{place}: {name} is not a parameter")));
            findings.extend(required.difference(&passed).map(|name| format!("{place}: {name} is missing")));
        }
        findings.extend(unused.into_iter().map(|path| format!("{path} is not used")));
        findings
    },
    faults: &[
        fault(MAIN, "    identityId: identity.outputs.id\n", "", "app: identityId is missing"),
        fault(STORAGE, "param withUsers bool", "param hasUsers bool", "storage: withUsers is not a parameter"),
        fault(MAIN, "'modules/vault.bicep'", "'modules/vaults.bicep'", "modules/vaults.bicep does not exist"),
    ],
};

pub(crate) const OUTPUTS: Rule = Rule {
    name: "outputs of modules exist",
    check: |project| {
        let mut findings = Vec::new();
        let main = project.main();
        for (_, expression) in main.expressions() {
            expression.visit(&mut |expression| {
                let Expr::Member(outputs, name, _) = expression else { return };
                let Expr::Member(object, word, is_asserted) = &**outputs else { return };
                let Some(module) =
                    main.modules.iter().find(|module| word == "outputs" && module.symbol == path(object))
                else {
                    return;
                };
                let exists =
                    |name: &str| project.module(&module.path)?.outputs.iter().find(|output| output.name == name);
                if exists(name).is_none() {
                    findings.push(format!("{} has no output {name}", module.symbol));
                }
                if module.condition.is_some() && !is_asserted {
                    findings.push(format!("{}.outputs.{name} ignores that the module has a condition", module.symbol));
                }
            });
        }
        findings
    },
    faults: &[
        fault(STORAGE, "output usersUrl", "output directoryUrl", "storage has no output usersUrl"),
        fault(MAIN, "vault!.outputs.id", "vault.outputs.id", "vault.outputs.id ignores"),
    ],
};

pub(crate) const RESOURCE_NAMES: Rule = Rule {
    name: "names of resources are unique",
    check: |project| {
        let mut findings = Vec::new();
        let mut names = BTreeSet::new();
        let own = project.main().source.matches("name: 'id-${token}'").count();
        for resource in project.files().flat_map(|file| &file.resources).filter(|resource| !resource.is_existing) {
            let Some(Expr::Text(parts)) = resource.body.get("name") else { continue };
            let name: String = parts.iter().map(written).collect();
            let is_app = resource.kind == "Microsoft.Web/sites";
            if is_app != name.starts_with("func-") {
                findings.push(format!("{} has the name {name}", resource.symbol));
            }
            if name.contains("context.token") && !names.insert(name) {
                findings.push(format!("{} has the name of another resource", resource.symbol));
            }
        }
        if own != 1 || names.iter().any(|name| name.starts_with("id-") || name.starts_with("acs-")) {
            findings.push("the identity has the name of another resource".to_owned());
        }
        findings
    },
    faults: &[
        fault(APP, "'plan-${context.token}'", "'func-${context.token}'", "plan has the name func-"),
        fault(MONITORING, "'appi-${context.token}'", "'log-${context.token}'", "has the name of another resource"),
        fault(APP, "'func-${context.token}'", "'acs-tokens-${context.token}'", "app has the name acs-tokens-"),
    ],
};

/// Returns a part of a text as it is written.
fn written(part: &Expr) -> String {
    match part {
        Expr::Literal(text) => text.clone(),
        other => format!("${{{}}}", path(other)),
    }
}
