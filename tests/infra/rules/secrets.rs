//! Rules about secrets: none in outputs, no keys, and one key of users that is made once.

use super::{Rule, fault};
use crate::{
    file::{File, Resource},
    project::{MAIN, Project},
    syntax::Expr,
};

const APP: &str = "infra/modules/function-app.bicep";
const COMMUNICATION: &str = "infra/modules/communication.bicep";
const MONITORING: &str = "infra/modules/monitoring.bicep";
const STORAGE: &str = "infra/modules/storage.bicep";
const VAULT: &str = "infra/modules/vault.bicep";

pub(crate) const SECRETS: Rule = Rule {
    name: "no secret is read or shown",
    check: |project| {
        let mut findings = Vec::new();
        for file in project.files() {
            for (name, expression) in file.expressions() {
                expression.visit(&mut |expression| match expression {
                    Expr::Call(called, _) if called.contains("list") => {
                        findings.push(format!("{}: {name} calls {called}()", file.path));
                    }
                    _ => {}
                });
            }
            let secure = |name: &str| {
                file.parameters
                    .iter()
                    .any(|parameter| parameter.name == name && parameter.decorator("secure").is_some())
            };
            for output in &file.outputs {
                let mut is_secret = output.kind.contains("secure");
                output.value.iter().for_each(|value| {
                    value.visit(&mut |expression| match expression {
                        Expr::Name(name) => is_secret |= secure(name),
                        Expr::Member(_, name, _) => is_secret |= name == "value",
                        _ => {}
                    });
                });
                if is_secret {
                    findings.push(format!("{}: the output {} shows a secret", file.path, output.name));
                }
            }
        }
        findings
    },
    faults: &[
        fault(STORAGE, "= account.id\n", "= account.listKeys().keys[0].value\n", "calls account.listKeys()"),
        fault(VAULT, "= vault.id\n", "= keyStart\n", "the output id shows a secret"),
        fault(VAULT, "= vault.id\n", "= key.properties.value\n", "the output id shows a secret"),
    ],
};

/// Properties that turn off keys and plain connections.
const SETTLED: [(&str, &str, Option<&str>, Expr); 13] = [
    ("storageAccounts", "properties/allowSharedKeyAccess", None, Expr::Bool(false)),
    ("storageAccounts", "properties/allowBlobPublicAccess", None, Expr::Bool(false)),
    ("storageAccounts", "properties/supportsHttpsTrafficOnly", None, Expr::Bool(true)),
    ("storageAccounts", "properties/minimumTlsVersion", Some("TLS1_2"), Expr::Null),
    ("blobServices/containers", "properties/publicAccess", Some("None"), Expr::Null),
    ("workspaces", "properties/features/disableLocalAuth", None, Expr::Bool(true)),
    ("components", "properties/DisableLocalAuth", None, Expr::Bool(true)),
    ("vaults", "properties/enableRbacAuthorization", None, Expr::Bool(true)),
    ("sites", "properties/httpsOnly", None, Expr::Bool(true)),
    ("sites", "properties/siteConfig/minTlsVersion", Some("1.2"), Expr::Null),
    ("sites", "identity/type", Some("UserAssigned"), Expr::Null),
    ("basicPublishingCredentialsPolicies", "name", Some("ftp"), Expr::Null),
    ("basicPublishingCredentialsPolicies", "properties/allow", None, Expr::Bool(false)),
];

