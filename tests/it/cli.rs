//! `acs-tokens identity` and `token` against each target, the default command, terminals, and what shells read.

mod default;
mod errors;
mod log_format;
mod manual;
#[cfg(target_os = "linux")]
mod terminal;

use std::path::Path;

use acs_tokens::auth::{BackendAuth, CallerKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    harness::{
        Api, assert_token,
        users::{AUDIENCE, CLIENT},
    },
    process::{cli, run},
};

const KEY: &str = "a-key-of-the-operator";

/// A target of the commands, with the arguments and the environment that name it.
struct Target {
    api: Api,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    /// The start of the remark `From`.
    from: &'static str,
    _file: Option<TempDir>,
}

impl Target {
    /// The ACS resource of the settings.
    async fn acs() -> Self {
        let api = Api::direct().await;
        let environment = vec![("COMMUNICATION_SERVICES_CONNECTION_STRING", api.connection_string())];
        Self { api, arguments: Vec::new(), environment, from: "the ACS resource http://127.0.0.1:", _file: None }
    }

    /// An app that accepts a key.
    async fn app() -> Self {
        let keys = vec![CallerKey { name: "operator".to_owned(), key: KEY.into() }];
        let api = Api::with_callers(&BackendAuth::Keys(keys).into()).await;
        // The resource of the settings is not used.
        let resource = ("COMMUNICATION_SERVICES_CONNECTION_STRING", "endpoint=https://a.example/;accesskey=c2VjcmV0");
        let environment = vec![("FUNCTION_KEY", KEY.to_owned()), (resource.0, resource.1.to_owned())];
        let arguments = vec!["--url".to_owned(), api.base.clone()];
        Self { api, arguments, environment, from: "the app http://127.0.0.1:", _file: None }
    }

    /// The same app, with the key in a file.
    async fn app_with_a_file() -> Self {
        let file = TempDir::new().unwrap();
        let path = file.path().join("key");
        std::fs::write(&path, format!("{KEY}\n")).unwrap();
        let app = Self::app().await;
        let arguments = [app.arguments, vec!["--function-key".to_owned(), format!("@{}", path.display())]].concat();
        Self { arguments, environment: Vec::new(), _file: Some(file), ..app }
    }

    /// An app that accepts the token of a back end.
    async fn app_with_a_token() -> Self {
        let api = Api::direct_with_users().await;
        let claims =
            json!({ "aud": AUDIENCE, "sub": "backend", "azp": CLIENT, "roles": ["Tokens.Manage"], "idtyp": "app" });
        let token = api.sign_in(claims).await.trim_start_matches("Bearer ").to_owned();
        let arguments = vec!["--url".to_owned(), api.base.clone()];
        // The token counts, not the key.
        let environment = vec![("BEARER_TOKEN", token), ("FUNCTION_KEY", "a-wrong-key-of-an-app".to_owned())];
        Self { api, arguments, environment, from: "the app http://127.0.0.1:", _file: None }
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let target = self.arguments.iter().map(String::as_str);
        let arguments: Vec<&str> = arguments.iter().copied().chain(target).collect();
        let environment: Vec<(&str, &str)> = self.environment.iter().map(|(name, value)| (*name, &**value)).collect();
        run(cli(&arguments, &environment)).await
    }

    /// Runs a command that succeeds, and returns stdout without the line break.
    async fn ok(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        stdout.trim_end().to_owned()
    }
}

/// Returns the value of a remark.
fn remark<'a>(stderr: &'a str, name: &str) -> &'a str {
    stderr.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {stderr}")).trim()
}

