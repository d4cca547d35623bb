//! `acs-tokens dev`: its output, its callers, and its data.

mod sign_in;

use std::path::Path;

use acs_identity::http::client_builder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{Running, cli, quiet_port, run};

const ON_FREE_PORTS: [&str; 7] = ["dev", "--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];

/// The running program and the lines that it printed at start-up.
struct Dev {
    running: Running,
    lines: Vec<String>,
    http: reqwest::Client,
}

impl Dev {
    async fn start(data: &Path) -> Self {
        Self::run(cli(&[&ON_FREE_PORTS[..], &["--data", data.to_str().unwrap()]].concat(), &[])).await
    }

    async fn run(command: Command) -> Self {
        let mut running = Running::start(command);
        let lines = running.until(|line| line.ends_with("Ctrl+C stops it.")).await;
        Self { running, lines, http: client_builder().build().unwrap() }
    }

    /// Returns the rest of the line with this label.
    fn line(&self, word: &str) -> &str {
        self.lines.iter().find_map(|line| line.strip_prefix(word)).unwrap().trim()
    }

    /// Runs `count` of the printed lines in a shell.
    async fn paste(&self, first: &str, count: usize) -> String {
        self.paste_after("", first, count).await
    }

    /// Does the same after another line.
    async fn paste_after(&self, line: &str, first: &str, count: usize) -> String {
        let lines = self.lines.iter().skip_while(|line| !line.starts_with(first)).take(count);
        let script = line.to_owned() + &lines.map(String::as_str).collect::<Vec<_>>().join("\n");
        let output = Command::new("sh").args(["-e", "-c", &script]).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns a token of the emulator's test issuer.
    async fn token_with(&self, claims: Value) -> String {
        let issuer = format!("{}oidc/tokens", self.line("Its control API"));
        let request = self.http.post(issuer).header("content-type", "application/json");
        let response = request.body(json!({ "claims": claims }).to_string()).send().await.unwrap();
        let made: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    /// Returns a token of a user, as the printed lines do.
    async fn user(&self, name: &str) -> String {
        self.token_with(json!({ "aud": "acs-tokens-dev", "sub": name })).await
    }

    /// Calls my-token.
    async fn my_token(&self, bearer: &str) -> (u16, Value) {
        let url = format!("{}/me/token", self.line("Functions"));
        let response = self.http.post(url).bearer_auth(bearer).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    /// Sends JSON to a function.
    async fn post(&self, route: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/{route}", self.line("Functions"));
        let request = self.http.post(url).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }
}

#[tokio::test]
async fn printed_commands_work() {
    let data = TempDir::new().unwrap();
    let dev = Dev::start(data.path()).await;
    let strings: Vec<&String> = dev.lines.iter().filter(|line| line.starts_with("endpoint=http")).collect();
    let [https, http] = strings[..] else { panic!("{:#?}", dev.lines) };
    assert!(http.starts_with("endpoint=http://") && https.starts_with("endpoint=https://"));

    let printed = dev.paste("ID=", 4).await;
    assert!(printed.starts_with(r#"{"token":"eyJ"#), "{printed}");
    assert!(printed.ends_with("revoked: 204\ndeleted: 204\n"), "{printed}");

    let printed = dev.paste("ALICE=", 2).await;
    assert!(printed.starts_with('{') && printed.contains(r#""user":{"communicationUserId":"8:acs:"#), "{printed}");

    let printed = dev.paste("PASS=", 2).await;
    assert!(printed.starts_with('{') && printed.contains(r#""user":{"communicationUserId":"8:acs:"#), "{printed}");

    let certificate = std::fs::read_to_string(dev.line("Its certificate")).unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(dev.line("Identities and keys are kept in"), data.path().to_str().unwrap());
}

#[tokio::test]
async fn back_ends_need_a_key_if_there_are_keys() {
    let data = TempDir::new().unwrap();
    let arguments = [&ON_FREE_PORTS[..], &["--data", data.path().to_str().unwrap()]].concat();
    let dev = Dev::run(cli(&arguments, &[("CALLER_KEYS", "web=a-key-of-a-caller")])).await;
    let (status, refused) = dev.post("identities", &json!({})).await;
    assert_eq!((status, &refused["code"]), (401, &json!("unauthorized")));
    assert_eq!(dev.my_token(&dev.user("alice").await).await.0, 200);
    let printed = dev.paste_after("FUNCTION_KEY=a-key-of-a-caller\n", "ID=", 4).await;
    assert!(printed.ends_with("revoked: 204\ndeleted: 204\n"), "{printed}");

    let (code, _, stderr) = run(cli(&arguments, &[("CALLER_KEYS", "web=short")])).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("CALLER_KEYS: pair 1 has a short key"), "{stderr}");
}

#[tokio::test]
async fn identities_survive_a_restart() {
    let data = TempDir::new().unwrap();
    let folder = data.path().join("made").join("here");
    let mut dev = Dev::start(&folder).await;
    let (_, made) = dev.post("identities", &json!({})).await;
    let id = made["identity"]["id"].as_str().unwrap();

    let (code, stdout, stderr) =
        run(cli(&[&ON_FREE_PORTS[..], &["--data", folder.to_str().unwrap()]].concat(), &[])).await;
    let file = folder.canonicalize().unwrap().join("emulator.json");
    assert_eq!((code, &*stdout), (1, ""));
    assert!(stderr.starts_with(&format!("error: {}: ", file.display())) && stderr.contains("--data"), "{stderr}");

    dev.running.kill().await;
    let dev = Dev::start(&folder).await;
    let (status, _) = dev.post(&format!("identities/{id}/tokens"), &json!({ "scopes": ["chat"] })).await;
    assert_eq!(status, 200);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn users_keep_their_identities_across_restarts() {
    let data = TempDir::new().unwrap();
    // The port is part of the issuer's name.
    let (port, folder) = (quiet_port().await.to_string(), data.path().to_str().unwrap());
    let arguments = ["dev", "--port", "0", "--emulator-port", &port, "--emulator-https-port", "0", "--data", folder];
    let mut dev = Dev::run(cli(&arguments, &[])).await;
    let alice = dev.user("alice").await;
    let (status, first) = dev.my_token(&alice).await;
    assert_eq!(status, 200);
    let (_, other) = dev.my_token(&dev.user("bob").await).await;
    assert_ne!(first["user"], other["user"]);
    assert_eq!(dev.my_token("eyJhbGciOiJub25lIn0.e30.").await.0, 401);
    let (status, other) = dev.my_token(&dev.token_with(json!({ "aud": "another", "sub": "alice" })).await).await;
    assert_eq!((status, &other["code"]), (401, &json!("unauthorized")));
    dev.running.kill().await;

    // A token from before the restart is still valid.
    let dev = Dev::run(cli(&arguments, &[])).await;
    for token in [alice, dev.user("alice").await] {
        let (status, again) = dev.my_token(&token).await;
        assert_eq!((status, &again["user"]), (200, &first["user"]));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn data_is_kept_in_the_data_folder_of_the_user() {
    let home = TempDir::new().unwrap();
    let default = home.path().join("acs-tokens").join("dev");
    let mut dev = Dev::run(cli(&ON_FREE_PORTS, &[("XDG_DATA_HOME", home.path().to_str().unwrap())])).await;
    assert_eq!(dev.line("Identities and keys are kept in"), default.to_str().unwrap());
    assert!(default.join("emulator.json").exists());
    dev.running.kill().await;

    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, _, stderr) = run(cli(&[&ON_FREE_PORTS[..], &["--data", file.to_str().unwrap()]].concat(), &[])).await;
    assert_eq!(
        (code, stderr),
        (1, format!("error: {}: File exists (os error 17); choose another folder with --data\n", file.display()))
    );
}

#[tokio::test]
async fn the_page_finds_the_emulator() {
    let data = TempDir::new().unwrap();
    let dev = Dev::start(data.path()).await;
    let (page, control) = (dev.line("A page to try it"), dev.line("Its control API"));
    // The emulator leads to the page.
    let answer = dev.http.get(control).send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["location"].to_str().unwrap()),
        (reqwest::StatusCode::SEE_OTHER, page)
    );

    let emulator = control.trim_end_matches("/_emulator/");
    let answer = dev.http.get(page).send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains(&format!("connect-src 'self' {emulator};")), "{policy}");
    let html = answer.text().await.unwrap();
    assert!(html.contains(&format!(r#"<meta name="emulator" content="{emulator}">"#)));

    let state = dev.http.get(format!("{control}state")).header("origin", page.trim_end_matches("/api/docs"));
    let answer = state.send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], page.trim_end_matches("/api/docs"));
    let state: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(state["functions"]["page"], page);
}

#[tokio::test]
async fn users_of_entra_exchange_their_tokens() {
    let data = TempDir::new().unwrap();
    let dev = Dev::start(data.path()).await;
    let control = dev.line("Its control API");
    let state: Value =
        serde_json::from_str(&dev.http.get(format!("{control}state")).send().await.unwrap().text().await.unwrap())
            .unwrap();
    let issuer = &state["functions"]["entraIssuer"];
    let tenant = issuer.as_str().unwrap().rsplit('/').nth(1).unwrap();
    let [app, user] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
    let bearer = dev
        .token_with(json!({
            "iss": issuer, "aud": "acs-tokens-dev", "sub": "alice", "tid": tenant, "oid": user, "azp": app, "scp": "access_as_user",
        }))
        .await;
    let post = async |url: String, body: Value| {
        let request = dev.http.post(url).bearer_auth(&bearer).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
    };
    let scope = "TeamsExtension.ManageCalls";
    let (_, entra) =
        post(format!("{control}entra/tokens"), json!({ "appId": app, "userId": user, "scope": scope })).await;
    let exchange =
        || post(format!("{}/me/teams-phone-token", dev.line("Functions")), json!({ "token": entra["token"] }));
    let (status, refused) = exchange().await;
    assert_eq!((status, &refused["code"]), (403, &json!("not-assigned")));
    let assign = async |kind: &str| {
        let body = json!({ "objectId": user, "tenantId": tenant, "principalType": kind, "clientIds": [app] });
        let request = dev.http.put(format!("{control}assignments")).header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap().status().as_u16()
    };
    assert_eq!((assign("people").await, assign("user").await), (400, 204));
    let (status, token) = exchange().await;
    assert_eq!(status, 200, "{token}");
}

#[tokio::test]
async fn other_machines_are_let_in_beside_this_one() {
    let data = TempDir::new().unwrap();
    let arguments = ["--data", data.path().to_str().unwrap(), "--host"];
    let dev = Dev::run(cli(&[&ON_FREE_PORTS[..], &arguments, &["0.0.0.0"]].concat(), &[])).await;
    assert!(dev.line("Functions").starts_with("http://127.0.0.1:"));
    assert!(dev.lines.iter().any(|line| line.contains("set CALLER_KEYS to require a key")), "{:#?}", dev.lines);
    assert_eq!(dev.my_token(&dev.user("alice").await).await.0, 200);

    let (code, stdout, stderr) = run(cli(&[&ON_FREE_PORTS[..], &arguments, &["192.0.2.1"]].concat(), &[])).await;
    assert_eq!((code, &*stdout), (1, ""));
    let expected =
        "error: --host 192.0.2.1 leaves out this machine; use 0.0.0.0, or 127.0.0.1 without other machines\n";
    assert_eq!(stderr, expected);
}
