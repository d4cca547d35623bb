//! The fields that record an action: caller, action, identity, scopes, minutes and outcome.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Service, assert_fields, short_hash};
use crate::harness::Answer;

const KEY: &str = "a-key-of-the-web-site";
const APP: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";

/// A service that accepts a key and signed-in users, and a caller.
struct Caller {
    service: Service,
    credential: (&'static str, String),
    label: String,
}

impl Caller {
    async fn back_end() -> Self {
        let service = Service::server(|emulator| {
            let policy = r#"{"keys":{"web":{"scopes":["voip","chat.join"],"maxMinutes":90}}}"#;
            vec![
                ("CALLER_KEYS", format!("web={KEY}")),
                ("TOKEN_POLICY", policy.to_owned()),
                ("OIDC_ISSUERS", format!("{emulator}/_emulator/oidc/{TENANT}/v2.0")),
                ("OIDC_AUDIENCES", APP.to_owned()),
                ("USER_DIRECTORY", "memory:".to_owned()),
            ]
        })
        .await;
        Self { service, credential: ("x-functions-key", KEY.to_owned()), label: "key:web".to_owned() }
    }

    async fn user() -> Self {
        let mut caller = Self::back_end().await;
        let claims = json!({ "aud": APP, "tid": TENANT, "oid": USER, "azp": APP, "scp": "x", "sub": "alice" });
        let token = caller.token(&format!("oidc/{TENANT}/v2.0/tokens"), json!({ "claims": claims })).await;
        caller.credential = ("authorization", format!("Bearer {token}"));
        // An operator who knows the user's ids can compute the label.
        let subject = Sha256::digest(json!(["entra", TENANT, USER]).to_string());
        caller.label = subject.iter().take(8).fold("user:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"));
        caller
    }

    async fn token(&self, path: &str, body: Value) -> String {
        self.service.control(path, body).await["token"].as_str().unwrap().to_owned()
    }

    /// Sends a request. Asserts its line, which may leave out `identity`, `scopes` and `minutes` only if the expected
    /// fields do, and returns the answer with the lines before.
    async fn send(&mut self, method: &str, path: &str, body: Value, expected: Value) -> (Answer, Vec<Value>) {
        let (name, value) = &self.credential;
        let answer = Answer::of(self.service.request(method, path, &body).header(*name, value)).await;
        let mut lines = self.service.lines().await;
        for line in &lines {
            for secret in [KEY, "8:acs:", "eyJ", "sally", USER, TENANT] {
                assert!(!line.to_string().contains(secret), "{line}");
            }
            assert_fields(
                line,
                &json!({
                    "caller": self.label, "request_id": answer.header("x-request-id"), "level": "INFO",
                    "target": "acs_tokens::request_log",
                }),
            );
        }
        let last = lines.pop().unwrap();
        assert_fields(&last, &json!({ "identity": null, "scopes": null, "minutes": null }).merge(&expected));
        (answer, lines)
    }
}

trait Merge {
    fn merge(self, other: &Value) -> Value;
}

impl Merge for Value {
    fn merge(mut self, other: &Value) -> Value {
        self.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        self
    }
}

#[tokio::test]
async fn each_action_of_a_back_end_is_recorded() {
    let mut caller = Caller::back_end().await;
    // The identity in the record is that of the answer, so it is compared afterwards.
    let request = caller.service.request("POST", "/api/identities", &json!({})).header("x-functions-key", KEY);
    let answer = Answer::of(request).await;
    let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
    let identity = short_hash(&id);
    let line = caller.service.line().await;
    assert_fields(&line, &json!({ "action": "create-identity", "identity": identity, "outcome": "done" }));

    let (tokens, path) = (format!("/api/identities/{id}/tokens"), format!("/api/identities/{id}"));
    let exchange = {
        let body = json!({ "appId": APP, "userId": USER });
        let token = caller.token("entra/tokens", body.clone()).await;
        body.merge(&json!({ "token": token }))
    };
    let granted = json!({ "scopes": "voip chat.join", "minutes": 90 });
    for (method, path, body, message, action, outcome, more) in [
        ("POST", &*tokens, json!({}), "issued token", "issue-token", "done", granted.clone()),
        (
            "POST",
            &tokens,
            json!({ "scopes": ["chat", "voip"] }),
            "refused request",
            "issue-token",
            "beyond-policy",
            json!({ "scopes": "chat voip" }),
        ),
        ("DELETE", &tokens, Value::Null, "revoked tokens", "revoke-tokens", "done", json!({})),
        ("DELETE", &path, Value::Null, "deleted identity", "delete-identity", "done", json!({})),
        ("POST", &tokens, json!({}), "refused request", "issue-token", "identity-not-found", granted),
        (
            "POST",
            "/api/teams/tokens",
            exchange,
            "exchanged Teams token",
            "exchange-teams-token",
            "done",
            json!({ "identity": short_hash(USER) }),
        ),
        (
            "POST",
            "/api/identities",
            json!([]),
            "refused request",
            "create-identity",
            "malformed-json",
            json!({ "identity": null }),
        ),
    ] {
        let expected = json!({ "message": message, "action": action, "outcome": outcome, "identity": identity });
        let (_, before) = caller.send(method, path, body, expected.merge(&more)).await;
        assert!(before.is_empty(), "{before:#?}");
    }
}

