//! The examples of the document are what the functions answer.

use std::{collections::BTreeMap, fs, path::Path};

use acs_identity::{ConnectionString, IdentityClient, TeamsPhoneAssignment, TeamsPhoneUser};
use acs_tokens::{
    access::{
        AccessRules,
        rate_limits::{RateLimits, Rates},
    },
    directory::{DirectoryKey, DirectorySettings},
    functions::{AuthLevel, FUNCTIONS},
};
use serde_json::{Map, Value, json};

use super::is_written;
use crate::{
    harness::{
        Answer, Api, FOREIGN_ID,
        users::{CLIENT, TENANT},
    },
    process::free_port,
};

const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
const REQUEST_ID: &str = "1f7b04d6-2c13-4d0e-9a53-c4b8f9a1d0e2";

/// Replaces what differs in each run: tokens, times, ids of identities, and the address of the issuer.
fn stable(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let of_pass = fields.contains_key("pass");
            fields.iter_mut().for_each(|(name, value)| {
                let fixed = match name.as_str() {
                    "pass" => json!("mk1CqIVcZxrZ4nKJAcEZ9wABADwQ4Z3vK7oR.nIs…"),
                    "id" if of_pass => json!("mk1CqIVcZxrZ4nKJAcEZ9wABADwQ4Z3vK7oR"),
                    "token" => json!("eyJhbGciOiJSUzI1NiIs…"),
                    "expiresOn" => json!("2026-12-01T10:21:39.3244584+00:00"),
                    "expiresOnTimestamp" => json!(1_796_120_499_324_i64),
                    "id" | "communicationUserId" => {
                        json!("8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000005-14a2-493b-8a72-5a3a0d000081")
                    }
                    "issuer" => json!("https://login.contoso.example"),
                    _ => return stable(value),
                };
                assert_eq!(fixed.is_string(), value.is_string(), "{name}");
                *value = fixed;
            });
        }
        Value::Array(items) => items.iter_mut().for_each(stable),
        _ => {}
    }
}

fn made_stable(mut value: Value) -> Value {
    stable(&mut value);
    value
}

/// A service with its users.
struct Caller {
    api: Api,
    alice: String,
    teams_user: String,
    /// The id of a guest pass, and the pass.
    pass: [String; 2],
}

impl Caller {
    async fn new() -> Self {
        let api = Api::direct_with_users().await;
        let alice = api.sign_in_as("alice").await;
        let claims = json!({ "tid": TENANT, "oid": USER, "sub": "x", "azp": CLIENT, "scp": "access_as_user" });
        let teams_user = api.sign_in_by_entra(claims).await;
        let acs = api.connection_string().parse::<ConnectionString>().unwrap();
        let user = TeamsPhoneUser { tenant_id: TENANT.parse().unwrap(), object_id: USER.parse().unwrap() };
        let assignment =
            TeamsPhoneAssignment { principal_type: "user".to_owned(), client_ids: vec![CLIENT.parse().unwrap()] };
        let client = IdentityClient::from_connection_string(acs).unwrap();
        client.put_teams_phone_assignment(user, &assignment).await.unwrap();
        let pass = api.post("/api/guests", "{}").await.json();
        let pass = [pass["id"].as_str().unwrap().to_owned(), format!("Bearer {}", pass["pass"].as_str().unwrap())];
        Self { api, alice, teams_user, pass }
    }

    async fn entra_token(&self, more: Value) -> Value {
        let mut request = json!({ "appId": CLIENT, "userId": USER, "tenantId": TENANT });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.api.control("POST", "entra/tokens", Some(request)).await["token"].clone()
    }

    /// Calls a function. `id` stands for the parameter of its route.
    async fn call(&self, function: &str, id: &str, query: &str, body: &Value) -> Answer {
        let function = FUNCTIONS.iter().find(|other| other.name == function).unwrap();
        let route = function.route.replace("{id}", id).replace("{passId}", &self.pass[0]);
        let path = format!("/api/{route}{query}");
        let user = match function.auth_level {
            AuthLevel::Pass => &self.pass[1],
            _ if function.name.contains("teams") => &self.teams_user,
            _ => &self.alice,
        };
        let request = self.api.of(user, function.methods[0], &path).header("x-request-id", REQUEST_ID);
        let request = if body.is_null() {
            request
        } else {
            request.header("content-type", "application/json").body(body.to_string())
        };
        Answer::of(request).await
    }
}

