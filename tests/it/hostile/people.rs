//! What people try who have signed in, and strangers who try to pass for one.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{KEY, Service, TENANT, challenges};
use crate::harness::{Answer, people::Owned};

const PATH: &str = "/api/me/token";
const SEND: &str = "Send a bearer token in the Authorization header.";

/// A body in somebody's name.
async fn ask(service: &Service, person: &str, body: &Value) -> Answer {
    let request = service.api.of(person, "POST", PATH).header("content-type", "application/json");
    Answer::of(request.body(body.to_string())).await
}

#[tokio::test]
async fn more_than_one_may_have() {
    let service = Service::start().await;
    let allowed = "You may have the scopes chat.join, voip.join for at most 60 minutes. Ask for no more, or leave the field \
                   out for all of it.";
    let minutes = "At most 60 minutes are allowed.";
    let scope = |scope: &str| format!("The scope {scope} is not allowed; what is allowed is chat.join, voip.join.");
    let (chat, voip) = (scope("chat"), scope("voip"));
    for (name, claims, body, errors) in [
        ("scope escalation", json!({}), json!({ "scopes": ["chat"] }), vec![("/scopes/0", &*chat)]),
        (
            "scope escalation behind what is allowed",
            json!({}),
            json!({ "scopes": ["chat.join", "voip.join", "voip"] }),
            vec![("/scopes/2", &*voip)],
        ),
        ("lifetime overrun", json!({}), json!({ "expiresInMinutes": 61 }), vec![("/expiresInMinutes", minutes)]),
        (
            "both",
            json!({}),
            json!({ "scopes": ["chat"], "expiresInMinutes": 1440 }),
            vec![("/scopes/0", &*chat), ("/expiresInMinutes", minutes)],
        ),
        // The policy is about roles, and it knows none of these.
        (
            "a scope in the claims",
            json!({ "scope": "chat voip" }),
            json!({ "scopes": ["chat"] }),
            vec![("/scopes/0", &*chat)],
        ),
        (
            "a role of no policy",
            json!({ "roles": ["host"] }),
            json!({ "scopes": ["chat"] }),
            vec![("/scopes/0", &*chat)],
        ),
        (
            "a person with the managing role",
            json!({ "roles": ["Tokens.Manage"], "scp": "access_as_user" }),
            json!({ "scopes": ["chat"] }),
            vec![("/scopes/0", &*chat)],
        ),
    ] {
        let answer = ask(&service, &service.person(claims).await, &body).await;
        assert_eq!(answer.status, 403, "{name}: {answer:?}");
        answer.assert_problem(403, "beyond-policy", "More than the caller may have", allowed, &errors);
    }
    let alice = service.person(json!({})).await;
    let unknown = "The field is unknown; the fields are scopes, expiresInMinutes.";
    for (field, value) in [
        ("roles", json!(["host"])),
        ("role", json!("host")),
        ("maxMinutes", json!(1440)),
        ("policy", json!({ "default": { "scopes": ["chat"], "maxMinutes": 1440 } })),
        ("createTokenWithScopes", json!(["chat"])),
    ] {
        let answer = ask(&service, &alice, &json!({ "scopes": ["chat"], field: value })).await;
        answer.assert_fields(&[(&*format!("/{field}"), unknown)]);
    }
    assert_eq!(service.api.upstream_calls().await, 0);
}

