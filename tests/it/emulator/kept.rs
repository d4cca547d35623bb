//! The state in a file: what a restart keeps, whatever ended the process, and which files are refused.

use std::{fs, io, path::PathBuf, sync::Arc};

use acs_tokens::emulator::{Emulator, Options};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Bench, Call, STABLE};
use crate::process::{Running, cli, run};

/// A file for the state, and the folder it is in.
struct StoreLocation {
    _folder: TempDir,
    file: PathBuf,
}

impl StoreLocation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("state.json");
        Self { _folder: folder, file }
    }

    fn arguments(&self) -> [&str; 7] {
        ["emulator", "--port", "0", "--https-port", "0", "--state", self.file.to_str().unwrap()]
    }

    /// The program with this file.
    async fn start(&self) -> (Running, Bench) {
        let mut running = Running::start(cli(&self.arguments(), &[]));
        let lines = running.until(|line| line.ends_with("Ctrl+C stops it.")).await;
        let said = format!("Its identities and keys are kept in {}. Ctrl+C stops it.", self.file.display());
        assert_eq!(lines.last(), Some(&said));
        let address = lines[0].split(' ').find_map(|word| word.strip_prefix("http://")).unwrap();
        (running, Bench { address: address.parse().unwrap() })
    }

    /// What the program says that does not start with this file.
    async fn refused(&self) -> String {
        let (code, stdout, stderr) = run(cli(&self.arguments(), &[])).await;
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        stderr
    }
}

fn signed_with(bench: &Bench, key: &str, target: &str, body: &str) -> Call {
    bench.bent("POST", target, body, |signing| signing.key = STANDARD.decode(key).unwrap())
}

async fn shown(bench: &Bench, path: &str) -> Value {
    bench.control("GET", path, &Value::Null).await.json()
}

async fn status(bench: &Bench, token: &str) -> Value {
    bench.control("POST", "tokens/check", &json!({ "token": token })).await.json()["status"].clone()
}

#[tokio::test]
async fn a_restart_keeps_identities_tokens_and_keys() {
    let place = StoreLocation::new();
    let (mut running, bench) = place.start().await;
    let with_token = json!({ "createTokenWithScopes": ["chat"] }).to_string();
    let mut tokens = Vec::new();
    for (after, status) in
        [(None, "valid"), (Some(("POST", "/:revokeAccessTokens")), "revoked"), (Some(("DELETE", "")), "deleted")]
    {
        let made = bench.ask("POST", &format!("/identities?{STABLE}"), &with_token).await.json();
        if let Some((method, what)) = after {
            let id = made["identity"]["id"].as_str().unwrap();
            assert_eq!(bench.ask(method, &format!("/identities/{id}{what}?{STABLE}"), "").await.status, 204);
        }
        tokens.push((made["accessToken"]["token"].as_str().unwrap().to_owned(), status));
    }
    let known = bench.identity().await;
    // The issuer's keys in their second state, so that their ids are kept, too.
    assert_eq!(bench.control("POST", "oidc/rotate", &Value::Null).await.status, 204);
    assert_eq!(bench.control("POST", "oidc/tokens", &json!({})).await.status, 200);
    let keys = bench.control("POST", "keys/regenerate", &json!({ "keyType": "primary" })).await.json();
    let primary = keys["primaryKey"].as_str().unwrap();
    bench.control("PUT", "settings", &json!({ "gone": "IdentityNotFound" })).await;
    bench.control("POST", "faults", &json!({ "operation": "delete-identity", "reset": true })).await;
    let state = shown(&bench, "state").await;
    let (issuer, signer) = (shown(&bench, "oidc/jwks").await, shown(&bench, "jwks.json").await);
    running.kill().await;

    let (mut running, bench) = place.start().await;
    let found = shown(&bench, "state").await;
    assert_eq!(found["identities"], state["identities"]);
    assert_eq!(found["identities"].as_array().unwrap().len(), 4);
    assert_eq!((shown(&bench, "oidc/jwks").await, shown(&bench, "jwks.json").await), (issuer, signer));
    assert_eq!(shown(&bench, "keys").await, keys);
    for (token, expected) in &tokens {
        assert_eq!(status(&bench, token).await, *expected);
    }
    let target = format!("/identities/{known}/:issueAccessToken?{STABLE}");
    let voip = r#"{"scopes":["voip"]}"#;
    assert_eq!(bench.ask("POST", &target, voip).await.status, 401, "the key that was regenerated");
    assert_eq!(bench.send(&signed_with(&bench, primary, &target, voip)).await.status, 200);
    // What is for one run alone.
    assert_eq!((&found["calls"], &found["faults"]), (&json!({}), &json!([])));
    assert_eq!(found["settings"]["gone"], "IdentityNotOwned");

    assert_eq!(bench.control("POST", "reset", &Value::Null).await.status, 204);
    running.kill().await;
    let (_running, bench) = place.start().await;
    assert_eq!(shown(&bench, "state").await["identities"], json!([]));
    let target = format!("/identities?{STABLE}");
    assert_eq!(bench.ask("POST", &target, "{}").await.status, 201, "the published key");
}

#[tokio::test]
async fn a_file_of_an_earlier_version_is_read() {
    let place = StoreLocation::new();
    let (mut running, bench) = place.start().await;
    let id = bench.identity().await;
    running.kill().await;
    let mut state: Value = serde_json::from_slice(&fs::read(&place.file).unwrap()).unwrap();
    state["identities"][0]["customId"] = json!("sally@contoso.com");
    fs::write(&place.file, state.to_string()).unwrap();
    let (_running, bench) = place.start().await;
    assert_eq!(bench.ask("DELETE", &format!("/identities/{id}?{STABLE}"), "").await.status, 204);
}

