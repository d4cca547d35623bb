//! Tokens that are taken, those whose bearer lacks something, and requests around them.

use reqwest::RequestBuilder;
use serde_json::json;

use super::{KEY, STRANGE_TENANT, Service, TENANT, challenges};
use crate::harness::Answer;

#[tokio::test]
async fn good_ones_open() {
    let service = Service::start().await;
    let now = jiff::Timestamp::now().as_second();
    for order in [
        json!({ "alg": "RS256" }),
        json!({ "alg": "PS256" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "EdDSA" }),
        json!({ "header": { "typ": "at+jwt" } }),
        json!({ "header": { "typ": "application/AT+JWT" } }),
        json!({ "header": { "typ": null } }),
        json!({ "claims": { "aud": ["another", "api://acs-tokens"] } }),
        // Within the minute by which clocks may differ.
        json!({ "claims": { "exp": now - 30, "nbf": now + 30 } }),
    ] {
        let token = service.token(order.clone()).await;
        assert_eq!(service.create_as(&format!("Bearer {token}")).await.status, 201, "{order}");
    }
    // RFC 9110 section 11.1: the scheme is in any case.
    let token = service.token(json!({})).await;
    for authorization in [format!("bearer {token}"), format!("BEARER   {token}")] {
        service.create_as(&authorization).await.assert_ok(201);
    }
    let of_tenant = json!({ "claims": { "tid": TENANT, "oid": "an app", "sub": null } });
    let token = service.token_of(&format!("/{TENANT}/v2.0"), of_tenant).await;
    service.create_as(&format!("Bearer {token}")).await.assert_ok(201);
    // A tenant in the claims of an issuer that is no tenant's says nothing: the subject is iss and sub.
    let token = service.token(json!({ "claims": { "tid": STRANGE_TENANT, "oid": "x", "sub": null } })).await;
    assert_eq!(service.create_as(&format!("Bearer {token}")).await.status, 401);
}

#[tokio::test]
async fn a_missing_role_is_403() {
    let service = Service::start().await;
    let forged = json!({ "roles": ["Tokens.Manage"] }).to_string();
    for claims in [
        json!({ "roles": null }),
        json!({ "roles": [] }),
        json!({ "roles": ["tokens.manage", "Tokens.Manage.All", "Tokens.Manage "] }),
        json!({ "roles": { "Tokens.Manage": true } }),
        json!({ "roles": null, "groups": ["Tokens.Manage"] }),
        json!({ "roles": null, "role": "Tokens.Manage", "scope": "Tokens.Manage" }),
        // A person with the role lent it to an application.
        json!({ "scp": "access_as_user" }),
    ] {
        let token = service.token(json!({ "claims": claims.clone() })).await;
        let bearer = format!("Bearer {token}");
        let answer = Answer::of(service.create().body(forged.clone()).header("authorization", bearer)).await;
        assert_eq!(answer.status, 403, "{claims}");
        let detail = "The token is good, but lacks the role that this function needs.";
        answer.assert_problem(403, "forbidden", "Not allowed", detail, &[]);
    }
    assert_eq!(service.api.upstream_calls().await, 0);
}

#[tokio::test]
async fn roles_and_scopes_are_where_the_settings_say() {
    let service = Service::with(|settings, _| {
        settings.required_scope = Some("access_as_user".to_owned());
        settings.role_mapping.roles_claim = "groups".to_owned();
        settings.role_mapping.manage_role = "backends".to_owned();
    })
    .await;
    let status = async |claims: serde_json::Value| {
        let token = service.token(json!({ "claims": claims })).await;
        service.create_as(&format!("Bearer {token}")).await
    };
    status(json!({ "groups": "backends" })).await.assert_ok(201);
    let lacking = status(json!({ "scp": "access_as_users other" })).await;
    let detail = "The token is good, but lacks the scope that WWW-Authenticate names.";
    lacking.assert_problem(403, "forbidden", "Not allowed", detail, &[]);
    let challenge =
        format!("Bearer error=\"insufficient_scope\", scope=\"access_as_user\", error_description=\"{detail}\"");
    assert_eq!(challenges(&lacking), [challenge]);
    for claims in [json!({ "scp": "other access_as_user" }), json!({ "scope": ["access_as_user"] })] {
        let detail = "The token is good, but lacks the role that this function needs.";
        status(claims).await.assert_problem(403, "forbidden", "Not allowed", detail, &[]);
    }
}

#[tokio::test]
async fn what_stands_beside_a_token() {
    let service = Service::start().await;
    let token = service.token(json!({})).await;
    let bearer = format!("Bearer {token}");
    let what = "Send an x-functions-key header with one of the keys that the operator gave out, or a bearer token.";
    let two = "Send one Authorization header; the request has several.";
    let wrong = "The key in x-functions-key is none of this service's.";
    let one_key = "Send one x-functions-key header with one of the keys that the operator gave out.";
    let both = ["FunctionsKey header=\"x-functions-key\"", "Bearer"];
    let several = format!("Bearer error=\"invalid_request\", error_description=\"{two}\"");
    let create = || service.create();
    let at = |query: &str| {
        let request = service.api.request("POST", &format!("/api/identities?{query}"));
        request.header("content-type", "application/json").body("{}")
    };
    let cases: [(&str, RequestBuilder, &str, &[&str]); 13] = [
        ("nothing", create(), what, &both),
        (
            "two good headers",
            create().header("authorization", &bearer).header("authorization", &bearer),
            two,
            &[&several],
        ),
        (
            "another behind",
            create().header("authorization", &bearer).header("authorization", "Basic eDp5"),
            two,
            &[&several],
        ),
        ("Basic", create().header("authorization", "Basic d2ViOmE="), what, &both),
        ("the scheme alone", create().header("authorization", "Bearer"), "", &[]),
        ("no scheme", create().header("authorization", &token), what, &both),
        ("no space", create().header("authorization", format!("Bearer{token}")), what, &both),
        ("in the query", at(&format!("access_token={token}")), what, &both),
        ("in a cookie", create().header("cookie", format!("access_token={token}")), what, &both),
        ("key in the query", at("code=a%20key%20of%20the%20web%20app"), what, &both),
        ("key as the bearer", create().header("authorization", "Bearer YSBrZXkgb2YgdGhl"), "", &[]),
        (
            "a wrong key beside a good token",
            create().header("x-functions-key", "web").header("authorization", &bearer),
            wrong,
            &both,
        ),
        ("two keys", create().header("x-functions-key", KEY).header("x-functions-key", KEY), one_key, &both),
    ];
    for (name, request, detail, expected) in cases {
        let answer = Answer::of(request).await;
        if detail == two {
            answer.assert_problem(400, "ambiguous-authorization", "More than one Authorization header", two, &[]);
            assert_eq!(challenges(&answer), expected, "{name}");
            continue;
        }
        assert_eq!(answer.status, 401, "{name}");
        let not_a_jwt = "The token is not a signed JWT: three parts in base64url, of which two are JSON objects.";
        let detail = if detail.is_empty() { not_a_jwt } else { detail };
        answer.assert_problem(401, "unauthorized", "Not authorized", detail, &[]);
        if expected.is_empty() {
            assert!(challenges(&answer)[0].starts_with("Bearer error=\"invalid_token\""), "{name}");
        } else {
            assert_eq!(challenges(&answer), expected, "{name}");
        }
    }
    Answer::of(create().header("x-functions-key", KEY)).await.assert_ok(201);
    Answer::of(service.api.request("GET", "/api/health").header("authorization", "Bearer x")).await.assert_ok(200);
}