/// Runs every command against a target.
async fn each_command_works(target: Target) {
    // One command, one token: the token is on stdout, and its scopes, identity and expiry are on stderr.
    let (code, stdout, stderr) = target.run(&["token", "issue"]).await;
    assert_eq!((code, stderr.lines().count()), (0, 4), "{stderr}");
    let token = stdout.strip_suffix('\n').unwrap();
    assert_eq!(target.api.token_status(token).await, "valid");
    assert_eq!(remark(&stderr, "Allows"), "chat (all of Chat), voip (all of Calling)");
    let id = remark(&stderr, "For").strip_suffix(", a new identity").unwrap().to_owned();
    assert!(remark(&stderr, "Until").ends_with(" UTC, in 24 h"), "{stderr}");
    assert!(remark(&stderr, "From").starts_with(target.from), "{stderr}");
    assert!(!stderr.contains(token) && !stderr.contains(KEY), "{stderr}");

    let arguments = ["token", "issue", &id, "--scope", "chat.join,voip.join", "--valid-for", "90m"];
    let (_, _, stderr) = target.run(&arguments).await;
    assert_eq!(remark(&stderr, "For"), id);
    let json: Value =
        serde_json::from_str(&target.ok(&[&arguments[..], &["--output", "json"]].concat()).await).unwrap();
    assert_eq!((&json["identity"], &json["scopes"]), (&json!(id), &json!(["chat.join", "voip.join"])));
    let wire = json!({
        "token": json["token"], "expiresOn": json["expiresOn"],
        "expiresOnTimestamp": json["expiresOn"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond(),
    });
    let second = assert_token(&wire, 90);
    let tsv = target.ok(&[&arguments[..], &["-o", "tsv"]].concat()).await;
    let columns: Vec<&str> = tsv.split('\t').collect();
    assert_eq!((columns.len(), columns[0], columns[1]), (4, &*id, "chat.join voip.join"));
    let (code, stdout, stderr) = target.run(&["token", "issue", &id, "--token-only"]).await;
    assert!(code == 0 && stdout.starts_with("eyJ") && stdout.lines().count() == 1 && stderr.is_empty(), "{stderr}");

    let (code, stdout, stderr) = target.run(&["token", "revoke", &id, "--yes"]).await;
    assert_eq!((code, &*stdout, &*stderr), (0, "", &*format!("Revoked all tokens of {id}\n")));
    for token in [token, &second] {
        assert_eq!(target.api.token_status(token).await, "revoked");
    }

    let made = target.ok(&["identity", "create"]).await;
    let token = target.ok(&["token", "issue", &made, "--token-only"]).await;
    let (code, stdout, stderr) = target.run(&["identity", "delete", &made, "-y"]).await;
    assert_eq!((code, &*stdout, &*stderr), (0, "", &*format!("Deleted {made}\n")));
    assert_eq!(target.api.token_status(&token).await, "deleted");
    let table = target.ok(&["identity", "create", "--output", "table"]).await;
    assert!(table.starts_with("Identity\n--------") && table.contains("\n8:acs:"), "{table}");

    exchanges_a_teams_token(target).await;
}

async fn exchanges_a_teams_token(target: Target) {
    let user = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
    let request = json!({ "appId": CLIENT, "userId": user, "expiresInSeconds": 45 * 60 });
    let entra = target.api.control("POST", "entra/tokens", Some(request)).await;
    let file = TempDir::new().unwrap();
    let path = file.path().join("token");
    std::fs::write(&path, entra["token"].as_str().unwrap()).unwrap();
    let token = format!("@{}", path.display());
    let arguments =
        ["token", "exchange-teams", "--teams-token", &token, "--teams-app-id", CLIENT, "--teams-user-id", user];
    let (code, stdout, stderr) = target.run(&arguments).await;
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(remark(&stderr, "For"), format!("the Teams user {user}"));
    assert!(remark(&stderr, "Until").contains(" UTC, in 4"), "{stderr}");
    assert_eq!(target.api.token_status(stdout.trim_end()).await, "valid");
    let json: Value = serde_json::from_str(&target.ok(&[&arguments[..], &["-o", "json"]].concat()).await).unwrap();
    assert_eq!(json["user"], user);
    assert_eq!(target.api.token_status(json["token"].as_str().unwrap()).await, "valid");
}

#[tokio::test]
async fn commands_work_against_acs() {
    each_command_works(Target::acs().await).await;
}

#[tokio::test]
async fn commands_work_against_an_app_with_a_key() {
    each_command_works(Target::app().await).await;
}

#[tokio::test]
async fn commands_work_against_an_app_with_a_key_in_a_file() {
    each_command_works(Target::app_with_a_file().await).await;
}

#[tokio::test]
async fn commands_work_against_an_app_with_a_token() {
    each_command_works(Target::app_with_a_token().await).await;
}

#[tokio::test]
async fn decode_prints_the_claims_as_a_table() {
    let target = Target::acs().await;
    let token = target.ok(&["token", "issue", "--scope", "voip", "--token-only"]).await;
    let (code, stdout, stderr) = run(cli(&["token", "decode", &token], &[])).await;
    assert_eq!((code, &*stderr), (0, "The signature was not checked.\n"));
    let rows: Vec<Vec<&str>> = stdout.lines().map(|line| line.splitn(2, ' ').map(str::trim).collect()).collect();
    assert_eq!(rows[0], ["Claim", "Value"]);
    assert!(rows.contains(&vec!["acsScope", "voip"]), "{stdout}");
    let expiry = rows.iter().find(|row| row[0] == "exp").unwrap();
    assert!(expiry[1].ends_with(" UTC, in 24 h)"), "{expiry:?}");

    let file = TempDir::new().unwrap();
    let path = file.path().join("token");
    // Encrypted: RFC 7516, appendix A.1, without the payload.
    std::fs::write(&path, "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d\n").unwrap();
    let (code, stdout, stderr) = run(cli(&["token", "decode", &at(&path)], &[])).await;
    assert_eq!((code, &*stdout), (0, "Header  Value\n------  --------\nalg     RSA-OAEP\nenc     A256GCM\n"));
    assert_eq!(stderr, "The token is encrypted. Only ACS can read its claims; above is the header.\n");
}

/// Returns the value of an option that reads a file.
fn at(path: &Path) -> String {
    format!("@{}", path.display())
}
