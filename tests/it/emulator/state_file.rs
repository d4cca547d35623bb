//! The state file: what a restart keeps, also after a kill, and which files are rejected.

use std::{fs, io, path::PathBuf, sync::Arc};

use acs_tokens::emulator::{Emulator, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    CREATE, Server, target,
    teams_phone::{ASSIGNMENT, SAVED, assign, entra_token, exchange},
};
use crate::process::{Running, cli, run};

/// A state file in a folder of its own.
struct StateFile {
    _folder: TempDir,
    path: PathBuf,
}

impl StateFile {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("state.json");
        Self { _folder: folder, path }
    }

    fn arguments(&self) -> [&str; 7] {
        ["emulator", "--port", "0", "--https-port", "0", "--state", self.path.to_str().unwrap()]
    }

    /// Starts the program with this file.
    async fn start(&self) -> (Running, Server) {
        let mut running = Running::start(cli(&self.arguments(), &[]));
        let lines = running.until(|line| line.ends_with("Ctrl+C stops it.")).await;
        let kept = format!("Its identities and keys are kept in {}. Ctrl+C stops it.", self.path.display());
        assert_eq!(lines.last(), Some(&kept));
        let address = lines[0].split(' ').find_map(|word| word.strip_prefix("http://")).unwrap();
        (running, Server { address: address.parse().unwrap() })
    }

    /// Starts the program, which must exit with this error.
    async fn assert_rejected(&self, error: &str) {
        let (code, stdout, stderr) = run(cli(&self.arguments(), &[])).await;
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (1, "", &*format!("error: {error}\n")));
    }
}

#[tokio::test]
async fn a_restart_keeps_identities_tokens_and_keys() {
    let file = StateFile::new();
    let (mut running, server) = file.start().await;
    let with_token = json!({ "createTokenWithScopes": ["chat"] }).to_string();
    let mut tokens = Vec::new();
    for (change, status) in
        [(None, "valid"), (Some(("POST", "/:revokeAccessTokens")), "revoked"), (Some(("DELETE", "")), "deleted")]
    {
        let created = server.call("POST", CREATE, &with_token).await.json();
        if let Some((method, operation)) = change {
            let path = target(created["identity"]["id"].as_str().unwrap(), operation);
            assert_eq!(server.call(method, &path, "").await.status, 204);
        }
        tokens.push((created["accessToken"]["token"].as_str().unwrap().to_owned(), status));
    }
    // The key ids of the test issuer change with each rotation.
    server.order("POST", "oidc/rotate", &Value::Null).await;
    server.post("oidc/tokens", &json!({})).await;
    let keys = server.post("keys/regenerate", &json!({ "keyType": "primary" })).await;
    let primary = keys["primaryKey"].as_str().unwrap();
    server.order("PUT", "settings", &json!({ "gone": "IdentityNotOwned" })).await;
    server.order("POST", "faults", &json!({ "operation": "delete-identity", "reset": true })).await;
    let state = server.get("state").await;
    let key_sets = (server.get("oidc/jwks").await, server.get("jwks.json").await);
    running.kill().await;

    let (mut running, server) = file.start().await;
    let found = server.get("state").await;
    assert_eq!(found["identities"], state["identities"]);
    assert_eq!(found["identities"].as_array().unwrap().len(), 3);
    assert_eq!((server.get("oidc/jwks").await, server.get("jwks.json").await), key_sets);
    assert_eq!(server.get("keys").await, keys);
    for (token, status) in &tokens {
        assert_eq!(server.token_status(token).await, *status);
    }
    assert_eq!(server.call("POST", CREATE, "{}").await.status, 401, "the primary key was regenerated");
    assert_eq!(server.send(&server.signed_with(primary, CREATE, "{}")).await.status, 201);
    assert_eq!((&found["calls"], &found["faults"]), (&json!({}), &json!([])), "not in the file");
    assert_eq!(found["settings"]["gone"], "IdentityNotFound", "not in the file");

    server.order("POST", "reset", &Value::Null).await;
    running.kill().await;
    let (_running, server) = file.start().await;
    assert_eq!(server.get("state").await["identities"], json!([]));
    assert_eq!(server.call("POST", CREATE, "{}").await.status, 201, "the published key is valid again");
}

#[tokio::test]
async fn a_restart_keeps_assignments() {
    let file = StateFile::new();
    let (mut running, server) = file.start().await;
    assert_eq!(assign(&server).await.status, 201);
    let entra = entra_token(&server, json!({})).await;
    let token = exchange(&server, &entra).await.json()["accessToken"]["token"].as_str().unwrap().to_owned();
    running.kill().await;

    let (mut running, server) = file.start().await;
    let answer = server.call("GET", ASSIGNMENT, "").await;
    assert_eq!((answer.status, &*answer.body), (200, SAVED));
    assert_eq!(server.token_status(&token).await, "valid");
    assert_eq!(exchange(&server, &entra).await.status, 200);
    assert_eq!(server.call("DELETE", ASSIGNMENT, "").await.status, 204);
    running.kill().await;

    let (_running, server) = file.start().await;
    assert_eq!(server.call("GET", ASSIGNMENT, "").await.status, 404);
    assert_eq!(server.token_status(&token).await, "revoked");
}

