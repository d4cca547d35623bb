//! The template for AWS: its settings, its permissions, and what stays when a stack is deleted.
//!
//! `tests/it/lambda/template.rs` starts `bootstrap` with these settings, and `tests/aws/run` checks the shapes of the resources.

pub(crate) mod stack;

use std::collections::{BTreeMap, BTreeSet};

use acs_tokens::config::SETTINGS;
use serde_json::{Value, json};

use crate::docs::{costs, read};
use stack::{Stack, template};

/// The parameters that have no default.
pub(crate) const REQUIRED: [(&str, &str); 3] = [
    ("CommunicationServicesEndpoint", "https://contoso.europe.communication.azure.com"),
    ("AzureTenantId", "e27a0000-0000-4000-8000-e27a00000000"),
    ("AzureClientId", "c11e0000-0000-4000-8000-c11e00000000"),
];
const USERS: [(&str, &str); 2] = [("OidcIssuers", "https://issuer.example"), ("OidcAudiences", "app")];

fn stack(more: &[(&str, &str)]) -> Stack {
    Stack::new(&[&REQUIRED[..], more].concat())
}

/// Returns the settings that docs/aws.md says the template leaves unset.
fn left_unset() -> BTreeSet<String> {
    let text = read("docs/aws.md");
    let (_, section) = text.split_once("\n| setting that the template leaves unset | reason |\n").unwrap();
    let rows = section.lines().take_while(|line| line.starts_with('|')).skip(1);
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        assert!(cells[2].trim().len() > 10, "{row}: no reason");
        cells[1].split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn each_setting_of_bootstrap_is_set_or_listed_with_a_reason() {
    let read_by_bootstrap = SETTINGS.iter().filter(|setting| setting.read_by.contains(&"bootstrap"));
    let read_by_bootstrap: BTreeSet<String> = read_by_bootstrap.map(|setting| setting.name.to_owned()).collect();
    let set: BTreeSet<String> = variables().into_keys().collect();
    let unset = left_unset();
    assert_eq!(set.intersection(&unset).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(set.union(&unset).cloned().collect::<BTreeSet<_>>(), read_by_bootstrap);
}

/// Returns the environment variables of the function as the template has them.
fn variables() -> BTreeMap<String, Value> {
    let variables = &template()["Resources"]["Function"]["Properties"]["Environment"]["Variables"];
    serde_json::from_value(variables.clone()).unwrap()
}

#[test]
fn parameters_are_named_like_the_settings_that_they_become() {
    let camel = |setting: &str| {
        let words = setting.split('_').map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase()));
        words.collect::<String>()
    };
    let variables = variables();
    let parameters = variables.iter().filter_map(|(name, value)| Some((name, value["Ref"].as_str()?)));
    let parameters: Vec<_> = parameters.collect();
    assert!(parameters.len() > 15);
    for (setting, parameter) in parameters {
        assert_eq!(camel(setting), parameter);
    }
}

#[test]
fn every_combination_of_options_refers_to_what_exists() {
    let alarms = [("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:operators")];
    let key = [("CallerKey", "true")];
    let both_keys = [("CallerKey", "true"), ("AcceptPreviousCallerKey", "true"), ("ReservedConcurrency", "5")];
    for users in [&[][..], &USERS, &[("Guests", "true")]] {
        for keys in [&[][..], &key, &both_keys] {
            for alarms in [&[][..], &alarms] {
                let stack = stack(&[users, keys, alarms].concat());
                let resources = stack.section("Resources");
                let has = |name: &str| resources.contains_key(name);
                assert_eq!((has("DirectoryBucket"), has("DirectoryKeySecret")), (!users.is_empty(), !users.is_empty()));
                assert_eq!(has("CallerKeySecret"), users != USERS || !keys.is_empty());
                let of_type = |kind: &str| resources.values().filter(|resource| resource["Type"] == kind).count();
                assert_eq!(of_type("AWS::CloudWatch::Alarm"), if alarms.is_empty() { 0 } else { 5 });
                assert_eq!(stack.section("Outputs").contains_key("CallerKeyCommand"), has("CallerKeySecret"));
                // No caller is authenticated without one of the two.
                let environment: BTreeMap<_, _> = stack.environment(str::to_owned).into_iter().collect();
                assert!(environment.contains_key("CALLER_KEYS") || !environment["OIDC_ISSUERS"].is_empty());
                assert!(stack.is_accepted());
            }
        }
    }
}

#[test]
fn a_parameter_for_users_needs_an_issuer() {
    for name in ["OidcAudiences", "OidcTenants", "OidcClients", "OidcRequiredScope", "OidcRolesClaim", "OidcManageRole"]
    {
        assert!(!stack(&[(name, "x")]).is_accepted(), "{name}");
        assert!(stack(&[(name, "x"), USERS[0]]).is_accepted(), "{name}");
    }
}

#[test]
fn the_function_its_logs_and_the_limits_are_as_documented() {
    let with_all = [("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:operators"), USERS[0], USERS[1]];
    let resources = stack(&with_all).section("Resources");
    let mut function = resources["Function"]["Properties"].clone();
    for left in ["Description", "Environment", "Role"] {
        assert!(function.as_object_mut().unwrap().remove(left).is_some());
    }
    // No VpcConfig, TracingConfig, DeadLetterConfig or ReservedConcurrentExecutions.
    let expected = json!({
        "Runtime": "provided.al2023",
        "Architectures": ["arm64"],
        "Handler": "bootstrap",
        "Code": "../../target/bootstrap.zip",
        "MemorySize": 128,
        "Timeout": 28,
        "LoggingConfig": {
            "LogGroup": "LogGroup", "LogFormat": "JSON", "ApplicationLogLevel": "TRACE", "SystemLogLevel": "WARN",
        },
    });
    assert_eq!(function, expected);
    let limits = json!({ "ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100 });
    assert_eq!(resources["Stage"]["Properties"]["DefaultRouteSettings"], limits);
    for group in ["LogGroup", "AccessLogGroup"] {
        assert_eq!(resources[group]["Properties"]["RetentionInDays"], "30");
    }
    for alarm in resources.values().filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["Properties"]["AlarmActions"], json!([with_all[0].1]));
    }
}

