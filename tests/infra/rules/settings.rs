//! Rules about the settings of the app, compared with the table of settings.

use std::collections::{BTreeMap, BTreeSet};

use acs_tokens::config::SETTINGS;
use serde_json::{Value, json};

use super::{Rule, fault, parameters::snake_case};
use crate::{
    evaluate::{Known, passed_to_app},
    project::{MAIN, Project},
    syntax::Expr,
};

/// Settings that `handler` reads and the templates do not set, with the reason.
const NOT_SET: &[(&str, &str)] = &[
    ("COMMUNICATION_SERVICES_CONNECTION_STRING", "contains a key; the app uses its identity"),
    ("COMMUNICATION_SERVICES_ACCESSKEY", "is a key; the app uses its identity"),
    ("COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY", "is a key; the app uses its identity"),
    ("AZURE_TENANT_ID", "is for federated credentials; a managed identity has one tenant"),
    ("AZURE_FEDERATED_TOKEN_FILE", "is for Kubernetes"),
    ("IDENTITY_ENDPOINT", "the platform sets it"),
    ("IDENTITY_HEADER", "the platform sets it"),
    ("FUNCTIONS_CUSTOMHANDLER_PORT", "the Functions host sets it"),
    ("LOG_FORMAT", "the alerts and queries of Application Insights read JSON, the default"),
];

/// Settings that `handler` does not read, with the reason why the templates set them.
const FOR_THE_HOST: &[(&str, &str)] = &[
    ("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "the Functions host sends telemetry with the identity"),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", "the Functions host sends telemetry there"),
    ("AzureWebJobsDisableHomepage", "the page of the Functions host has no use"),
    ("AzureWebJobsStorage__accountName", "the Functions host keeps its keys and leases there"),
    ("AzureWebJobsStorage__clientId", "the Functions host uses the identity for it"),
    ("AzureWebJobsStorage__credential", "the Functions host uses the identity for it"),
];

/// Parameters whose value the template changes.
const CONVERTED: [&str; 2] = ["LOG_IDENTITY_IDS", "TOKEN_POLICY"];

pub(crate) const BOTH_WAYS: Rule = Rule {
    name: "settings of the app are those that the handler reads",
    check: |project| {
        let mut findings = Vec::new();
        let given = keys(project, "ifGiven");
        let set: BTreeSet<String> =
            ["always", "forUsers"].into_iter().flat_map(|name| keys(project, name)).chain(given.clone()).collect();
        let read: BTreeSet<&str> = SETTINGS
            .iter()
            .filter(|setting| setting.read_by.contains(&"handler"))
            .map(|setting| setting.name)
            .collect();
        for name in &read {
            match (set.contains(*name), NOT_SET.iter().any(|(other, _)| other == name)) {
                (false, false) => findings.push(format!("{name} is neither set nor listed with a reason")),
                (true, true) => findings.push(format!("{name} is set and listed as not set")),
                _ => {}
            }
        }
        let stale = NOT_SET.iter().filter(|(name, _)| !read.contains(name));
        findings.extend(stale.map(|(name, _)| format!("{name} is listed, but the handler does not read it")));
        let is_known = |name: &str| read.contains(name) || FOR_THE_HOST.iter().any(|(other, _)| *other == name);
        findings.extend(set.iter().filter(|name| !is_known(name)).map(|name| format!("{name} is set for nobody")));
        let idle = FOR_THE_HOST.iter().filter(|(name, _)| !set.contains(*name));
        findings.extend(idle.map(|(name, _)| format!("{name} is not set")));
        for name in &given {
            let has_parameter = project.main().parameters.iter().any(|parameter| snake_case(&parameter.name) == *name);
            let value = project.main().variable("ifGiven").and_then(|settings| settings.get(name));
            let is_plain = matches!(value, Some(Expr::Name(other)) if snake_case(other) == *name);
            if !has_parameter || (value.is_some() && !is_plain && !CONVERTED.contains(&name.as_str())) {
                findings.push(format!("{name} has no parameter of that name"));
            }
        }
        findings
    },
    faults: &[
        fault(MAIN, "  RATE_LIMIT_KEYS: rateLimitKeys\n", "", "RATE_LIMIT_KEYS is neither set"),
        fault(MAIN, "  RUST_LOG: rustLog\n", "  RUST_LOGS: rustLog\n", "RUST_LOGS is set for nobody"),
        fault(MAIN, "  OIDC_CLIENTS: oidcClients\n", "  OIDC_CLIENTS: oidcTenants\n", "OIDC_CLIENTS has no parameter"),
        fault(
            MAIN,
            "  RUST_LOG: rustLog\n",
            "  RUST_LOG: rustLog\n  AZURE_TENANT_ID: rustLog\n",
            "AZURE_TENANT_ID is set and listed",
        ),
        fault(
            MAIN,
            "  AzureWebJobsStorage__credential: 'managedidentity'\n",
            "",
            "AzureWebJobsStorage__credential is not set",
        ),
    ],
};