/// Returns the examples of the functions: requests and their answers, by the name of the function.
async fn functions() -> BTreeMap<&'static str, Vec<Value>> {
    let caller = Caller::new().await;
    let id = caller.api.new_identity().await;
    let teams = caller.entra_token(json!({})).await;
    let phone = caller.entra_token(json!({ "scope": "TeamsExtension.ManageCalls" })).await;
    let bob = json!({ "issuer": caller.api.issuer(), "subject": "bob" });
    let entra_user = json!({ "tenantId": TENANT, "objectId": "99999999-05ec-78ea-51ab-3f06b329397e" });
    let mut examples: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for (function, name, query, body) in [
        ("create-identity", "an identity", "", json!({})),
        ("create-identity", "with a token", "", json!({ "createTokenWithScopes": ["voip"], "expiresInMinutes": 60 })),
        ("issue-token", "two scopes", "", json!({ "scopes": ["chat", "voip"] })),
        ("issue-token", "for an hour", "", json!({ "scopes": ["voip.join"], "expiresInMinutes": 60 })),
        ("exchange-teams-token", "a Teams user", "", json!({ "token": teams, "appId": CLIENT, "userId": USER })),
        ("exchange-teams-phone-token", "a Teams Phone user", "", json!({ "token": phone })),
        ("block-user", "a user of Entra", "", entra_user.clone()),
        ("block-user", "another user", "", bob.clone()),
        ("unblock-user", "a user of Entra", "", entra_user),
        ("unblock-user", "another user", "", bob),
        ("create-guest-pass", "a guest", "", json!({})),
        (
            "create-guest-pass",
            "ten guests",
            "",
            json!({ "scopes": ["voip.join"], "expiresInMinutes": 60, "passExpiresInMinutes": 1440, "uses": 10 }),
        ),
        ("guest-token", "a guest", "", json!({ "guest": "d7f0c1a2-95b4-4c5e-8f1d-3a6b7c8d9e0f" })),
        ("my-token", "all that is allowed", "", json!({})),
        ("my-token", "less", "", json!({ "scopes": ["voip.join"], "expiresInMinutes": 60 })),
        ("my-teams-token", "the user's own", "", json!({ "token": teams })),
        ("my-teams-phone-token", "the user's own", "", json!({ "token": phone })),
        ("health", "alive", "", Value::Null),
        ("health", "ready", "?ready", Value::Null),
        ("revoke-guest-pass", "", "", Value::Null),
        ("revoke-my-tokens", "", "", Value::Null),
        ("delete-me", "", "", Value::Null),
        ("revoke-tokens", "", "", Value::Null),
        ("delete-identity", "", "", Value::Null),
        ("openapi", "", "", Value::Null),
        ("docs", "", "", Value::Null),
    ] {
        let answer = caller.call(function, &id, query, &body).await;
        assert!((200..300).contains(&answer.status), "{function}: {answer:?}");
        let examples = examples.entry(function).or_default();
        if !name.is_empty() {
            let body_of_answer = if answer.body.is_empty() { Value::Null } else { answer.json() };
            examples.push(json!({
                "name": name, "status": answer.status, "request": made_stable(body), "answer": made_stable(body_of_answer),
            }));
        }
    }
    examples
}