/// Returns the actions that the role allows, and where.
fn permissions(stack: &Stack) -> Vec<(String, String)> {
    let role = &stack.section("Resources")["Role"]["Properties"];
    assert!(role["ManagedPolicyArns"].is_null());
    let [policy] = &role["Policies"].as_array().unwrap()[..] else { panic!("more than one policy") };
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        let resource = statement["Resource"].as_str().unwrap();
        let actions = statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]);
        actions.into_iter().map(|action| (action.as_str().unwrap().to_owned(), resource.to_owned())).collect::<Vec<_>>()
    });
    actions.collect()
}

#[test]
fn the_role_may_write_its_log_prove_itself_and_keep_user_records() {
    let logs_and_token = [
        ("logs:CreateLogStream", "LogGroup.Arn"),
        ("logs:PutLogEvents", "LogGroup.Arn"),
        ("sts:GetWebIdentityToken", "*"),
    ];
    let records = [
        ("s3:GetObject", "DirectoryBucket.Arn/*"),
        ("s3:PutObject", "DirectoryBucket.Arn/*"),
        ("s3:DeleteObject", "DirectoryBucket.Arn/*"),
        ("s3:ListBucket", "DirectoryBucket.Arn"),
    ];
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(action, resource)| ((*action).to_owned(), (*resource).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(permissions(&stack(&[])), owned(&logs_and_token));
    assert_eq!(permissions(&stack(&USERS)), owned(&[&logs_and_token[..], &records].concat()));
}

#[test]
fn the_user_directory_and_its_key_stay_when_the_stack_is_deleted() {
    let template = template();
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let kept = ["DirectoryBucket", "DirectoryKeySecret"].contains(&name.as_str());
        // A creation that fails leaves no bucket behind.
        let expected = if kept { json!(["RetainExceptOnCreate", "Retain"]) } else { json!([null, null]) };
        assert_eq!(json!([resource["DeletionPolicy"], resource["UpdateReplacePolicy"]]), expected, "{name}");
    }
}

#[test]
fn secrets_are_made_by_secrets_manager_and_read_by_reference_only() {
    let text = read("infra/aws/template.yaml");
    let template = template();
    for parameter in template["Parameters"].as_object().unwrap().values() {
        assert!(parameter["NoEcho"].is_null(), "a parameter is a secret");
    }
    assert!(!template["Outputs"].to_string().contains("{{resolve:"));
    for secret in ["CallerKeySecret", "DirectoryKeySecret"] {
        let made = &template["Resources"][secret]["Properties"];
        assert_eq!(made["GenerateSecretString"], json!({ "PasswordLength": 44, "ExcludePunctuation": true }));
        assert!(made["SecretString"].is_null() && text.contains(&format!("secretsmanager:${{{secret}}}")));
    }
}

#[test]
fn the_documents_use_the_outputs_and_parameters_that_exist() {
    let text = read("docs/aws.md");
    let template = template();
    // `output Url` in a command, "The output `TrustCommand`" and "the outputs `A` and `B`" in a sentence.
    let after = text.split("output").skip(1).flat_map(|rest| rest.lines().next().unwrap().split_whitespace().take(4));
    let words = after.map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let outputs: BTreeSet<&str> =
        words.filter(|word| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase)).collect();
    assert!(outputs.len() > 4, "{outputs:?}");
    for output in outputs {
        assert!(template["Outputs"][output].is_object(), "docs/aws.md: no output {output}");
    }
    let overrides = text.split("--parameter-overrides").skip(1).flat_map(|rest| {
        let words = rest.split("```").next().unwrap().split_whitespace();
        words.filter_map(|word| Some(word.split_once('=')?.0)).filter(|name| !name.starts_with('-')).collect::<Vec<_>>()
    });
    let overrides: Vec<&str> = overrides.collect();
    assert!(overrides.len() > 4, "{overrides:?}");
    for parameter in overrides {
        assert!(template["Parameters"][parameter].is_object(), "docs/aws.md: no parameter {parameter}");
    }
}

#[test]
fn the_access_log_has_no_path_and_the_size_that_the_costs_are_computed_with() {
    let template = template();
    let format = template["Resources"]["Stage"]["Properties"]["AccessLogSettings"]["Format"].as_str().unwrap();
    let sample = [
        ("$context.requestId", "Kf3xYgkjliAEJ3w="),
        ("$context.integration.requestId", "0b8e6a1e-3f0e-4f0c-9d0e-6a1e3f0e4f0c"),
        ("$context.httpMethod", "POST"),
        ("$context.status", "200"),
        ("$context.responseLatency", "57"),
        ("$context.error.message", "-"),
    ];
    let line = sample.iter().fold(format.to_owned(), |line, (variable, value)| line.replace(variable, value));
    assert!(!line.contains('$'), "{line}");
    assert!(serde_json::from_str::<BTreeMap<String, String>>(&line).is_ok(), "{line}");
    costs::assert_counted("line of the HTTP API", line.len());
}