#[tokio::test]
async fn functions_that_are_for_back_ends() {
    let service = Service::start().await;
    let create = Answer::of(service.create().header("x-functions-key", KEY)).await.json();
    let id = create["identity"]["id"].as_str().unwrap();
    let before = (service.api.upstream_calls().await, service.api.identity(id).await);
    let alice = service.person(json!({})).await;
    let own = service.api.own_token(&alice).await;
    for id in [id, &own.id] {
        for (method, path) in [
            ("POST", "/api/identities".to_owned()),
            ("POST", format!("/api/identities/{id}/tokens")),
            ("DELETE", format!("/api/identities/{id}/tokens")),
            ("DELETE", format!("/api/identities/{id}")),
            ("POST", "/api/teams/tokens".to_owned()),
        ] {
            let request = service.api.of(&alice, method, &path).header("content-type", "application/json");
            let answer = Answer::of(request.body(r#"{"scopes":["chat.join"]}"#)).await;
            let detail = "The token is good, but lacks the role that this function needs.";
            answer.assert_problem(403, "forbidden", "Not allowed", detail, &[]);
        }
    }
    assert_eq!((service.api.upstream_calls().await, service.api.identity(id).await), (before.0 + 1, before.1));
}

#[tokio::test]
async fn strangers_who_pass_for_a_person() {
    let service = Service::start().await;
    let now = jiff::Timestamp::now().as_second();
    let token = service.token(json!({ "claims": { "roles": null } })).await;
    let good = format!("Bearer {token}");
    let expired = service.person(json!({ "exp": now - 120 })).await;
    let elsewhere = service.person(json!({ "aud": "api://another" })).await;
    let nobody = service.person(json!({ "sub": null })).await;
    let two = "Send one Authorization header; the request has several.";
    let invalid = |detail: &str| format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"");
    let post = || service.api.request("POST", PATH);
    let at = |query: &str| service.api.request("POST", &format!("{PATH}?{query}"));
    let (expired_detail, elsewhere_detail, nobody_detail) = (
        "The token has expired; get a new one.",
        "The token's aud is not this service; ask the issuer for a token for this one.",
        "The token has no sub, so it names nobody.",
    );
    let cases: [(&str, RequestBuilder, &str, String); 12] = [
        ("nothing", post(), SEND, "Bearer".to_owned()),
        ("a function key", post().header("x-functions-key", KEY), SEND, "Bearer".to_owned()),
        ("a key in the query", at("code=a%20key%20of%20the%20web%20app"), SEND, "Bearer".to_owned()),
        ("a key as a password", post().header("authorization", "Basic d2ViOmE="), SEND, "Bearer".to_owned()),
        ("the token in the query", at(&format!("access_token={token}")), SEND, "Bearer".to_owned()),
        ("the token in a cookie", post().header("cookie", format!("access_token={token}")), SEND, "Bearer".to_owned()),
        ("the token in the body", post().body(format!("access_token={token}")), SEND, "Bearer".to_owned()),
        ("an expired token", post().header("authorization", &expired), expired_detail, invalid(expired_detail)),
        ("another's token", post().header("authorization", &elsewhere), elsewhere_detail, invalid(elsewhere_detail)),
        ("nobody's token", post().header("authorization", &nobody), nobody_detail, invalid(nobody_detail)),
        (
            "an expired token beside a key",
            post().header("authorization", &expired).header("x-functions-key", KEY),
            expired_detail,
            invalid(expired_detail),
        ),
        (
            "two tokens",
            post().header("authorization", &good).header("authorization", &expired),
            two,
            format!("Bearer error=\"invalid_request\", error_description=\"{two}\""),
        ),
    ];
    for (name, request, detail, challenge) in cases {
        let answer = Answer::of(request).await;
        let (status, code, title) = if detail == two {
            (400, "ambiguous-authorization", "More than one Authorization header")
        } else {
            (401, "unauthorized", "Not authorized")
        };
        assert_eq!((answer.status, challenges(&answer)), (status, vec![&*challenge]), "{name}");
        answer.assert_problem(status, code, title, detail, &[]);
    }
    assert_eq!(service.api.upstream_calls().await, 0);
    // A key beside a good token is not looked at.
    let answer = Answer::of(post().header("authorization", &good).header("x-functions-key", "nobody's")).await;
    answer.assert_ok(200);
}

#[tokio::test]
async fn applications_that_pass_for_a_person() {
    let service = Service::start().await;
    let object = "0a1b2c3d-0000-4000-8000-000000000001";
    let entra = |claims: Value| {
        let mut all = json!({ "tid": TENANT, "oid": object, "sub": object, "roles": null });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let order = json!({ "claims": all });
        async { format!("Bearer {}", service.token_of(&format!("/{TENANT}/v2.0"), order).await) }
    };
    let lacks = "The token is an application's, which lacks the role that this service asks of one.";
    let no_person = "This function is for signed-in people. An application has no identity of its own; it makes some with \
                     POST identities, and issues their tokens with POST identities/{id}/tokens.";
    for (name, application, detail) in [
        ("of Entra", entra(json!({})).await, lacks),
        ("of Entra, and it says so", entra(json!({ "sub": "x", "idtyp": "app" })).await, lacks),
        ("of Entra, with another role", entra(json!({ "roles": ["host"] })).await, lacks),
        ("of Entra, a back end", entra(json!({ "roles": ["Tokens.Manage"] })).await, no_person),
        ("as RFC 9068 has it", service.person(json!({ "client_id": "alice" })).await, lacks),
        ("as OpenID Connect has it", service.person(json!({ "azp": "alice", "scope": "x" })).await, lacks),
        ("of Okta", service.person(json!({ "cid": "alice", "scp": ["x"] })).await, lacks),
        ("of Auth0", service.person(json!({ "sub": "x@clients", "gty": "client-credentials" })).await, lacks),
        ("a back end", service.person(json!({ "roles": ["Tokens.Manage"] })).await, no_person),
    ] {
        let answer = ask(&service, &application, &json!({})).await;
        assert_eq!(answer.status, 403, "{name}: {answer:?}");
        answer.assert_problem(403, "forbidden", "Not allowed", detail, &[]);
        if detail == lacks {
            // Nor does it get anywhere else.
            assert_eq!(service.create_as(&application).await.status, 403, "{name}");
        }
    }
    assert_eq!(service.api.upstream_calls().await, 0);
    // People whose tokens look a little like that.
    for person in [
        entra(json!({ "scp": "access_as_user" })).await,
        entra(json!({ "sub": "another in each application" })).await,
        service.person(json!({ "client_id": "a page", "azp": "a page", "gty": "authorization_code" })).await,
        service.person(json!({ "tid": TENANT, "oid": "alice" })).await,
    ] {
        ask(&service, &person, &json!({})).await.assert_ok(200);
    }
}

/// The identity headers of App Service Authentication, which any client can send.
#[tokio::test]
async fn identity_headers_prove_nothing() {
    let service = Service::start().await;
    let claims = json!([
        { "typ": "http://schemas.microsoft.com/identity/claims/tenantid", "val": TENANT },
        { "typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": "bob" },
        { "typ": "roles", "val": "Tokens.Manage" },
    ]);
    let principal = json!({ "auth_typ": "aad", "claims": claims, "role_typ": "roles" }).to_string();
    let principal = STANDARD.encode(principal);
    let forged = |request: RequestBuilder| {
        let request = request.header("x-ms-client-principal", &principal).header("x-ms-client-principal-id", "bob");
        request.header("x-ms-client-principal-name", "bob").header("x-ms-token-aad-id-token", "bob")
    };
    let post = || forged(service.api.request("POST", PATH));
    let send_either =
        "Send an x-functions-key header with one of the keys that the operator gave out, or a bearer token.";
    for (request, detail) in
        [(post(), SEND), (post().header("x-functions-key", KEY), SEND), (forged(service.create()), send_either)]
    {
        let answer = Answer::of(request).await;
        answer.assert_problem(401, "unauthorized", "Not authorized", detail, &[]);
    }
    assert_eq!(service.api.upstream_calls().await, 0);
    Answer::of(forged(service.create()).header("x-functions-key", KEY)).await.assert_ok(201);
    let (alice, bob) = (service.person(json!({})).await, service.person(json!({ "sub": "bob" })).await);
    let (own, bobs) = (service.api.own_token(&alice).await, service.api.own_token(&bob).await);
    let answer = Answer::of(post().header("authorization", &alice)).await;
    answer.assert_ok(200);
    assert!(Owned::read(&answer).id == own.id && own.id != bobs.id);
}
