//! `acs-tokens dev`: what it prints, whom it believes, and what outlives it.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{Running, cli, quiet_port, run};

const ON_FREE_PORTS: [&str; 7] = ["dev", "--port", "0", "--emulator-port", "0", "--emulator-https-port", "0"];

/// The program, and what it printed at its start.
struct Dev {
    running: Running,
    lines: Vec<String>,
    http: reqwest::Client,
}

impl Dev {
    async fn start(data: &Path) -> Self {
        Self::of(cli(&[&ON_FREE_PORTS[..], &["--data", data.to_str().unwrap()]].concat(), &[])).await
    }

    async fn of(command: Command) -> Self {
        let mut running = Running::start(command);
        let lines = running.until(|line| line.ends_with("Ctrl+C stops it.")).await;
        Self { running, lines, http: reqwest::Client::builder().build().unwrap() }
    }

    /// What stands behind a word at the beginning of a line.
    fn told(&self, word: &str) -> &str {
        self.lines.iter().find_map(|line| line.strip_prefix(word)).unwrap().trim()
    }

    /// So many lines from the one that begins so, run by a shell.
    async fn paste(&self, first: &str, count: usize) -> String {
        let lines = self.lines.iter().skip_while(|line| !line.starts_with(first)).take(count);
        let script = lines.map(String::as_str).collect::<Vec<_>>().join("\n");
        let output = Command::new("sh").args(["-e", "-c", &script]).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A token of the emulator's test issuer.
    async fn signed(&self, claims: Value) -> String {
        let issuer = format!("{}oidc/tokens", self.told("A page to try it"));
        let request = self.http.post(issuer).header("content-type", "application/json");
        let response = request.body(json!({ "claims": claims }).to_string()).send().await.unwrap();
        let made: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    /// Somebody's, as the printed lines get it.
    async fn person(&self, name: &str) -> String {
        self.signed(json!({ "aud": "acs-tokens-dev", "sub": name })).await
    }

    /// What me/token answers to whoever has this token.
    async fn token(&self, bearer: &str) -> (u16, Value) {
        let url = format!("{}/me/token", self.told("Functions"));
        let response = self.http.post(url).bearer_auth(bearer).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    /// A POST of JSON to a function.
    async fn post(&self, route: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/{route}", self.told("Functions"));
        let request = self.http.post(url).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }
}

#[tokio::test]
async fn what_it_prints_works_when_pasted() {
    let data = TempDir::new().unwrap();
    let dev = Dev::start(data.path()).await;
    let strings: Vec<&String> = dev.lines.iter().filter(|line| line.starts_with("endpoint=http")).collect();
    let [http, https] = strings[..] else { panic!("{:#?}", dev.lines) };
    assert!(http.starts_with("endpoint=http://") && https.starts_with("endpoint=https://"));

    let printed = dev.paste("ID=", 4).await;
    assert!(printed.starts_with(r#"{"token":"eyJ"#), "{printed}");
    assert!(printed.ends_with("revoked: 204\ndeleted: 204\n"), "{printed}");

    let printed = dev.paste("ALICE=", 2).await;
    assert!(printed.starts_with('{') && printed.contains(r#""user":{"communicationUserId":"8:acs:"#), "{printed}");

    let certificate = std::fs::read_to_string(dev.told("Its certificate")).unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    let page = dev.http.get(dev.told("A page to try it")).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(dev.told("What is made here is kept in"), data.path().to_str().unwrap());
}

#[tokio::test]
async fn what_was_made_outlives_it() {
    let data = TempDir::new().unwrap();
    let folder = data.path().join("made").join("here");
    let mut dev = Dev::start(&folder).await;
    let (_, made) = dev.post("identities", &json!({})).await;
    let id = made["identity"]["id"].as_str().unwrap();

    let (code, stdout, stderr) =
        run(cli(&[&ON_FREE_PORTS[..], &["--data", folder.to_str().unwrap()]].concat(), &[])).await;
    let file = folder.canonicalize().unwrap().join("emulator.json");
    let said = "another emulator keeps its state in it; stop that one, or choose another place with --data";
    assert_eq!((code, stdout.as_str(), stderr), (1, "", format!("error: {}: {said}\n", file.display())));

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
async fn people_keep_their_identities() {
    let data = TempDir::new().unwrap();
    // The issuer's name has its port in it.
    let (port, folder) = (quiet_port().await.to_string(), data.path().to_str().unwrap());
    let arguments = ["dev", "--port", "0", "--emulator-port", &port, "--emulator-https-port", "0", "--data", folder];
    let mut dev = Dev::of(cli(&arguments, &[])).await;
    let alice = dev.person("alice").await;
    let (status, first) = dev.token(&alice).await;
    assert_eq!(status, 200);
    let (_, of_bob) = dev.token(&dev.person("bob").await).await;
    assert_ne!(first["user"], of_bob["user"]);
    assert_eq!(dev.token("eyJhbGciOiJub25lIn0.e30.").await.0, 401);
    let (status, strange) = dev.token(&dev.signed(json!({ "aud": "another", "sub": "alice" })).await).await;
    assert_eq!((status, &strange["code"]), (401, &json!("unauthorized")));
    dev.running.kill().await;

    // Also with the token that was got before.
    let dev = Dev::of(cli(&arguments, &[])).await;
    for token in [alice, dev.person("alice").await] {
        let (status, again) = dev.token(&token).await;
        assert_eq!((status, &again["user"]), (200, &first["user"]));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_keeps_its_data_where_the_system_has_it() {
    let home = TempDir::new().unwrap();
    let usual = home.path().join("acs-tokens").join("dev");
    let mut dev = Dev::of(cli(&ON_FREE_PORTS, &[("XDG_DATA_HOME", home.path().to_str().unwrap())])).await;
    assert_eq!(dev.told("What is made here is kept in"), usual.to_str().unwrap());
    assert!(usual.join("emulator.json").exists());
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
async fn the_page_may_call_and_others_may_not() {
    let data = TempDir::new().unwrap();
    let dev = Dev::start(data.path()).await;
    let page = dev.told("A page to try it").trim_end_matches("/_emulator/").to_owned();
    let local = page.replace("127.0.0.1", "localhost");
    let url = format!("{}/me/token", dev.told("Functions"));
    for (origin, let_in) in [(&*page, true), (&*local, true), ("http://localhost:3000", false), ("null", false)] {
        let preflight = dev
            .http
            .request(reqwest::Method::OPTIONS, &url)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let headers = preflight.send().await.unwrap().headers().clone();
        let allowed = headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(allowed, let_in.then_some(origin));
    }
}
