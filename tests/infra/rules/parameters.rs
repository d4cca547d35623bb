//! Rules about the parameters and the outputs of the deployment.

use std::collections::BTreeSet;

use super::{Rule, fault};
use crate::{
    project::{MAIN, Project},
    syntax::Expr,
};

const PARAMETERS: &str = "infra/main.parameters.json";

/// The geographies of Communication Services.
///
/// <https://learn.microsoft.com/azure/communication-services/concepts/privacy>
const DATA_LOCATIONS: [&str; 16] = [
    "Africa",
    "Asia Pacific",
    "Australia",
    "Brazil",
    "Canada",
    "Europe",
    "France",
    "Germany",
    "India",
    "Japan",
    "Korea",
    "Norway",
    "Switzerland",
    "UAE",
    "UK",
    "United States",
];

pub(crate) const FILE: Rule = Rule {
    name: "the parameters file agrees with the template",
    check: |project| {
        let mut findings = Vec::new();
        let file = project.json(PARAMETERS);
        let empty = serde_json::Map::new();
        let values = file["parameters"].as_object().unwrap_or(&empty);
        let main = project.main();
        for parameter in &main.parameters {
            let expected = format!("${{{}}}", variable(&parameter.name));
            match values.get(&parameter.name).map(|value| &value["value"]) {
                None => findings.push(format!("{} is missing", parameter.name)),
                Some(value) if *value != expected.as_str() => {
                    findings.push(format!("{} is not {expected}", parameter.name));
                }
                Some(_) => {}
            }
            // azd stores outputs in its environment, and would pass them to the next deployment.
            if main.outputs.iter().any(|output| output.name == variable(&parameter.name)) {
                findings.push(format!("{} takes the value of an output", parameter.name));
            }
        }
        let is_known = |name: &str| main.parameters.iter().any(|parameter| parameter.name == name);
        findings.extend(values.keys().filter(|name| !is_known(name)).map(|name| format!("{name} is not a parameter")));
        findings.extend(required(project));
        findings
    },
    faults: &[
        fault(PARAMETERS, "    \"oidcTenants\": { \"value\": \"${OIDC_TENANTS}\" },\n", "", "oidcTenants is missing"),
        fault(PARAMETERS, "${RATE_LIMIT}", "${RATE_LIMITS}", "rateLimit is not ${RATE_LIMIT}"),
        fault(PARAMETERS, "\"rustLog\"", "\"rustLogs\"", "rustLogs is not a parameter"),
        fault(MAIN, "output HANDLER_CLIENT_ID", "output OPERATOR_ID", "operatorId takes the value of an output"),
        fault(MAIN, "param dataLocation string", "param dataLocation string = 'Europe'", "the required parameters are"),
        fault(MAIN, "'Africa', ", "", "the data locations are"),
        fault(MAIN, "@metadata({ azd: { type: 'location' } })\n", "", "azd does not know that location is a region"),
    ],
};

/// Returns the variable of azd that sets a parameter.
fn variable(parameter: &str) -> String {
    match parameter {
        "environmentName" => "AZURE_ENV_NAME".to_owned(),
        "location" => "AZURE_LOCATION".to_owned(),
        _ => snake_case(parameter),
    }
}

/// Returns the name of the setting for a parameter: `RATE_LIMIT` for `rateLimit`.
pub(crate) fn snake_case(parameter: &str) -> String {
    let mut name = String::new();
    let mut follows_lower = false;
    for c in parameter.chars() {
        if c.is_uppercase() && follows_lower {
            name.push('_');
        }
        follows_lower = !c.is_uppercase();
        name.extend(c.to_uppercase());
    }
    name
}

/// Checks the parameters that have no default. azd asks for them.
fn required(project: &Project) -> Vec<String> {
    let mut findings = Vec::new();
    let parameters = &project.main().parameters;
    let required =
        parameters.iter().filter(|parameter| parameter.value.is_none()).map(|parameter| parameter.name.as_str());
    let required: Vec<&str> = required.collect();
    if required != ["environmentName", "location", "dataLocation"] {
        findings.push(format!("the required parameters are {required:?}"));
    }
    let decorator =
        |name: &str, decorator: &str| parameters.iter().find(|parameter| parameter.name == name)?.decorator(decorator);
    let locations = match decorator("dataLocation", "allowed") {
        Some([Expr::Array(items)]) => items.iter().filter_map(Expr::literal).collect(),
        _ => Vec::new(),
    };
    if locations != DATA_LOCATIONS {
        findings.push(format!("the data locations are {locations:?}"));
    }
    let kind = decorator("location", "metadata").and_then(|arguments| arguments.first()?.path("azd/type")?.literal());
    if kind != Some("location") {
        findings.push("azd does not know that location is a region".to_owned());
    }
    findings
}

/// The outputs. azure.yaml, its hooks and the documents use them.
const NAMES: [&str; 10] = [
    "AZURE_RESOURCE_GROUP",
    "AZURE_FUNCTION_NAME",
    "SERVICE_API_URI",
    "COMMUNICATION_SERVICES_ENDPOINT",
    "COMMUNICATION_SERVICES_ID",
    "HANDLER_CLIENT_ID",
    "USER_DIRECTORY",
    "FUNCTION_KEY_COMMAND",
    "QUICKSTART_COMMAND",
    "ROLE_ASSIGNMENT_COMMANDS",
];

pub(crate) const OUTPUTS: Rule = Rule {
    name: "outputs are those that are used",
    check: |project| {
        let mut findings = Vec::new();
        let names: Vec<&str> = project.main().outputs.iter().map(|output| output.name.as_str()).collect();
        if names != NAMES {
            findings.push(format!("the outputs are {names:?}"));
        }
        let used: BTreeSet<&str> = variables(project.document("azure.yaml"));
        let unknown = used.iter().filter(|name| !names.contains(name));
        findings.extend(unknown.map(|name| format!("azure.yaml uses {name}, which is not an output")));
        let documents = ["azure.yaml", "docs/deployment.md", "docs/aws.md"].map(|path| project.document(path)).concat();
        let unused = names.iter().filter(|name| !documents.contains(**name));
        findings.extend(unused.map(|name| format!("neither azure.yaml nor the documents use {name}")));
        findings
    },
    faults: &[
        fault(MAIN, "output HANDLER_CLIENT_ID", "output AZURE_CLIENT_ID", "the outputs are"),
        fault(
            "docs/aws.md",
            "HANDLER_CLIENT_ID",
            "CLIENT_ID",
            "neither azure.yaml nor the documents use HANDLER_CLIENT_ID",
        ),
        fault(
            "azure.yaml",
            "${AZURE_FUNCTION_NAME}",
            "${AZURE_FUNCTIONS_NAME}",
            "azure.yaml uses AZURE_FUNCTIONS_NAME",
        ),
    ],
};

/// Returns the names in `${…}`.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}