#[tokio::test]
async fn files_of_earlier_versions_are_read() {
    let file = StateFile::new();
    let (mut running, server) = file.start().await;
    let id = server.identity().await;
    server.order("POST", "oidc/rotate", &Value::Null).await;
    let keys = server.get("oidc/jwks").await;
    running.kill().await;
    let mut state: Value = serde_json::from_slice(&fs::read(&file.path).unwrap()).unwrap();
    state["identities"][0]["customId"] = json!("sally@contoso.com");
    let issuer = state["testIssuer"].as_object_mut().unwrap();
    let rotations = issuer.remove("rotations").unwrap();
    issuer.insert("rolls".to_owned(), rotations);
    fs::write(&file.path, state.to_string()).unwrap();
    let (_running, server) = file.start().await;
    assert_eq!(server.get("oidc/jwks").await, keys);
    assert_eq!(server.call("DELETE", &target(&id, ""), "").await.status, 204);
}

#[tokio::test]
async fn a_kill_loses_no_answered_change() {
    let file = StateFile::new();
    let (mut running, mut server) = file.start().await;
    // With a key of its own: another test's emulator that gets the port of a killed one denies the remaining requests.
    let keys = server.post("keys/regenerate", &json!({ "keyType": "secondary" })).await;
    let key = Arc::new(keys["secondaryKey"].as_str().unwrap().to_owned());
    let mut answered = Vec::new();
    for round in 1..=3 {
        let (send, mut ids) = mpsc::unbounded_channel();
        for _ in 0..8 {
            let (send, key, server) = (send.clone(), Arc::clone(&key), Server { address: server.address });
            tokio::spawn(async move {
                let request = server.signed_with(&key, CREATE, "{}");
                while let Ok(answer) = server.try_send(&request).await
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
        (running, server) = file.start().await;
        let state = server.get("state").await;
        let kept: Vec<_> =
            state["identities"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert!(answered.len() >= round * 25);
        for id in &answered {
            assert!(kept.contains(&&**id), "{id} is lost in round {round}");
        }
    }
}

#[tokio::test]
async fn two_emulators_cannot_share_a_file() {
    let file = StateFile::new();
    let (mut running, server) = file.start().await;
    let error = format!(
        "{}: another emulator uses this state file; stop that one, or choose another place with --state",
        file.path.display()
    );
    file.assert_rejected(&error).await;
    server.identity().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
        let link = StateFile::new();
        symlink(&file.path, &link.path).unwrap();
        link.assert_rejected(&error).await;
    }
    running.kill().await;
    file.start().await;
}

#[tokio::test]
async fn an_invalid_file_is_rejected_and_not_changed() {
    let file = StateFile::new();
    file.start().await.0.kill().await;
    let good = fs::read_to_string(&file.path).unwrap();
    let parsed: Value = serde_json::from_str(&good).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = parsed.clone();
        changed[name] = value;
        changed.to_string()
    };
    let invalid = |column| format!("is invalid at line 1, column {column}");
    let after = |text: &str, part: &str| text.find(part).unwrap() + part.len();
    let foreign = "is not a state file of an emulator".to_owned();
    let (unknown, key) = (with("unknown", json!("a secret")), with("signingKey", json!("AAAA")));
    let (unknown_at, key_at) = (after(&unknown, "\"unknown\""), after(&key, "\"AAAA\""));
    let (nil, own) = (Uuid::nil(), Options::default().resource);
    for (text, why) in [
        ("not JSON".to_owned(), invalid(2)),
        (good[..good.len() / 2].to_owned(), invalid(good.len() / 2)),
        ("[]".to_owned(), foreign.clone()),
        (json!({ "version": 1 }).to_string(), foreign.clone()),
        (with("format", json!("another program's")), foreign),
        (with("version", json!(2)), "has the format version 2; this program reads version 1".to_owned()),
        (unknown, invalid(unknown_at)),
        (key, invalid(key_at)),
        (with("resource", json!(nil)), format!("belongs to the resource {nil}, not to {own}")),
    ] {
        fs::write(&file.path, &text).unwrap();
        let remedy = "The file was not changed; choose another file, or delete this one to start with an empty state";
        file.assert_rejected(&format!("{}: {why}. {remedy}", file.path.display())).await;
        assert_eq!(fs::read_to_string(&file.path).unwrap(), text);
    }
    fs::write(&file.path, good).unwrap();
    file.start().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_saved_is_answered_with_500() {
    let file = StateFile::new();
    let (mut running, server) = file.start().await;
    // Blocks the path of the next state.
    let new = file.path.with_file_name("state.json.new");
    fs::create_dir(&new).unwrap();
    let answer = server.call("POST", CREATE, "{}").await;
    answer.assert_error(500, "InternalServerError", "The emulator failed; see its log.", None);
    fs::remove_dir(&new).unwrap();
    let id = server.identity().await;
    running.kill().await;
    let (_running, server) = file.start().await;
    let state = server.get("state").await;
    assert!(state["identities"].as_array().unwrap().iter().any(|identity| identity["id"] == *id));
}

#[tokio::test]
async fn a_library_user_opens_a_file() {
    let file = StateFile::new();
    let options = Options { resource: Uuid::new_v4(), ..Options::default() };
    let emulator = Emulator::open(options.clone(), &file.path).unwrap();
    let busy = Emulator::open(options.clone(), &file.path).unwrap_err();
    assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
    assert!(fs::read_to_string(&file.path).unwrap().contains(&options.resource.to_string()));
    drop(emulator);
    let below = Emulator::open(options, &file.path.join("below")).unwrap_err();
    assert!(below.to_string().starts_with(file.path.to_str().unwrap()), "{below}");
}
