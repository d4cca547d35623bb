//! Statements about the deployment: options, alerts, roles, sizes, and what azd, the dev container and GitHub run.

use std::{fs, path::Path};

use serde_json::Value;

use super::{read, root, rows};

/// Returns the text of a section, without its heading.
fn section(document: &str, heading: &str) -> String {
    let text = read(document);
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{document}: no {heading}"));
    rest.split("\n## ").next().unwrap().to_owned()
}

#[test]
fn the_table_of_options_lists_every_parameter_with_its_variable() {
    let file: Value = serde_json::from_str(&read("infra/main.parameters.json")).unwrap();
    let parameters = file["parameters"].as_object().unwrap().iter();
    let variable = |value: &Value| value["value"].as_str().unwrap().trim_matches(['$', '{', '}']).to_owned();
    let mut expected: Vec<_> = parameters.map(|(name, value)| (variable(value), format!("`{name}`"))).collect();
    let options = section("docs/deployment.md", "## Options");
    let of_options = |row: &Vec<String>| options.contains(&format!("\n| `{}` | {} |", row[0], row[1]));
    let documented = rows("docs/deployment.md").into_iter().filter(of_options);
    let mut documented: Vec<_> = documented.map(|row| (row[0].clone(), row[1].clone())).collect();
    expected.sort_unstable();
    documented.sort_unstable();
    assert_eq!(documented, expected);
}

#[test]
fn the_table_of_alerts_lists_every_alert() {
    let bicep = read("infra/modules/monitoring.bicep");
    let entries = bicep.lines().filter_map(|line| line.strip_prefix("  '")?.split_once("': "));
    let mut expected: Vec<&str> = entries.map(|(name, _)| name).collect();
    assert!(expected.len() > 4, "{expected:?}");
    let table = section("docs/operations.md", "### Alerts on Azure");
    let table = table.split("\n### ").next().unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut documented: Vec<&str> = cells.map(|(name, _)| name).collect();
    expected.sort_unstable();
    documented.sort_unstable();
    assert_eq!(documented, expected);
}

#[test]
fn every_role_that_is_assigned_is_explained() {
    let table = section("docs/security.md", "## What each identity may do").replace(' ', "").to_lowercase();
    let roles = read("infra/shared/roles.bicep");
    let roles = roles.lines().filter_map(|line| line.trim().strip_suffix('\'')?.split_once(": '"));
    let roles: Vec<&str> = roles.map(|(name, _)| name).collect();
    assert!(roles.len() > 4, "{roles:?}");
    for role in roles {
        assert!(table.contains(&format!("*{}*", role.to_lowercase())), "docs/security.md does not explain {role}");
    }
}

/// Compares the sizes in docs/deployment.md with the packages in the folder that `ACS_TOKENS_TEST_PACKAGES` names. CI
/// builds without LTO and for speed of the build, which makes them larger by a known factor.
#[test]
fn the_documented_sizes_are_those_of_the_packages() {
    let stated = rows("docs/deployment.md").into_iter().filter(|row| row[0].starts_with("target/"));
    let stated: Vec<(String, f64)> = stated
        .map(|row| (row[0].clone(), row[1].strip_suffix(" MB").and_then(|size| size.parse().ok()).unwrap()))
        .collect();
    let names: Vec<&str> = stated.iter().map(|(name, _)| name.as_str()).collect();
    let packages = ["functions-app/handler", "functions-app.zip", "bootstrap.zip"];
    let programs = ["container/service/acs-tokens", "container/emulator/acs-tokens"];
    let expected: Vec<String> = packages.iter().chain(&programs).map(|name| format!("target/{name}")).collect();
    assert_eq!(names, expected);

    let Some(folder) = std::env::var_os("ACS_TOKENS_TEST_PACKAGES") else { return };
    let as_shipped = std::env::var_os("CARGO_PROFILE_RELEASE_LTO").is_none();
    let range = if as_shipped { 0.95..1.05 } else { 1.3..1.95 };
    for (name, size) in stated {
        let file = root().join(Path::new(&folder)).join(name.strip_prefix("target/").unwrap());
        let bytes = fs::metadata(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())).len();
        let factor = f64::from(u32::try_from(bytes).unwrap()) / 1e6 / size;
        assert!(
            range.contains(&factor),
            "{name} has {bytes} bytes, {factor:.2} times the {size} MB of docs/deployment.md"
        );
    }
}

