//! The rules for guests: the policy, keys, expiry and rate limits.

use acs_identity::types::{Scope, TokenLifetime};
use acs_tokens::{
    access::{
        AccessRules,
        rate_limits::{RateLimits, Rates},
    },
    auth::{BackendAuth, CallerKey},
    directory::DirectorySettings,
    guest_pass::PassClaims,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::guests::{PASSES, TOKEN, pass, token};
use crate::harness::{
    Answer, Api,
    users::{Owned, claim},
};

/// Returns rules with a policy and without rate limits.
fn rules(policy: &str) -> AccessRules {
    let rates = Rates { passes: None, guests: None, ..Rates::default() };
    AccessRules { policy: policy.parse().unwrap(), rate_limits: RateLimits::new(rates) }
}

#[tokio::test]
async fn policy_bounds_passes_and_their_later_use() {
    let directory = DirectorySettings::in_memory();
    let wide = r#"{"guests":{"scopes":["chat.join","voip.join"],"maxMinutes":1440}}"#;
    let wide = Api::with_users(Some(&directory), rules(wide)).await;
    let narrow = r#"{"guests":{"scopes":["chat"],"maxPassMinutes":60,"maxUses":10}}"#;
    let narrow = Api::with_users(Some(&directory), rules(narrow)).await;

    let (_, long) = pass(&wide, json!({ "expiresInMinutes": 1440 })).await;
    let answer = Answer::of(wide.of(&long, "POST", TOKEN)).await;
    assert_eq!(claim(&Owned::read_for(&answer, 1440).token, "acsScope"), "voip.join");
    // The policy was tightened after the pass was made.
    Answer::of(narrow.of(&long, "POST", TOKEN)).await.assert_code(403, "beyond-policy", &[]);
    let (_, allowed) = pass(&wide, json!({ "scopes": ["chat.join"] })).await;
    assert_eq!(claim(&token(&narrow, &allowed).await.token, "acsScope"), "chat.join");

    let body = json!({ "passExpiresInMinutes": 61, "uses": 11 }).to_string();
    narrow.post(PASSES, &body).await.assert_code(403, "beyond-policy", &["/passExpiresInMinutes", "/uses"]);
    // The defaults are what is allowed.
    let (_, default) = pass(&narrow, json!({})).await;
    assert_eq!(claim(&token(&narrow, &default).await.token, "acsScope"), "chat");
}

#[tokio::test]
async fn expired_pass_and_pass_of_another_key_are_refused() {
    let (directory, other) = (DirectorySettings::in_memory(), DirectorySettings::in_memory());
    let api = Api::with_users(Some(&directory), rules("{}")).await;
    let claims = |seconds| PassClaims {
        scopes: vec![Scope::VoipJoin],
        lifetime: TokenLifetime::MIN,
        uses: 1,
        expires: Timestamp::now() + SignedDuration::from_secs(seconds),
    };
    let bearer = |directory: &DirectorySettings, seconds| {
        format!("Bearer {}", directory.key.pass_keys().issue(claims(seconds)).unwrap().expose())
    };
    for (pass, code) in [
        (bearer(&directory, -60), "pass-expired"),
        (bearer(&other, 3600), "pass-invalid"),
        (bearer(&other, -60), "pass-invalid"),
    ] {
        Answer::of(api.of(&pass, "POST", TOKEN)).await.assert_code(401, code, &[]);
    }
    token(&api, &bearer(&directory, 3600)).await;
}

#[tokio::test]
async fn key_with_a_limit_cannot_exceed_it_by_a_pass() {
    let [limited, other] = ["web", "bot"]
        .map(|name| CallerKey { name: name.to_owned(), key: format!("the key of the back end {name}").into() });
    let policy = r#"{"keys":{"web":{"scopes":["chat.join"],"maxMinutes":60}},"guests":{"scopes":["chat","voip"]}}"#;
    let keys = BackendAuth::Keys(vec![limited, other]);
    let api = Api::with_issuers(keys, |_| (), Some(&DirectorySettings::in_memory()), rules(policy)).await;
    for (name, scope, status) in
        [("web", "chat.join", 201), ("web", "chat", 403), ("web", "voip.join", 403), ("bot", "chat", 201)]
    {
        let request = api.request("POST", PASSES).header("x-functions-key", format!("the key of the back end {name}"));
        let body = json!({ "scopes": [scope] }).to_string();
        let answer = Answer::of(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(answer.status, status, "{name} {scope}: {answer:?}");
        if status == 403 {
            answer.assert_code(403, "beyond-policy", &["/scopes/0"]);
        }
    }
    Answer::of(api.request("POST", PASSES)).await.assert_code(401, "unauthorized", &[]);
}

#[tokio::test]
async fn passes_and_guests_have_rate_limits() {
    let rates = Rates { passes: 2.try_into().ok(), guests: 3.try_into().ok(), ..Rates::default() };
    let rules = AccessRules { rate_limits: RateLimits::new(rates), ..AccessRules::default() };
    let api = Api::with_users(Some(&DirectorySettings::in_memory()), rules).await;
    let [(_, one), (_, other)] = [pass(&api, json!({})).await, pass(&api, json!({})).await];
    for (pass, expected) in [(&one, [200, 200, 429]), (&other, [200, 429, 429])] {
        for status in expected {
            let answer = Answer::of(api.of(pass, "POST", TOKEN)).await;
            assert_eq!(answer.status, status, "{answer:?}");
            if status == 429 {
                answer.assert_code(429, "rate-limited", &[]);
            }
        }
    }
}

#[tokio::test]
async fn missing_directory_is_reported() {
    let api = Api::with_users(None, AccessRules::default()).await;
    for (method, path) in [("POST", PASSES), ("POST", TOKEN), ("DELETE", "/api/guests/x")] {
        Answer::of(api.request(method, path)).await.assert_code(501, "turned-off", &[]);
    }
}