/// Returns a problem for each code that a request can cause at once, by code.
async fn problems() -> Map<String, Value> {
    let caller = Caller::new().await;
    let api = &caller.api;
    let fault = async |times: u8, status: u16, code: &str| {
        let message = "The scopes are not valid.";
        let body = json!({ "error": { "code": code, "message": message, "target": "scopes" } }).to_string();
        let fault = json!({ "times": times, "answer": { "status": status, "body": body } });
        api.control("POST", "faults", Some(fault)).await;
    };
    let raw = |path: &str, body: &str| {
        let request = api.request("POST", path).header("content-type", "application/json");
        request.header("x-request-id", REQUEST_ID).body(body.to_owned())
    };
    let large = format!("{{\"a\":\"{}\"}}", "a".repeat(16 * 1024));
    let mut answers = vec![
        Answer::of(raw("/api/identities", "")).await,
        Answer::of(raw("/api/identities", "{")).await,
        caller.call("issue-token", FOREIGN_ID, "", &json!({ "scopes": ["voice"], "expiresInMinutes": 5 })).await,
        caller.call("delete-identity", "alice", "", &Value::Null).await,
        caller.call("delete-identity", "8:acs:a_b%23", "", &Value::Null).await,
        Answer::of(raw("/api/me/token", "{}").header("authorization", "Bearer a").header("authorization", "Bearer b"))
            .await,
        Answer::of(raw("/api/me/token", "{}")).await,
        caller.call("my-teams-token", "", "", &json!({ "token": "eyJ" })).await,
        Answer::of(raw("/api/me/teams-token", "{}").header("authorization", &caller.alice)).await,
        caller.call("my-token", "", "", &json!({ "scopes": ["chat"], "expiresInMinutes": 1440 })).await,
        caller.call("delete-identity", FOREIGN_ID, "", &Value::Null).await,
        Answer::of(raw("/api/identities", &large)).await,
        Answer::of(raw("/api/identities", "{}").header("content-encoding", "gzip")).await,
    ];
    for (times, status, code) in
        [(1, 400, "ValidationError"), (1, 401, "Denied"), (1, 500, "InternalError"), (3, 429, "TooManyRequests")]
    {
        fault(times, status, code).await;
        answers.push(caller.call("create-identity", "", "", &json!({})).await);
        api.control("DELETE", "faults", None).await;
    }
    let phone = json!({ "token": caller.entra_token(json!({ "scope": "TeamsExtension.ManageCalls" })).await });
    for code in ["Forbidden", "UserLicenseNotPresentForbidden", "SubscriptionNotAllowed"] {
        fault(1, 403, code).await;
        answers.push(caller.call("exchange-teams-phone-token", "", "", &phone).await);
    }
    api.control("PUT", "settings", Some(json!({ "servicePrincipalMissing": true }))).await;
    answers.push(caller.call("exchange-teams-phone-token", "", "", &phone).await);
    fault(1, 401, "Denied").await;
    answers.push(caller.call("health", "", "?ready", &Value::Null).await);
    let guest = json!({ "guest": "d7f0c1a2-95b4-4c5e-8f1d-3a6b7c8d9e0f" });
    caller.call("guest-token", "", "", &guest).await.assert_ok(200);
    answers.push(caller.call("guest-token", "", "", &json!({ "guest": "another-guest-of-the-pass" })).await);
    caller.call("revoke-guest-pass", "", "", &Value::Null).await.assert_ok(204);
    answers.push(caller.call("guest-token", "", "", &guest).await);
    answers.push(Answer::of(raw("/api/guests/token", "{}").header("authorization", "Bearer eyJ")).await);
    answers.push(Answer::of(api.request("DELETE", "/api/guests/a").header("x-request-id", REQUEST_ID)).await);
    caller.call("block-user", "", "", &json!({ "issuer": api.issuer(), "subject": "alice" })).await;
    answers.push(caller.call("my-token", "", "", &json!({})).await);
    answers.extend(with_other_settings().await);
    let problem = |answer: Answer| {
        let problem = answer.problem();
        (problem["code"].as_str().unwrap().to_owned(), problem)
    };
    answers.into_iter().map(problem).collect()
}

/// Returns the problems of services without a directory, with one that cannot be reached, and with a rate limit.
async fn with_other_settings() -> Vec<Answer> {
    let my_token = async |api: &Api| {
        let alice = api.sign_in_as("alice").await;
        Answer::of(api.of(&alice, "POST", "/api/me/token").header("x-request-id", REQUEST_ID)).await
    };
    let location = format!("http://{}/devstoreaccount1/users", free_port().await).parse().unwrap();
    let unreachable = DirectorySettings::at(location, DirectoryKey::random());
    let mut answers = Vec::new();
    for directory in [None, Some(&unreachable)] {
        answers.push(my_token(&Api::with_users(directory, AccessRules::default()).await).await);
    }
    let rate_limits = RateLimits::new(Rates { users: 2.try_into().ok(), ..Rates::default() });
    let rules = AccessRules { rate_limits, ..AccessRules::default() };
    let api = Api::with_users(Some(&DirectorySettings::in_memory()), rules).await;
    for _ in 0..2 {
        my_token(&api).await.assert_ok(200);
    }
    let mut limited = my_token(&api).await;
    // The wait depends on the time of the call.
    limited.body = limited.body.replace(&format!("in {} s", limited.header("retry-after")), "in 30 s");
    answers.push(limited);
    answers
}

/// CONTRIBUTING.md says how to write the file again.
#[tokio::test]
async fn examples_are_what_the_functions_answer() {
    let examples = json!({ "functions": functions().await, "problems": problems().await });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openapi/examples.json");
    if is_written() {
        fs::write(&path, serde_json::to_string_pretty(&examples).unwrap() + "\n").unwrap();
    }
    let kept: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(examples, kept);
    assert_eq!(examples["functions"].as_object().unwrap().len(), FUNCTIONS.len());
}
