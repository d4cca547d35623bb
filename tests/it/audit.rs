//! The audit records, as a process writes them.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    harness::{self, Answer},
    process::{Running, cli},
};

const KEY: &str = "a-key-of-the-web-site";
const APP: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";

fn short_hash(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(6).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// `acs-tokens serve` with an emulator behind it.
struct Service {
    running: Running,
    base: String,
    http: reqwest::Client,
    /// Who is signed in; nobody, where a back end asks.
    person: Option<String>,
}

impl Service {
    async fn start(emulator: &str, connection_string: &str) -> Self {
        let environment = [
            ("COMMUNICATION_SERVICES_CONNECTION_STRING", connection_string),
            ("CALLER_KEYS", &format!("web={KEY}")),
            ("TOKEN_POLICY", r#"{"keys":{"web":{"scopes":["voip","chat.join"],"maxMinutes":90}}}"#),
            ("OIDC_ISSUERS", &format!("{emulator}/_emulator/oidc/{TENANT}/v2.0")),
            ("OIDC_AUDIENCES", APP),
            ("USER_DIRECTORY", "memory:"),
        ];
        let mut running = Running::start(cli(&["serve", "--port", "0"], &environment));
        let lines = running.until(|line| line.contains("\"serving\"")).await;
        let line: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        let base = format!("http://{}/api", line["address"].as_str().unwrap());
        Self { running, base, http: reqwest::Client::builder().build().unwrap(), person: None }
    }

    /// Asks, and gives the answer with the records that were written meanwhile.
    async fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> (Answer, Vec<Value>) {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        request = match &self.person {
            Some(bearer) => request.header("authorization", bearer),
            None => request.header("x-functions-key", KEY),
        };
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = Answer::of(request).await;
        let lines = self.running.until(|line| line.contains("duration_ms")).await;
        for line in &lines {
            assert_eq!(line.matches("\"request_id\"").count(), 1, "{line}");
            for secret in [KEY, "8:acs:", "eyJ", "sally", USER, TENANT] {
                assert!(!line.contains(secret), "{line}");
            }
        }
        let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        (answer, lines.filter(|line| line["target"] == "acs_tokens::audit").collect())
    }
}

/// Asks at the emulator's control API for a token.
async fn token(service: &Service, url: String, order: Value) -> String {
    let request = service.http.post(url).header("content-type", "application/json").body(order.to_string());
    let answer: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

/// Checks that there is one record, with these fields and those that every record has.
#[track_caller]
fn assert_record(answer: &Answer, records: &[Value], expected: &Value) {
    assert_eq!(records.len(), 1, "{records:?}");
    assert_fields(answer, &records[0], expected);
}

#[track_caller]
fn assert_fields(answer: &Answer, record: &Value, expected: &Value) {
    let mut record = record.clone();
    // What every line of the request has besides, such as its trace, is none of the record's.
    let own =
        ["level", "target", "message", "caller", "action", "identity", "scopes", "minutes", "outcome", "request_id"];
    record.as_object_mut().unwrap().retain(|name, _| own.contains(&name.as_str()));
    let mut whole = json!({
        "level": "INFO", "target": "acs_tokens::audit", "message": "audit",
        "caller": "key:web", "request_id": answer.header("x-request-id"),
    });
    whole.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
    assert_eq!(record, whole);
}

#[tokio::test]
async fn one_record_for_each_thing_done() {
    let (emulator, connection_string) = harness::emulator().await;
    let mut service = Service::start(&emulator, &connection_string).await;

    let (answer, records) = service.ask("POST", "/identities", Some(&json!({}))).await;
    let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
    let identity = short_hash(&id);
    let done = |action: &str| json!({ "action": action, "identity": identity, "outcome": "done" });
    assert_record(&answer, &records, &done("create-identity"));

    let tokens = format!("/identities/{id}/tokens");
    let (answer, records) = service.ask("POST", &tokens, Some(&json!({}))).await;
    let mut issued = done("issue-token");
    issued["scopes"] = json!("voip chat.join");
    issued["minutes"] = json!(90);
    assert_record(&answer, &records, &issued);

    // What is refused is recorded with what was asked for.
    let (answer, records) = service.ask("POST", &tokens, Some(&json!({ "scopes": ["chat", "voip"] }))).await;
    let refused =
        json!({ "action": "issue-token", "identity": identity, "scopes": "chat voip", "outcome": "beyond-policy" });
    assert_record(&answer, &records, &refused);

    let (answer, records) = service.ask("DELETE", &tokens, None).await;
    assert_record(&answer, &records, &done("revoke-tokens"));
    let (answer, records) = service.ask("DELETE", &format!("/identities/{id}"), None).await;
    assert_record(&answer, &records, &done("delete-identity"));
    let (answer, records) = service.ask("POST", &tokens, Some(&json!({}))).await;
    issued["outcome"] = json!("identity-not-found");
    assert_record(&answer, &records, &issued);

    let body = json!({ "createTokenWithScopes": ["voip"], "expiresInMinutes": 60 });
    let (answer, records) = service.ask("POST", "/identities", Some(&body)).await;
    let id = answer.json()["identity"]["id"].as_str().unwrap().to_owned();
    let created = json!({
        "action": "create-identity", "identity": short_hash(&id), "scopes": "voip", "minutes": 60, "outcome": "done",
    });
    assert_record(&answer, &records, &created);

    let url = format!("{emulator}/_emulator/entra/tokens");
    let entra = token(&service, url, json!({ "appId": APP, "userId": USER })).await;
    let body = json!({ "token": entra, "appId": APP, "userId": USER });
    let (answer, records) = service.ask("POST", "/teams/tokens", Some(&body)).await;
    let exchanged = json!({ "action": "exchange-teams-token", "identity": short_hash(USER), "outcome": "done" });
    assert_record(&answer, &records, &exchanged);

    // What never got so far is none of the records' business.
    let (_, records) = service.ask("POST", "/identities", Some(&json!([]))).await;
    assert!(records.is_empty());
}

#[tokio::test]
async fn one_record_for_each_thing_done_for_a_person() {
    let (emulator, connection_string) = harness::emulator().await;
    let mut service = Service::start(&emulator, &connection_string).await;
    let claims = json!({ "aud": APP, "tid": TENANT, "oid": USER, "azp": APP, "scp": "x", "sub": "alice" });
    let url = format!("{emulator}/_emulator/oidc/{TENANT}/v2.0/tokens");
    let bearer = token(&service, url, json!({ "claims": claims })).await;
    service.person = Some(format!("Bearer {bearer}"));
    // Found again by whoever has the ids, and by nobody else.
    let subject = Sha256::digest(json!(["entra", TENANT, USER]).to_string());
    let caller = subject.iter().take(8).fold("user:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"));
    let with = |mut record: Value, more: &[(&str, Value)]| {
        record["caller"] = json!(caller);
        record.as_object_mut().unwrap().extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        record
    };

    // The first token brings the identity with it, and a record of that.
    let (answer, records) = service.ask("POST", "/me/token", None).await;
    let id = answer.json()["user"]["communicationUserId"].as_str().unwrap().to_owned();
    let done = |action: &str, more: &[(&str, Value)]| {
        with(json!({ "action": action, "identity": short_hash(&id), "outcome": "done" }), more)
    };
    let given = [("scopes", json!("chat.join voip.join")), ("minutes", json!(60))];
    assert_eq!(records.len(), 2, "{records:?}");
    assert_fields(&answer, &records[0], &done("create-identity", &[]));
    assert_fields(&answer, &records[1], &done("my-token", &given));

    let body = json!({ "scopes": ["voip.join"] });
    let (answer, records) = service.ask("POST", "/me/token", Some(&body)).await;
    assert_record(&answer, &records, &done("my-token", &[("scopes", json!("voip.join")), ("minutes", json!(60))]));

    let body = json!({ "scopes": ["chat"], "expiresInMinutes": 90 });
    let (answer, records) = service.ask("POST", "/me/token", Some(&body)).await;
    let asked = [("scopes", json!("chat")), ("minutes", json!(90))];
    assert_record(&answer, &records, &with(json!({ "action": "my-token", "outcome": "beyond-policy" }), &asked));

    let (answer, records) = service.ask("DELETE", "/me/tokens", None).await;
    assert_record(&answer, &records, &done("revoke-my-tokens", &[]));

    let (answer, records) = service.ask("DELETE", "/me", None).await;
    assert_eq!(records.len(), 2, "{records:?}");
    assert_fields(&answer, &records[0], &done("delete-identity", &[]));
    assert_fields(&answer, &records[1], &done("delete-me", &[]));
    let nobody = |action: &str| with(json!({ "action": action, "outcome": "done" }), &[]);
    // What is there to be done is recorded though there is nothing to do.
    let (answer, records) = service.ask("DELETE", "/me", None).await;
    assert_record(&answer, &records, &nobody("delete-me"));
    let (answer, records) = service.ask("DELETE", "/me/tokens", None).await;
    assert_record(&answer, &records, &nobody("revoke-my-tokens"));

    let url = format!("{emulator}/_emulator/entra/tokens");
    let order = |user: &str| json!({ "appId": APP, "userId": user, "tenantId": TENANT });
    let (own, others) = (token(&service, url.clone(), order(USER)).await, token(&service, url, order(TENANT)).await);
    for (token, outcome) in [(own, "done"), (others, "teams-token-refused")] {
        let (answer, records) = service.ask("POST", "/me/teams-token", Some(&json!({ "token": token }))).await;
        let record = json!({ "action": "my-teams-token", "identity": short_hash(USER), "outcome": outcome });
        assert_record(&answer, &records, &with(record, &[]));
    }
}
