//! Which callers may call functions for back ends and functions for signed-in users.

use acs_tokens::auth::{BackendAuth, CallerKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{
    KEY, api, api_with, backend_token, create, create_as,
    rejection::{
        APPLICATION, BACK_ENDS_ONLY, EXPIRED, NO_ISSUER, NOT_A_JWT, SCOPE, SEND_KEY, SEND_KEY_OR_TOKEN, SEND_ONE_KEY,
        SEND_TOKEN, SUBJECT, TWO_HEADERS, WRONG_AUDIENCE, WRONG_KEY,
    },
    with,
};
use crate::harness::{
    Answer, Api,
    users::{Owned, TENANT},
};

const PATH: &str = "/api/me/token";

/// Signs in a user who is alice unless the claims say otherwise.
async fn sign_in(api: &Api, claims: Value) -> String {
    api.sign_in(with(json!({ "sub": "alice" }), &claims)).await
}

#[tokio::test]
async fn requests_without_valid_credentials_are_rejected() {
    let api = api().await;
    let token = backend_token(&api, "", json!({})).await;
    let bearer = &format!("Bearer {token}");
    let user = sign_in(&api, json!({})).await;
    let expired = &sign_in(&api, json!({ "exp": jiff::Timestamp::now().as_second() - 120 })).await;
    let other_audience = sign_in(&api, json!({ "aud": "api://another" })).await;
    let no_subject = sign_in(&api, json!({ "sub": null })).await;
    let create = || create(&api);
    let create_at = |query: &str| {
        let request = api.request("POST", &format!("/api/identities?{query}"));
        request.header("content-type", "application/json").body("{}")
    };
    let me = || api.request("POST", PATH);
    let me_at = |query: &str| api.request("POST", &format!("{PATH}?{query}"));
    let authorization = |request: RequestBuilder, value: &str| request.header("authorization", value);
    let key = |request: RequestBuilder, value: &str| request.header("x-functions-key", value);
    let key_query = "code=a%20key%20of%20the%20web%20app";
    let token_query = format!("access_token={token}");
    for (name, request, rejection) in [
        ("back end: nothing", create(), SEND_KEY_OR_TOKEN),
        ("back end: two tokens", authorization(authorization(create(), bearer), bearer), TWO_HEADERS),
        ("back end: token and password", authorization(authorization(create(), bearer), "Basic eDp5"), TWO_HEADERS),
        ("back end: Basic", authorization(create(), "Basic d2ViOmE="), SEND_KEY_OR_TOKEN),
        ("back end: only the scheme", authorization(create(), "Bearer"), NOT_A_JWT),
        ("back end: no scheme", authorization(create(), &token), SEND_KEY_OR_TOKEN),
        ("back end: no space", authorization(create(), &format!("Bearer{token}")), SEND_KEY_OR_TOKEN),
        ("back end: token in the query", create_at(&token_query), SEND_KEY_OR_TOKEN),
        ("back end: token in a cookie", create().header("cookie", &token_query), SEND_KEY_OR_TOKEN),
        ("back end: key in the query", create_at(key_query), SEND_KEY_OR_TOKEN),
        ("back end: key as bearer token", authorization(create(), "Bearer YSBrZXkgb2YgdGhl"), NOT_A_JWT),
        ("back end: wrong key and valid token", authorization(key(create(), "web"), bearer), WRONG_KEY),
        ("back end: part of a key", key(create(), &KEY[1..]), WRONG_KEY),
        ("back end: empty key", key(create(), ""), WRONG_KEY),
        ("back end: two keys", key(key(create(), KEY), KEY), SEND_ONE_KEY),
        ("user: nothing", me(), SEND_TOKEN),
        ("user: key", key(me(), KEY), SEND_TOKEN),
        ("user: key in the query", me_at(key_query), SEND_TOKEN),
        ("user: key as password", authorization(me(), "Basic d2ViOmE="), SEND_TOKEN),
        ("user: token in the query", me_at(&token_query), SEND_TOKEN),
        ("user: token in a cookie", me().header("cookie", &token_query), SEND_TOKEN),
        ("user: token in the body", me().body(token_query.clone()), SEND_TOKEN),
        ("user: expired", authorization(me(), expired), EXPIRED),
        ("user: other audience", authorization(me(), &other_audience), WRONG_AUDIENCE),
        ("user: no subject", authorization(me(), &no_subject), SUBJECT),
        ("user: expired token and key", key(authorization(me(), expired), KEY), EXPIRED),
        ("user: two tokens", authorization(authorization(me(), &user), expired), TWO_HEADERS),
    ] {
        rejection.assert(name, &Answer::of(request).await);
    }
    assert_eq!(api.upstream_calls().await, 0);
    Answer::of(key(create(), KEY)).await.assert_ok(201);
    // A function for users ignores keys, and an anonymous one ignores tokens.
    Answer::of(key(authorization(me(), &user), "another key")).await.assert_ok(200);
    Answer::of(authorization(api.request("GET", "/api/health"), "Bearer x")).await.assert_ok(200);
}

#[tokio::test]
async fn without_issuers_keys_are_accepted_and_tokens_are_not() {
    let keys = ["web", "bot"].map(|name| CallerKey { name: name.to_owned(), key: format!("{KEY}{name}").into() });
    let api = Api::with_callers(&BackendAuth::Keys(keys.into()).into()).await;
    SEND_KEY.assert("nothing", &Answer::of(create(&api)).await);
    SEND_KEY.assert("token", &create_as(&api, "Bearer AAAA.AAAA.AAAA").await);
    NO_ISSUER.assert("user", &Answer::of(api.request("POST", PATH).header("authorization", "Bearer x")).await);
    for name in ["web", "bot"] {
        Answer::of(create(&api).header("x-functions-key", format!("{KEY}{name}"))).await.assert_ok(201);
    }
}

#[tokio::test]
async fn back_ends_need_the_role() {
    let api = api().await;
    for claims in [
        json!({ "roles": null }),
        json!({ "roles": [] }),
        json!({ "roles": ["tokens.manage", "Tokens.Manage.All", "Tokens.Manage "] }),
        json!({ "roles": { "Tokens.Manage": true } }),
        json!({ "roles": null, "groups": ["Tokens.Manage"] }),
        json!({ "roles": null, "role": "Tokens.Manage", "scope": "Tokens.Manage" }),
    ] {
        let token = backend_token(&api, "", json!({ "claims": claims.clone() })).await;
        let request = create(&api).body(json!({ "roles": ["Tokens.Manage"] }).to_string());
        let answer = Answer::of(request.header("authorization", format!("Bearer {token}"))).await;
        APPLICATION.assert(&claims.to_string(), &answer);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

#[tokio::test]
async fn claim_role_and_scope_are_configurable() {
    let api = api_with(|issuers| {
        issuers[0].required_scope = Some("access_as_user".to_owned());
        issuers[0].roles_claim = "groups".to_owned();
        issuers[0].manage_role = Some("backends".to_owned());
    })
    .await;
    let create_with = async |claims: Value| {
        create_as(&api, &format!("Bearer {}", backend_token(&api, "", json!({ "claims": claims })).await)).await
    };
    create_with(json!({ "groups": "backends" })).await.assert_ok(201);
    create_with(json!({ "groups": ["backends"], "scp": "another scope" })).await.assert_ok(201);
    APPLICATION.assert("the default claim", &create_with(json!({})).await);
    for (scopes, accepted) in [
        (json!({ "scp": "access_as_users other" }), false),
        (json!({}), false),
        (json!({ "scp": "other access_as_user" }), true),
        (json!({ "scope": ["access_as_user"] }), true),
    ] {
        let user = sign_in(&api, with(json!({ "groups": "backends" }), &scopes)).await;
        let answer = api.post_of(&user, PATH, "{}").await;
        if accepted { answer.assert_ok(200) } else { SCOPE.assert(&scopes.to_string(), &answer) }
    }
}

#[tokio::test]
async fn users_may_not_call_functions_for_back_ends() {
    let api = api().await;
    let created = Answer::of(create(&api).header("x-functions-key", KEY)).await.json();
    let alice = sign_in(&api, json!({})).await;
    let own = api.own_token(&alice).await;
    let calls = api.upstream_calls().await;
    for id in [created["identity"]["id"].as_str().unwrap(), &own.id] {
        for (method, path) in [
            ("POST", "/api/identities".to_owned()),
            ("POST", format!("/api/identities/{id}/tokens")),
            ("DELETE", format!("/api/identities/{id}/tokens")),
            ("DELETE", format!("/api/identities/{id}")),
            ("POST", "/api/teams/tokens".to_owned()),
            ("POST", "/api/teams-phone/tokens".to_owned()),
        ] {
            let request = api.of(&alice, method, &path).header("content-type", "application/json");
            BACK_ENDS_ONLY.assert(&path, &Answer::of(request.body(r#"{"scopes":["chat.join"]}"#)).await);
        }
    }
    assert_eq!(api.upstream_calls().await, calls);
}

#[tokio::test]
async fn token_and_body_cannot_widen_the_policy() {
    let api = api().await;
    for (claims, body, pointers) in [
        (json!({}), json!({ "scopes": ["voip.join", "voip", "chat.join"] }), &["/scopes/1", "/scopes/2"][..]),
        (json!({}), json!({ "expiresInMinutes": 61 }), &["/expiresInMinutes"]),
        (json!({}), json!({ "scopes": ["chat"], "expiresInMinutes": 1440 }), &["/scopes/0", "/expiresInMinutes"]),
        (json!({ "scope": "chat voip" }), json!({ "scopes": ["chat"] }), &["/scopes/0"]),
        (json!({ "roles": ["a role without a grant"] }), json!({ "scopes": ["chat"] }), &["/scopes/0"]),
        (json!({ "roles": ["Tokens.Manage"], "scp": "x" }), json!({ "scopes": ["chat"] }), &["/scopes/0"]),
    ] {
        let user = sign_in(&api, claims).await;
        api.post_of(&user, PATH, &body.to_string()).await.assert_code(403, "beyond-policy", pointers);
    }
    let alice = sign_in(&api, json!({})).await;
    for (field, value) in [
        ("roles", json!(["host"])),
        ("role", json!("host")),
        ("maxMinutes", json!(1440)),
        ("policy", json!({ "default": { "scopes": ["chat"], "maxMinutes": 1440 } })),
        ("createTokenWithScopes", json!(["chat"])),
    ] {
        let answer = api.post_of(&alice, PATH, &json!({ "scopes": ["chat"], field: value }).to_string()).await;
        answer.assert_code(400, "invalid-fields", &[&format!("/{field}")]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

/// Any client can send the identity headers of App Service Authentication.
#[tokio::test]
async fn identity_headers_are_ignored() {
    let api = api().await;
    let claims = json!([
        { "typ": "http://schemas.microsoft.com/identity/claims/tenantid", "val": TENANT },
        { "typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": "bob" },
        { "typ": "roles", "val": "Tokens.Manage" },
    ]);
    let principal = json!({ "auth_typ": "aad", "claims": claims, "role_typ": "roles" }).to_string();
    let forged = |request: RequestBuilder| {
        let request = request.header("x-ms-client-principal", STANDARD.encode(&principal));
        let request = request.header("x-ms-client-principal-id", "bob").header("x-ms-client-principal-name", "bob");
        request.header("x-ms-token-aad-id-token", "bob")
    };
    SEND_TOKEN.assert("user", &Answer::of(forged(api.request("POST", PATH))).await);
    SEND_KEY_OR_TOKEN.assert("back end", &Answer::of(forged(create(&api))).await);
    assert_eq!(api.upstream_calls().await, 0);
    let alice = sign_in(&api, json!({})).await;
    let own = api.own_token(&alice).await;
    let answer = Answer::of(forged(api.of(&alice, "POST", PATH))).await;
    assert_eq!(Owned::read(&answer).id, own.id);
}