#[test]
fn no_trace_is_sampled_because_the_lines_of_requests_are_the_audit_trail() {
    let host: Value = serde_json::from_str(&read("host.json")).unwrap();
    let excluded = &host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"];
    assert_eq!(excluded, "Request;Exception;Trace");
}

#[test]
fn the_alpha_feature_of_azd_is_turned_on_before_any_other_command() {
    const TURNS_ON: &str = "azd config set alpha.language.custom on";
    for document in ["README.md", "docs/deployment.md"] {
        let text = read(document);
        let first = text.lines().find(|line| line.starts_with("azd ")).unwrap();
        assert!(first.starts_with(TURNS_ON), "{document}: {first}");
    }
    for file in [".devcontainer/devcontainer.json", ".github/workflows/azure-dev.yml"] {
        let line = read(file).lines().find(|line| line.contains("AZD_ALPHA_ENABLE_LANGUAGE_CUSTOM")).map(str::to_owned);
        assert!(line.is_some_and(|line| line.trim_end().ends_with("\"true\"")), "{file}");
    }
    let azure = read("azure.yaml");
    assert!(azure.contains("language: custom") && azure.contains("/schemas/alpha/") && azure.contains(TURNS_ON));
}

/// Returns the script of a hook in azure.yaml, which is the block of lines that are indented more.
fn hook(name: &str, system: &str) -> String {
    let azure = read("azure.yaml");
    let (_, hook) = azure.split_once(&format!("\n  {name}:\n")).unwrap();
    let (_, hook) = hook.split_once(&format!("    {system}:\n")).unwrap();
    let (_, script) = hook.split_once("      run: |\n").unwrap();
    let lines: Vec<&str> = script.lines().map_while(|line| line.strip_prefix("        ")).collect();
    lines.join("\n")
}

#[cfg(unix)]
#[tokio::test]
async fn the_hook_after_a_deployment_prints_the_two_commands() {
    use tokio::process::Command;

    let run = async |outputs: &[(&str, &str)]| {
        let mut command = Command::new("sh");
        command.args(["-c", &hook("postdeploy", "posix")]).env_clear().envs(outputs.iter().copied());
        crate::process::run(command).await
    };
    let outputs = [
        ("SERVICE_API_URI", "https://func-x.azurewebsites.net"),
        ("FUNCTION_KEY_COMMAND", "az functionapp keys list --name func-x --query functionKeys.default --output tsv"),
        ("QUICKSTART_COMMAND", "cargo run -- quickstart --url https://func-x.azurewebsites.net"),
    ];
    let expected = "\nThe app is at https://func-x.azurewebsites.net\nRead the host key, then issue the first token:\n\n  \
                    export FUNCTION_KEY=\"$(az functionapp keys list --name func-x --query functionKeys.default --output \
                    tsv)\"\n  cargo run -- quickstart --url https://func-x.azurewebsites.net\n\n";
    assert_eq!(run(&outputs).await, (0, expected.to_owned(), String::new()));
    // An app that infra/ did not create.
    assert_eq!(run(&[]).await, (0, String::new(), String::new()));
}

#[test]
fn the_hooks_of_both_systems_use_the_same_outputs() {
    let template = read("infra/main.bicep");
    for output in ["SERVICE_API_URI", "FUNCTION_KEY_COMMAND", "QUICKSTART_COMMAND"] {
        assert!(template.contains(&format!("\noutput {output} string = ")), "{output}");
        assert!(hook("postdeploy", "posix").contains(&format!("${output}")), "{output}");
        assert!(hook("postdeploy", "windows").contains(&format!("$env:{output}")), "{output}");
    }
}