#[tokio::test]
async fn each_action_of_a_user_is_recorded() {
    let mut caller = Caller::user().await;
    let all = json!({ "scopes": "voip.join", "minutes": 60 });
    let request = caller.service.request("POST", "/api/me/token", &Value::Null);
    let answer = Answer::of(request.header(caller.credential.0, &caller.credential.1)).await;
    let id = answer.json()["user"]["communicationUserId"].as_str().unwrap().to_owned();
    let identity = short_hash(&id);
    let own = |action: &str, message: &str| json!({ "action": action, "message": message, "outcome": "done", "identity": identity });
    // The identity that the directory created is a line of its own.
    let lines = caller.service.lines().await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_fields(&lines[0], &own("create-identity", "created identity").merge(&json!({ "caller": caller.label })));
    assert_fields(&lines[1], &own("my-token", "issued token").merge(&all));

    let body = json!({ "scopes": ["voip.join"] });
    let expected = own("my-token", "issued token").merge(&json!({ "scopes": "voip.join", "minutes": 60 }));
    caller.send("POST", "/api/me/token", body, expected).await;
    let body = json!({ "scopes": ["chat"], "expiresInMinutes": 90 });
    let expected = json!({ "action": "my-token", "outcome": "beyond-policy", "scopes": "chat", "minutes": 90 });
    caller.send("POST", "/api/me/token", body, expected).await;
    caller.send("DELETE", "/api/me/tokens", Value::Null, own("revoke-my-tokens", "revoked tokens")).await;

    let (_, before) = caller.send("DELETE", "/api/me", Value::Null, own("delete-me", "deleted user")).await;
    assert_eq!(before.len(), 1, "{before:#?}");
    assert_fields(&before[0], &own("delete-identity", "deleted identity"));
    // Without an identity.
    for (path, action) in [("/api/me", "delete-me"), ("/api/me/tokens", "revoke-my-tokens")] {
        caller.send("DELETE", path, Value::Null, json!({ "action": action, "outcome": "done" })).await;
    }

    for (user, outcome) in [(USER, "done"), (TENANT, "teams-token-refused")] {
        let token = caller.token("entra/tokens", json!({ "appId": APP, "userId": user, "tenantId": TENANT })).await;
        let expected = json!({ "action": "my-teams-token", "identity": short_hash(USER), "outcome": outcome });
        caller.send("POST", "/api/me/teams-token", json!({ "token": token }), expected).await;
    }
}

#[tokio::test]
async fn blocking_is_recorded_with_the_identity_and_without_the_user() {
    let mut user = Caller::user().await;
    let request = user.service.request("POST", "/api/me/token", &Value::Null);
    let answer = Answer::of(request.header(user.credential.0, &user.credential.1)).await;
    let identity = short_hash(answer.json()["user"]["communicationUserId"].as_str().unwrap());
    user.service.lines().await;
    let mut caller = Caller { credential: ("x-functions-key", KEY.to_owned()), label: "key:web".to_owned(), ..user };

    let body = json!({ "tenantId": TENANT, "objectId": USER });
    let expected =
        json!({ "action": "block-user", "message": "blocked user", "outcome": "done", "identity": identity });
    caller.send("POST", "/api/users/block", body.clone(), expected).await;
    let expected =
        json!({ "action": "unblock-user", "message": "unblocked user", "outcome": "done", "identity": identity });
    caller.send("POST", "/api/users/unblock", body.clone(), expected).await;
    let expected = json!({ "action": "block-user", "outcome": "invalid-fields" });
    caller.send("POST", "/api/users/block", json!({ "tenantId": TENANT, "subject": USER }), expected).await;
}

#[tokio::test]
async fn each_action_of_a_guest_is_recorded_with_a_hash_of_the_pass() {
    let mut caller = Caller::back_end().await;
    let expected = json!({
        "action": "create-guest-pass", "message": "created guest pass", "outcome": "done", "scopes": "voip.join",
        "minutes": 60,
    });
    let (answer, _) = caller.send("POST", "/api/guests", json!({}), expected).await;
    let [id, pass] = ["id", "pass"].map(|name| answer.json()[name].as_str().unwrap().to_owned());
    let mut guest = Caller {
        credential: ("authorization", format!("Bearer {pass}")),
        label: format!("pass:{}", short_hash(&id)),
        ..caller
    };
    let granted = json!({ "action": "guest-token", "message": "issued token", "outcome": "done", "scopes": "voip.join", "minutes": 60 });
    let request = guest.service.request("POST", "/api/guests/token", &Value::Null);
    let answer = Answer::of(request.header("authorization", format!("Bearer {pass}"))).await;
    let identity = short_hash(answer.json()["user"]["communicationUserId"].as_str().unwrap());
    let lines = guest.service.lines().await;
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let created = json!({ "action": "create-identity", "identity": identity, "caller": guest.label });
    assert_fields(&lines[0], &created);
    let granted = granted.merge(&json!({ "identity": identity }));
    assert_fields(&lines[1], &granted);
    guest.send("POST", "/api/guests/token", Value::Null, granted).await;
    let refused = json!({ "action": "guest-token", "outcome": "invalid-fields" });
    guest.send("POST", "/api/guests/token", json!({ "guest": "sally" }), refused).await;

    let mut caller = Caller { credential: ("x-functions-key", KEY.to_owned()), label: "key:web".to_owned(), ..guest };
    let path = format!("/api/guests/{id}");
    let expected = json!({ "action": "revoke-guest-pass", "message": "ended guest pass", "outcome": "done", "identity": identity });
    let (_, before) = caller.send("DELETE", &path, Value::Null, expected).await;
    assert_eq!(before.len(), 1, "{before:#?}");
    assert_fields(&before[0], &json!({ "action": "delete-identity", "identity": identity }));
}
