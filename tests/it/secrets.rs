//! Secrets and user identifiers appear in no log line of any level, no problem and no `Debug` output.

use acs_identity::{ConnectionString, IdentityClient, TeamsPhoneAssignment, TeamsPhoneUser};
use serde_json::{Value, json};

use crate::{
    harness::{
        self, Answer, Api, FOREIGN_ID,
        users::{Owned, TENANT},
    },
    host::{Generation, Keys},
};

const APP: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
const OTHER: &str = "99999999-05ec-78ea-51ab-3f06b329397e";
const PHONE: &str = "/api/teams-phone/tokens";
const MY_PHONE: &str = "/api/me/teams-phone-token";
const FUNCTION_KEY: &str = "a-function-key-that-is-secret";

/// Calls every function, with and without errors, with secrets in each place where a caller can put one. Returns the
/// secrets and the responses.
async fn call_everything(api: &Api) -> (Vec<String>, Vec<Answer>) {
    let post = |path: &str, body: String| {
        let request = api.request("POST", path).header("content-type", "application/json").body(body);
        Answer::of(
            request
                .header("x-functions-key", FUNCTION_KEY)
                .header("authorization", "Bearer a-bearer-token-of-a-caller"),
        )
    };
    let delete = |path: &str| Answer::of(api.request("DELETE", path).header("x-functions-key", FUNCTION_KEY));
    let entra = api.control("POST", "entra/tokens", Some(json!({ "appId": APP, "userId": USER }))).await;
    let entra = entra["token"].as_str().unwrap().to_owned();

    let create = || json!({ "createTokenWithScopes": ["voip"] }).to_string();
    let created = post("/api/identities", create()).await;
    let id = created.json()["identity"]["id"].as_str().unwrap().to_owned();
    let tokens = format!("/api/identities/{id}/tokens");
    let issued = post(&tokens, r#"{"scopes":["chat"],"expiresInMinutes":60}"#.to_owned()).await;
    let exchange = |token: &str| json!({ "token": token, "appId": APP, "userId": USER }).to_string();
    let exchanged = post("/api/teams/tokens", exchange(&entra)).await;
    assign(api).await;
    let phone = phone_token(api, USER).await;
    let phones = |token: &str| post(PHONE, json!({ "token": token }).to_string());
    let of_phone = phones(&phone).await.json()["accessToken"]["token"].as_str().unwrap().to_owned();
    let mut secrets = vec![entra.clone(), phone.clone(), of_phone, "a-bearer-token-of-a-caller".to_owned()];
    secrets.push(FUNCTION_KEY.to_owned());
    secrets.push(created.json()["accessToken"]["token"].as_str().unwrap().to_owned());
    secrets.extend([&issued, &exchanged].map(|answer| answer.json()["token"].as_str().unwrap().to_owned()));

    let path = format!("/api/identities/{id}");
    let mut answers = vec![
        post(&format!("/api/identities?code={FUNCTION_KEY}"), json!({ "token": entra }).to_string()).await,
        post("/api/teams/tokens", format!("{{\"token\":\"{entra}\"")).await,
        post("/api/teams/tokens", json!({ "token": entra, "appId": entra, "userId": USER }).to_string()).await,
        post("/api/teams/tokens", exchange(&format!("{entra}x"))).await,
        phones(&format!("{phone}x")).await,
        phones(&entra).await,
        post(PHONE, json!({ "token": phone, "appId": phone }).to_string()).await,
        post(&format!("/api/identities/{FOREIGN_ID}/tokens"), json!({ "scopes": [entra] }).to_string()).await,
        delete(&tokens).await,
        delete(&path).await,
    ];
    for fault in [json!({ "reset": true }), json!({ "answer": { "status": 401 } }), json!({ "cutAfterBytes": 3 })] {
        api.control("POST", "faults", Some(fault)).await;
        answers.push(post("/api/identities", create()).await);
    }
    (secrets, answers)
}

/// Assigns the user to the emulated resource.
async fn assign(api: &Api) {
    let connection = api.connection_string().parse::<ConnectionString>().unwrap();
    let user = TeamsPhoneUser { tenant_id: TENANT.parse().unwrap(), object_id: USER.parse().unwrap() };
    let assignment = TeamsPhoneAssignment { principal_type: "user".to_owned(), client_ids: vec![APP.parse().unwrap()] };
    let client = IdentityClient::from_connection_string(connection).unwrap();
    client.put_teams_phone_assignment(user, &assignment).await.unwrap();
}

/// Returns a user's Entra token for Teams Phone.
async fn phone_token(api: &Api, user: &str) -> String {
    let request = json!({ "appId": APP, "userId": user, "tenantId": TENANT, "scope": "TeamsExtension.ManageCalls" });
    api.control("POST", "entra/tokens", Some(request)).await["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn logs_and_errors_contain_no_secret() {
    let keys = Keys { host: vec![FUNCTION_KEY.to_owned()], ..Keys::default() };
    let api = Api::hosted_with(Generation::Proxying, Some(keys), &[("RUST_LOG", "trace")]).await;
    let (mut secrets, answers) = call_everything(&api).await;
    secrets.push(harness::access_key(&harness::emulator().await.1).to_owned());
    secrets.push("Signature=".to_owned());

    assert_absent(&api, &secrets, &answers).await;
}

#[tokio::test]
async fn logs_and_errors_contain_no_user_identifiers() {
    let api = Api::hosted_with_users_and(Generation::Proxying, None, &[("RUST_LOG", "trace")]).await;
    let claims = json!({
        "tid": TENANT, "oid": USER, "sub": "the-subject-of-a-user", "azp": APP, "scp": "x", "name": "the-name-of-a-user",
    });
    let (bearer, bob) = (api.sign_in_by_entra(claims).await, api.sign_in_as("the-subject-of-another").await);
    let entra = json!({ "appId": APP, "userId": USER, "tenantId": TENANT });
    let entra = api.control("POST", "entra/tokens", Some(entra)).await["token"].as_str().unwrap().to_owned();
    let others = json!({ "appId": APP, "userId": OTHER, "tenantId": TENANT });
    let others = api.control("POST", "entra/tokens", Some(others)).await["token"].as_str().unwrap().to_owned();

    let own = api.own_token(&bearer).await;
    let exchanged = api.post_of(&bearer, "/api/me/teams-token", &json!({ "token": entra }).to_string()).await;
    let exchanged = exchanged.json()["token"].as_str().unwrap().to_owned();
    assign(&api).await;
    let [phone, others_phone] = [phone_token(&api, USER).await, phone_token(&api, OTHER).await];
    let of_phone = api.post_of(&bearer, MY_PHONE, &json!({ "token": phone }).to_string()).await;
    let of_phone = of_phone.json()["token"].as_str().unwrap().to_owned();
    let mut secrets = vec![bearer.clone(), bob.clone(), entra.clone(), others.clone(), own.token, exchanged];
    secrets.extend([phone.clone(), others_phone.clone(), of_phone]);
    secrets.extend([&*own.id, "the-subject-of", "the-name-of", USER, OTHER, TENANT, "x-a-key"].map(str::to_owned));

    let created = api.post("/api/guests", r#"{"uses":2}"#).await.json();
    let [pass_id, pass] = ["id", "pass"].map(|name| created[name].as_str().unwrap().to_owned());
    let [guest, stranger] = ["the-guest-of-a-pass", "the-third-guest-of-a-pass"];
    let as_guest = async |guest: &str| {
        let body = json!({ "guest": guest }).to_string();
        api.post_of(&format!("Bearer {pass}"), "/api/guests/token", &body).await
    };
    for guest in [guest, "the-other-guest-of-a-pass"] {
        secrets.push(Owned::read(&as_guest(guest).await).token);
    }
    secrets.extend([pass_id.clone(), pass.clone(), "guest-of-a-pass".to_owned()]);

    let post = async |user: &str, path: &str, body: Value| api.post_of(user, path, &body.to_string()).await;
    let mut answers = vec![
        as_guest(stranger).await,
        as_guest("guest-of-a-pass!").await,
        Answer::of(api.request("POST", &format!("/api/guests/token?pass={pass}"))).await,
        post(&format!("Bearer {pass_id}"), "/api/guests/token", json!({ "guest": guest })).await,
        post(&format!("Bearer {pass}A"), "/api/guests/token", json!({ "guest": guest })).await,
        post(&format!("Bearer {pass}"), "/api/me/token", json!({ "guest": guest })).await,
        post("", "/api/guests", json!({ "scopes": [pass] })).await,
        api.delete(&format!("/api/guests/{pass}")).await,
        api.delete(&format!("/api/guests/{pass_id}")).await,
        as_guest(guest).await,
        post(&bearer, "/api/me/teams-token", json!({ "token": others })).await,
        post(&bearer, "/api/me/teams-token", json!({ "token": bearer })).await,
        post(&bearer, "/api/me/teams-token", json!({ "token": entra, "userId": USER })).await,
        post(&bob, "/api/me/teams-token", json!({ "token": entra })).await,
        post(&bearer, MY_PHONE, json!({ "token": others_phone })).await,
        post(&bearer, MY_PHONE, json!({ "token": format!("{phone}x") })).await,
        post(&bearer, MY_PHONE, json!({ "token": phone, "userId": USER })).await,
        post(&bob, MY_PHONE, json!({ "token": phone })).await,
        post(&bearer, "/api/me/token", json!({ "id": own.id })).await,
        post(&bearer, "/api/me/token", json!({ "scopes": [entra] })).await,
        post(&bearer, &format!("/api/me/token/{}", own.id), json!({})).await,
        post(&format!("{bearer}x"), "/api/me/token", json!({})).await,
        Answer::of(api.of(&bearer, "POST", "/api/me/token").header("authorization", &bob)).await,
        Answer::of(api.request("POST", "/api/me/token?access_token=x-a-key").header("x-functions-key", "x-a-key"))
            .await,
        Answer::of(api.request("DELETE", "/api/me").header("x-ms-client-principal", &entra)).await,
        Answer::of(api.of(&bearer, "DELETE", "/api/me/tokens")).await,
    ];
    for fault in [json!({ "reset": true }), json!({ "answer": { "status": 401 } }), json!({ "cutAfterBytes": 3 })] {
        // One for each attempt.
        api.control("POST", "faults", Some(json!([fault, fault, fault]))).await;
        answers.push(post(&bearer, "/api/me/token", json!({})).await);
        api.control("DELETE", "faults", None).await;
    }
    answers.push(Answer::of(api.of(&bearer, "DELETE", "/api/me")).await);
    assert_absent(&api, &secrets, &answers).await;
}

/// Asserts that secrets are in no log line and no response. All responses are problems or 204.
async fn assert_absent(api: &Api, secrets: &[String], answers: &[Answer]) {
    let last = answers.last().unwrap().header("x-request-id").to_owned();
    api.host()
        .until("the last line", |host| {
            host.log_lines().iter().any(|line| line.text.contains(&last) && line.text.contains("duration_ms"))
        })
        .await;
    let lines = api.host().log_lines();
    // At the level `trace`, libraries log too. A log without their lines would prove little.
    let requests = lines.iter().filter(|line| line.text.contains("duration_ms")).count();
    assert!(lines.len() > 2 * requests && requests > answers.len(), "{} lines, {requests} of requests", lines.len());
    for secret in secrets {
        // The signature of a token, which is its last part, must not appear either.
        let piece = secret.rsplit('.').next().unwrap();
        for line in &lines {
            assert!(!line.text.contains(piece), "{line}");
        }
        for answer in answers {
            assert!(answer.status >= 400 && !answer.body.contains(piece) || answer.status == 204, "{answer:?}");
        }
    }
}

#[test]
fn debug_output_contains_no_secret() {
    use acs_identity::{AccessToken, ConnectionString, TeamsTokenRequest};
    use acs_tokens::{acs_client::AcsSettings, auth::CallerKey};
    let text = "endpoint=https://contoso.communication.azure.com/;accesskey=c2VjcmV0LWtleQ==";
    let parsed: ConnectionString = text.parse().unwrap();
    let settings = AcsSettings::from(parsed.clone());
    let teams = TeamsTokenRequest {
        token: "secret-token".to_owned().into(),
        app_id: APP.parse().unwrap(),
        user_id: USER.parse().unwrap(),
    };
    let token = AccessToken::new("secret-token".to_owned().into(), jiff::Timestamp::UNIX_EPOCH);
    let key = CallerKey { name: "web".to_owned(), key: "secret-key".to_owned().into() };
    let client = settings.clone().client().unwrap();
    let shown = format!("{parsed:?} {settings:?} {teams:?} {token:?} {key:?} {client:?}");
    // The access key in base64, as text, and as bytes.
    for secret in ["c2Vjc", "secret-", "115, 101, 99", "0x73"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("web") && shown.contains("contoso"), "{shown}");
}