/// Returns the names that an object, or either branch of a choice, has.
fn keys(project: &Project, variable: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    project.main().variable(variable).iter().for_each(|value| {
        value.visit(&mut |expression| {
            if let Expr::Object(properties) = expression {
                names.extend(properties.iter().map(|property| property.name.clone()));
            }
        });
    });
    names
}

/// Returns a parameter that `main.bicep` passes to the app, or the text of `fail()`.
fn passed(project: &Project, name: &str, parameters: &[(&str, Value)]) -> Result<Value, String> {
    let file = project.main();
    let mut known: Known = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    for module in &file.modules {
        for output in project.module(&module.path).into_iter().flat_map(|file| &file.outputs) {
            let path = format!("{}.outputs.{}", module.symbol, output.name);
            known.insert(path.clone(), json!(format!("/{path}")));
        }
    }
    passed_to_app(file, name, known)
}

pub(crate) const NEVER_EMPTY: Rule = Rule {
    name: "no setting is empty",
    check: |project| {
        let always = keys(project, "always");
        let users: BTreeSet<String> = always.union(&keys(project, "forUsers")).cloned().collect();
        let policy = json!({ "default": { "scopes": ["chat"], "maxMinutes": 60 } });
        let issuers = ("oidcIssuers", json!("https://login.contoso.com/"));
        let with_issuers = users.iter().cloned().chain(["OIDC_ISSUERS".to_owned()]).collect();
        let given = always.iter().cloned().chain(["TOKEN_POLICY", "LOG_IDENTITY_IDS", "RATE_LIMIT"].map(str::to_owned));
        let given: BTreeSet<String> = given.collect();
        let cases = [
            (vec![], always),
            (vec![issuers], with_issuers),
            (vec![("guests", json!(true))], users),
            (vec![("tokenPolicy", policy), ("logIdentityIds", json!(true)), ("rateLimit", json!("60"))], given),
        ];
        let mut findings = Vec::new();
        for (parameters, expected) in cases {
            let settings: BTreeMap<String, Value> = match passed(project, "settings", &parameters) {
                Ok(Value::Object(settings)) => settings.into_iter().collect(),
                other => {
                    findings.push(format!("the settings are {other:?}"));
                    continue;
                }
            };
            let unusable = settings.iter().filter(|(_, value)| value.as_str().is_none_or(str::is_empty));
            findings.extend(unusable.map(|(name, value)| format!("{name} is {value}")));
            if settings.keys().ne(&expected) {
                findings.push(format!("the settings are {:?}", settings.keys()));
            }
        }
        findings
    },
    faults: &[
        fault(MAIN, "setting => !empty(setting.value)", "setting => true", "RATE_LIMIT is \"\""),
        fault(MAIN, "var forUsers = withUsers ?", "var forUsers = !withUsers ?", "the settings are"),
        fault(MAIN, "withUsers = guests || ", "withUsers = ", "the settings are"),
        fault(MAIN, "? 'true' : ''", "? true : ''", "LOG_IDENTITY_IDS is true"),
    ],
};

pub(crate) const ORIGINS: Rule = Rule {
    name: "a malformed origin ends the deployment",
    check: |project| {
        let origins = |text: &str| passed(project, "origins", &[("allowedOrigins", json!(text))]);
        let mut findings = Vec::new();
        let good = [
            ("", json!([])),
            ("https://a.example, http://localhost:3000", json!(["https://a.example", "http://localhost:3000"])),
        ];
        for (text, expected) in good {
            if origins(text).as_ref() != Ok(&expected) {
                findings.push(format!("`{text}` gives {:?}", origins(text)));
            }
        }
        for text in [
            "*",
            "https://*.example",
            "https://a.example/",
            "https://a.example/b",
            "https://A.example",
            "a.example",
            "https://",
        ] {
            let sentence = format!(
                "allowedOrigins: {text}: write each origin as https://www.contoso.com, in lower case, without *, a path or a final slash."
            );
            let all = format!("https://b.example,{text}");
            if origins(&all) != Err(sentence) {
                findings.push(format!("`{text}` gives {:?}", origins(&all)));
            }
        }
        findings
    },
    faults: &[
        fault(MAIN, "contains(origin, '*') || ", "", "`https://*.example` gives"),
        fault(MAIN, "|| origin != toLower(origin)", "", "`https://A.example` gives"),
        fault(MAIN, " || length(split(origin, '/')) != 3", "", "`https://a.example/b` gives"),
        fault(MAIN, "endsWith(origin, '/') || ", "", "`https://` gives"),
        fault(MAIN, "map(split(allowedOrigins, ','), origin => trim(origin))", "split(allowedOrigins, ',')", "gives"),
    ],
};
