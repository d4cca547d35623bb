//! `infra/app-registration.sh`, against a stand-in for the Azure CLI.

mod azure;

use acs_tokens::auth::bearer::DEFAULT_MANAGE_ROLE;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use azure::{Azure, TENANT};

const OPTIONS: [&str; 6] = ["--role", "employee", "--role", "guest", "--redirect", "https://app.contoso.com/signed-in"];

/// The commands that change nothing.
const READING: [&str; 4] = ["account show ", "ad app list ", "ad app show ", "ad sp list "];

/// Returns the commands that change something.
fn changes(commands: &[String]) -> Vec<&String> {
    commands.iter().filter(|command| !READING.iter().any(|reading| command.starts_with(reading))).collect()
}

async fn succeed(azure: &Azure, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = azure.run(arguments).await;
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?} {stdout}");
    stdout
}

/// Returns the value, the members and the id of each role of an application.
fn roles(app: &Value) -> Vec<(&str, &str, &str)> {
    let roles = app["appRoles"].as_array().unwrap().iter();
    let parts = roles.map(|role| [&role["value"], &role["allowedMemberTypes"][0], &role["id"]]);
    parts.map(|parts| parts.map(|part| part.as_str().unwrap()).into()).collect()
}

#[tokio::test]
async fn creates_the_application_and_prints_its_settings() {
    let azure = Azure::start().await;
    let stdout = succeed(&azure, &OPTIONS).await;
    let ([app], [principal]) = (&azure.state().0[..], &azure.state().1[..]) else { panic!("not one application") };
    let client = app["appId"].as_str().unwrap();
    assert_eq!(principal, client);

    assert_eq!(app["displayName"], "acs-tokens");
    assert_eq!(app["signInAudience"], "AzureADMyOrg");
    assert_eq!(app["identifierUris"], json!([format!("api://{TENANT}/acs-tokens")]));
    assert_eq!(app["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(app["spa"]["redirectUris"], json!(["https://app.contoso.com/signed-in"]));
    let [scope] = &app["api"]["oauth2PermissionScopes"].as_array().unwrap()[..] else { panic!("{app}") };
    assert_eq!((&scope["value"], &scope["isEnabled"]), (&json!("access_as_user"), &json!(true)));
    let roles = roles(app);
    let members: Vec<(&str, &str)> = roles.iter().map(|(value, members, _)| (*value, *members)).collect();
    assert_eq!(members, [(DEFAULT_MANAGE_ROLE, "Application"), ("employee", "User"), ("guest", "User")]);
    // A version 8 UUID of the hash, so that each run makes the same one.
    let hash = hex::encode(Sha256::digest("acs-tokens/employee"));
    let mut digits: Vec<char> = hash[..32].chars().collect();
    (digits[12], digits[16]) = ('8', '8');
    assert_eq!(roles[1].2.replace('-', ""), digits.into_iter().collect::<String>());

    let expected = format!(
        "Created the application acs-tokens ({client})\n\n\
         Clients request the scope api://{TENANT}/acs-tokens/access_as_user. Set the values of the service:\n\n\
         azd env set OIDC_ISSUERS https://login.microsoftonline.com/{TENANT}/v2.0\n\
         azd env set OIDC_AUDIENCES {client}\n\
         azd env set OIDC_REQUIRED_SCOPE access_as_user\n"
    );
    assert_eq!(stdout, expected);
}

#[tokio::test]
async fn no_run_makes_a_secret_or_leaves_a_file() {
    let azure = Azure::start().await;
    succeed(&azure, &OPTIONS).await;
    succeed(&azure, &OPTIONS).await;
    let commands = azure.commands().join("\n");
    assert!(!commands.contains("credential") && !commands.contains("password"), "{commands}");
    let application = azure.state().0[0].to_string().to_lowercase();
    assert!(!application.contains("credential") && !application.contains("password"), "{application}");
    assert_eq!(azure.files(), 0);
}

#[tokio::test]
async fn second_run_changes_nothing() {
    let azure = Azure::start().await;
    succeed(&azure, &OPTIONS).await;
    let (once, first) = (azure.state(), azure.commands());
    assert_eq!(changes(&first).len(), 2, "{first:?}");
    let stdout = succeed(&azure, &OPTIONS).await;
    assert_eq!(azure.state(), once);
    let client = &once.1[0];
    assert!(stdout.starts_with(&format!("Updated the application acs-tokens ({client})\n")), "{stdout}");
    assert!(stdout.contains(&format!("\nazd env set OIDC_AUDIENCES {client}\n")), "{stdout}");
}

#[tokio::test]
async fn update_adds_roles_and_keeps_what_others_added() {
    let azure = Azure::start().await;
    succeed(&azure, &OPTIONS).await;
    let foreign = json!({
        "id": "f0000000-0000-4000-8000-000000000001", "value": "auditor", "displayName": "Auditor", "isEnabled": true,
        "description": "Of somebody else", "allowedMemberTypes": ["User"]
    });
    let scope = json!({
        "id": "f0000000-0000-4000-8000-000000000002", "value": "other", "type": "Admin", "isEnabled": true,
        "adminConsentDisplayName": "Other", "adminConsentDescription": "Other",
        "userConsentDisplayName": null, "userConsentDescription": null
    });
    {
        let mut tenant = azure.tenant.lock().unwrap();
        let app = &mut tenant.applications[0];
        app["appRoles"].as_array_mut().unwrap().push(foreign.clone());
        app["api"]["oauth2PermissionScopes"].as_array_mut().unwrap().push(scope.clone());
        app["api"]["preAuthorizedApplications"] = json!([{ "appId": "x" }]);
    }
    succeed(&azure, &["--role", "contractor"]).await;
    let app = &azure.state().0[0];
    let names: Vec<&str> = roles(app).into_iter().map(|(value, ..)| value).collect();
    assert_eq!(names, ["employee", "guest", "auditor", DEFAULT_MANAGE_ROLE, "contractor"]);
    assert!(app["appRoles"].as_array().unwrap().contains(&foreign), "{app}");
    assert!(app["api"]["oauth2PermissionScopes"].as_array().unwrap().contains(&scope), "{app}");
    assert_eq!(app["api"]["preAuthorizedApplications"], json!([{ "appId": "x" }]));
    assert_eq!(app["spa"]["redirectUris"], json!(["https://app.contoso.com/signed-in"]));

    succeed(&azure, &["--redirect", "http://localhost:5173/", "--redirect", "https://b.example"]).await;
    assert_eq!(azure.state().0[0]["spa"]["redirectUris"], json!(["http://localhost:5173/", "https://b.example"]));
}

#[tokio::test]
async fn what_if_changes_nothing() {
    let azure = Azure::start().await;
    let stdout = succeed(&azure, &[&OPTIONS[..], &["--what-if"]].concat()).await;
    assert!(stdout.starts_with("Would create the application acs-tokens:\n{"), "{stdout}");
    assert_eq!(changes(&azure.commands()), Vec::<&String>::new());

    succeed(&azure, &OPTIONS).await;
    let (before, client) = (azure.state(), azure.state().1[0].clone());
    azure.commands();
    let stdout = succeed(&azure, &["--role", "contractor", "--what-if"]).await;
    assert!(stdout.starts_with(&format!("Would update the application acs-tokens ({client}):\n{{")), "{stdout}");
    let printed: Value = serde_json::from_str(stdout.split_once('\n').unwrap().1).unwrap();
    assert_eq!(roles(&printed).len(), 4);
    let stdout = succeed(&azure, &["--remove", "--what-if"]).await;
    assert_eq!(stdout, format!("Would delete the application acs-tokens ({client})\n"));
    assert_eq!((changes(&azure.commands()), azure.state()), (Vec::<&String>::new(), before));
}

#[tokio::test]
async fn remove_removes_only_the_named_application() {
    let azure = Azure::start().await;
    succeed(&azure, &OPTIONS).await;
    succeed(&azure, &["--name", "acs-tokens-test"]).await;
    let client = azure.state().1[0].clone();
    let stdout = succeed(&azure, &["--remove"]).await;
    assert_eq!(stdout, format!("Deleted the application acs-tokens ({client})\n"));
    let stdout = succeed(&azure, &["--remove"]).await;
    assert_eq!(stdout, format!("There is no application with the identifier api://{TENANT}/acs-tokens\n"));
    let left: Vec<Value> = azure.state().0.iter().map(|app| app["displayName"].clone()).collect();
    assert_eq!((left, azure.state().1.len()), (vec![json!("acs-tokens-test")], 1));
}

#[tokio::test]
async fn new_application_that_entra_does_not_know_everywhere_is_waited_for() {
    let azure = Azure::start().await;
    azure.tenant.lock().unwrap().late = 1;
    let (code, stdout, stderr) = azure.run(&[]).await;
    assert_eq!((code, azure.state().1.len()), (0, 1), "{stdout}{stderr}");
    assert!(stderr.contains("Attempt 1 to create the service principal failed."), "{stderr}");
}

#[tokio::test]
async fn invalid_options_are_refused_before_azure_is_asked() {
    let azure = Azure::start().await;
    for (arguments, error) in [
        (&["--role", "a\"b"][..], "the name `a\"b` has a character other than letters, digits, '.', '_' and '-'"),
        (&["--name", "two words"], "the name `two words` has a character other than letters, digits, '.', '_' and '-'"),
        (
            &["--redirect", "http://a.example"],
            "the address `http://a.example` is not https, and http is for localhost only",
        ),
        (
            &["--redirect", "https://a\",\"b"],
            "the address `https://a\",\"b` is not https, and http is for localhost only",
        ),
        (&["--role"], "--role needs a value"),
        (&["--purge"], "the option --purge is unknown; see --help"),
    ] {
        let (code, stdout, stderr) = azure.run(arguments).await;
        assert_eq!((code, stdout.as_str(), stderr), (1, "", format!("error: {error}\n")));
    }
    assert_eq!(azure.commands(), Vec::<String>::new());
    azure.tenant.lock().unwrap().signed_out = true;
    let (code, _, stderr) = azure.run(&[]).await;
    assert!(code == 1 && stderr.ends_with("error: not signed in to Azure; run `az login`\n"), "{stderr}");
}

/// The PowerShell script is not run here. It has the ids, names and printed lines of the one that is.
#[test]
fn both_scripts_have_the_same_ids_names_and_lines() {
    let read = |path: &str| std::fs::read_to_string(format!("{}/infra/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (shell, power) = (read("app-registration.sh"), read("app-registration.ps1"));
    let constants = shell.lines().filter_map(|line| line.strip_prefix("readonly ")?.split_once('='));
    let constants: Vec<&str> = constants.map(|(_, value)| value).take(5).collect();
    assert!(constants.contains(&"https://graph.microsoft.com/v1.0"), "{constants:?}");
    for text in constants.into_iter().chain([
        "Manages the identities and tokens of all users",
        "Users with this role get the tokens that the policy grants it",
        "Gets the access tokens of the signed-in user",
        "Gets your access tokens for calls and chats",
        "AzureADMyOrg",
        "azd env set OIDC_ISSUERS https://login.microsoftonline.com/$tenant/v2.0",
        "azd env set OIDC_AUDIENCES $",
        "azd env set OIDC_REQUIRED_SCOPE $",
    ]) {
        assert!(shell.contains(text) && power.contains(text), "{text}");
    }
}