pub(crate) const KEYLESS: Rule = Rule {
    name: "keys are turned off",
    check: |project| {
        let mut findings = Vec::new();
        for (kind, path, text, value) in &SETTLED {
            let resources = resources(project, kind);
            let holds = |resource: &&(&File, &Resource)| match (resource.1.body.path(path), text) {
                (Some(found), Some(text)) => found.literal() == Some(*text),
                (Some(found), None) => found == value,
                (None, _) => false,
            };
            // The policies for FTP and SCM differ in their names.
            let enough = if *path == "name" { 1 } else { resources.len().max(1) };
            if resources.iter().filter(holds).count() < enough {
                findings.push(format!(
                    "{kind}: {path} is not {}",
                    text.map_or_else(|| format!("{value:?}"), str::to_owned)
                ));
            }
        }
        if resources(project, "basicPublishingCredentialsPolicies").len() != 2 {
            findings.push("there is a policy for FTP and one for SCM".to_owned());
        }
        let default = project.main().parameters.iter().find(|parameter| parameter.name == "allowAccessKeys");
        let flag = resources(project, "communicationServices")
            .into_iter()
            .find_map(|(_, r)| r.body.path("properties/disableLocalAuth"));
        let inverted = Expr::Unary("!".to_owned(), Box::new(Expr::Name("allowAccessKeys".to_owned())));
        if flag != Some(&inverted) || default.and_then(|parameter| parameter.value.as_ref()) != Some(&Expr::Bool(false))
        {
            findings.push("disableLocalAuth is not true by default".to_owned());
        }
        findings
    },
    faults: &[
        fault(STORAGE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "allowSharedKeyAccess"),
        fault(STORAGE, "    allowBlobPublicAccess: false\n", "", "allowBlobPublicAccess"),
        fault(STORAGE, "publicAccess: 'None'", "publicAccess: 'Blob'", "publicAccess"),
        fault(MONITORING, "disableLocalAuth: true", "disableLocalAuth: false", "features/disableLocalAuth"),
        fault(MONITORING, "DisableLocalAuth: true", "DisableLocalAuth: false", "DisableLocalAuth"),
        fault(VAULT, "enableRbacAuthorization: true", "enableRbacAuthorization: false", "enableRbacAuthorization"),
        fault(APP, "httpsOnly: true", "httpsOnly: false", "httpsOnly"),
        fault(APP, "minTlsVersion: '1.2'", "minTlsVersion: '1.0'", "minTlsVersion"),
        fault(APP, "'scm', properties: { allow: false }", "'scm', properties: { allow: true }", "properties/allow"),
        fault(APP, "name: 'ftp', properties", "name: 'scm', properties", "name is not ftp"),
        fault(COMMUNICATION, "!allowAccessKeys", "allowAccessKeys", "disableLocalAuth is not true"),
        fault(
            MAIN,
            "param allowAccessKeys bool = false",
            "param allowAccessKeys bool = true",
            "disableLocalAuth is not true",
        ),
    ],
};

/// Returns the resources of a type, given its end, that the templates create.
fn resources<'a>(project: &'a Project, kind: &str) -> Vec<(&'a File, &'a Resource)> {
    let end = format!("/{kind}");
    let all = project.files().flat_map(|file| file.resources.iter().map(move |resource| (file, resource)));
    all.filter(|(_, resource)| resource.kind.ends_with(&end) && !resource.is_existing).collect()
}

/// Names that Flex Consumption refuses or ignores, or that take precedence over better ones. They occur nowhere.
const NEVER_SET: &[&str] = &[
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__blobServiceUri",
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITE_AUTH_ENABLED",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_LOAD_CERTIFICATES",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
    "alwaysOn",
    "endToEndEncryptionEnabled",
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "javaVersion",
    "linuxFxVersion",
    "netFrameworkVersion",
    "nodeVersion",
    "phpVersion",
    "powerShellVersion",
    "preWarmedInstanceCount",
    "pythonVersion",
    "use32BitWorkerProcess",
    "windowsFxVersion",
];