#[tokio::test]
async fn whatever_was_answered_is_there_after_a_kill() {
    let place = StoreLocation::new();
    let (mut running, bench) = place.start().await;
    // A key of its own: should another test's emulator get the port of one that was killed, it denies what is left over.
    let keys = bench.control("POST", "keys/regenerate", &json!({ "keyType": "secondary" })).await.json();
    let key = Arc::new(keys["secondaryKey"].as_str().unwrap().to_owned());
    let mut address = bench.address;
    let mut answered = Vec::new();
    for round in 1..=3 {
        let (send, mut ids) = mpsc::unbounded_channel();
        for _ in 0..8 {
            let (send, key, bench) = (send.clone(), Arc::clone(&key), Bench { address });
            tokio::spawn(async move {
                let call = signed_with(&bench, &key, &format!("/identities?{STABLE}"), "{}");
                while let Ok(answer) = bench.try_send(&call).await
                    && answer.status == 201
                {
                    send.send(answer.json()["identity"]["id"].as_str().unwrap().to_owned()).unwrap();
                }
            });
        }
        drop(send);
        for _ in 0..25 {
            answered.push(ids.recv().await.unwrap());
        }
        running.kill().await;
        while let Some(id) = ids.recv().await {
            answered.push(id);
        }
        let bench;
        (running, bench) = place.start().await;
        address = bench.address;
        let state = shown(&bench, "state").await;
        let kept: Vec<&str> =
            state["identities"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert!(answered.len() >= round * 25);
        for id in &answered {
            assert!(kept.contains(&&**id), "{id} is lost in round {round}");
        }
    }
}

#[tokio::test]
async fn two_emulators_do_not_share_a_file() {
    let place = StoreLocation::new();
    let (mut running, bench) = place.start().await;
    let id = bench.identity().await;
    let said = format!(
        "error: {}: another emulator uses this state file; stop that one, or choose another place with --state\n",
        place.file.display()
    );
    assert_eq!(place.refused().await, said);
    assert_eq!(bench.ask("DELETE", &format!("/identities/{id}?{STABLE}"), "").await.status, 204);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        assert_eq!(fs::metadata(&place.file).unwrap().permissions().mode() & 0o777, 0o600);
        // Another name for the file is no way around.
        let link = StoreLocation::new();
        symlink(&place.file, &link.file).unwrap();
        assert_eq!(link.refused().await, said);
    }
    running.kill().await;
    place.start().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_left_as_it_is() {
    let place = StoreLocation::new();
    place.start().await.0.kill().await;
    let good = fs::read_to_string(&place.file).unwrap();
    let parsed: Value = serde_json::from_str(&good).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = parsed.clone();
        changed[name] = value;
        changed.to_string()
    };
    let broken = |line, column| format!("is invalid at line {line}, column {column}");
    let foreign = "is not a state file of an emulator".to_owned();
    let unknown = with("unknown", json!("a secret"));
    let (last, behind) = (unknown.len(), unknown.find("\"unknown\"").unwrap() + "\"unknown\"".len());
    assert!(behind < last);
    let invalid_key = with("signingKey", json!("AAAA"));
    let signing_key = invalid_key.find("\"AAAA\"").unwrap() + "\"AAAA\"".len();
    for (text, why) in [
        (String::new(), broken(1, 0)),
        ("not JSON".to_owned(), broken(1, 2)),
        (good[..good.len() / 2].to_owned(), broken(1, good.len() / 2)),
        ("[]".to_owned(), foreign.clone()),
        (json!({ "version": 1 }).to_string(), foreign.clone()),
        (with("format", json!("another program's")), foreign),
        (with("version", json!(2)), "has the format version 2; this program reads version 1".to_owned()),
        (unknown, broken(1, behind)),
        (invalid_key, broken(1, signing_key)),
        (
            with("resource", json!(Uuid::nil())),
            format!("belongs to the resource {}, not to {}", Uuid::nil(), Options::default().resource),
        ),
    ] {
        fs::write(&place.file, &text).unwrap();
        let said = format!(
            "error: {}: {why}. The file was not changed; choose another file, or delete this one to start anew\n",
            place.file.display()
        );
        assert_eq!(place.refused().await, said);
        assert_eq!(fs::read_to_string(&place.file).unwrap(), text);
    }
    fs::write(&place.file, good).unwrap();
    place.start().await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_answered() {
    let place = StoreLocation::new();
    let (mut running, bench) = place.start().await;
    // Where the next state would be written.
    let new = place.file.with_file_name("state.json.new");
    fs::create_dir(&new).unwrap();
    let answer = bench.ask("POST", &format!("/identities?{STABLE}"), "{}").await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (500, &json!("InternalServerError")));
    fs::remove_dir(&new).unwrap();
    let id = bench.identity().await;
    running.kill().await;
    let (_running, bench) = place.start().await;
    let state = shown(&bench, "state").await;
    assert!(state["identities"].as_array().unwrap().iter().any(|identity| identity["id"] == *id));
}

#[tokio::test]
async fn a_program_of_ones_own_keeps_its_state_as_well() {
    let place = StoreLocation::new();
    let options = Options { resource: Uuid::new_v4(), ..Options::default() };
    let emulator = Emulator::open(options.clone(), &place.file).unwrap();
    let taken = Emulator::open(options.clone(), &place.file).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::ResourceBusy);
    assert!(fs::read_to_string(&place.file).unwrap().contains(&options.resource.to_string()));
    drop(emulator);
    let missing = Emulator::open(options.clone(), &place.file.join("below")).unwrap_err();
    assert!(missing.to_string().starts_with(place.file.to_str().unwrap()), "{missing}");
}