pub(crate) const NEVER: Rule = Rule {
    name: "nothing that Flex Consumption refuses",
    check: |project| {
        let mut findings = Vec::new();
        for file in project.files() {
            for (_, expression) in file.expressions() {
                expression.visit(&mut |expression| {
                    let Expr::Object(properties) = expression else { return };
                    let refused = properties.iter().filter(|property| NEVER_SET.contains(&property.name.as_str()));
                    findings.extend(refused.map(|property| format!("{}: {} is set", file.path, property.name)));
                });
            }
            let host_keys = file.resources.iter().filter(|resource| resource.kind.contains("/host/"));
            findings.extend(host_keys.map(|resource| format!("{}: {} sets a host key", file.path, resource.symbol)));
        }
        findings
    },
    faults: &[
        fault(APP, "minTlsVersion: '1.2',", "minTlsVersion: '1.2', ftpsState: 'Disabled',", "ftpsState is set"),
        fault(MAIN, "AzureWebJobsDisableHomepage: 'true'", "AzureWebJobsStorage: ''", "AzureWebJobsStorage is set"),
        fault(
            MAIN,
            "AzureWebJobsStorage__accountName:",
            "AzureWebJobsStorage__blobServiceUri:",
            "blobServiceUri is set",
        ),
        fault(MAIN, "AzureWebJobsDisableHomepage:", "WEBSITE_AUTH_ENABLED:", "WEBSITE_AUTH_ENABLED is set"),
        fault(APP, "'basicPublishingCredentialsPolicies'", "'host/functionKeys'", "ftp sets a host key"),
    ],
};

pub(crate) const KEY_OF_USERS: Rule = Rule {
    name: "the key of the user directory is made once",
    check: |project| {
        let [(file, key)] = resources(project, "vaults/secrets")[..] else {
            return vec!["there is not one secret".to_owned()];
        };
        let mut findings = Vec::new();
        let mut require = |holds: bool, problem: &str| {
            if !holds {
                findings.push(format!("{}: {problem}", file.path));
            }
        };
        require(key.decorator("onlyIfNotExists") == Some(&[]), "the key has no @onlyIfNotExists()");
        // Bicep before 0.40.2 lost the decorator of a nested resource.
        require(!key.is_nested && key.body.get("parent").is_some(), "the key is not at the top level of its file");
        let Some(Expr::Call(function, arguments)) = key.body.path("properties/value") else {
            return vec!["the key is not the result of base64()".to_owned()];
        };
        let parts = match arguments.as_slice() {
            [Expr::Text(parts)] if function == "base64" => parts.as_slice(),
            _ => &[],
        };
        let is_random = |part: &Expr| match part {
            Expr::Name(name) => file.parameters.iter().any(|parameter| {
                parameter.name == *name
                    && parameter.decorator("secure").is_some()
                    && parameter.value == Some(Expr::Call("newGuid".to_owned(), vec![]))
            }),
            _ => false,
        };
        require(
            parts.len() == 2 && parts[0] != parts[1] && parts.iter().all(is_random),
            "the key is not two new GUIDs",
        );
        let vault = project.main().modules.iter().find(|module| file.path.ends_with(&module.path));
        let is_for_users = |condition: &Expr| *condition == Expr::Name("withUsers".to_owned());
        require(
            vault.and_then(|vault| vault.condition.as_ref()).is_some_and(is_for_users),
            "there is a vault without users",
        );
        let passed = vault.and_then(|vault| vault.body.get("params"));
        require(
            !parts.iter().any(|part| matches!(part, Expr::Name(name) if passed.is_some_and(|p| p.get(name).is_some()))),
            "the key is passed",
        );
        findings
    },
    faults: &[
        fault(VAULT, "@onlyIfNotExists()\n", "", "no @onlyIfNotExists()"),
        fault(VAULT, "  parent: vault\n", "", "not at the top level"),
        fault(VAULT, "${keyStart}${keyEnd}", "${keyStart}${keyStart}", "not two new GUIDs"),
        fault(VAULT, "param keyEnd string = newGuid()", "param keyEnd string = 'a'", "not two new GUIDs"),
        fault(VAULT, "@secure()\n@description('First", "@description('First", "not two new GUIDs"),
        fault(
            MAIN,
            "'modules/vault.bicep' = if (withUsers)",
            "'modules/vault.bicep' = if (assignRoles)",
            "a vault without users",
        ),
        fault(
            MAIN,
            "if (withUsers) {\n  scope: group\n  params: { context",
            "if (withUsers) {\n  scope: group\n  params: { keyEnd: '', context",
            "is passed",
        ),
    ],
};
