//! The headers of App Service Authentication, forged and real.

use acs_tokens::auth::{Authenticator, BackendAuth, RoleMapping};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    harness::{Answer, Api},
    hostile::{KEY, Service},
};

fn principal(role: &str) -> String {
    let claims = json!([
        { "typ": "http://schemas.microsoft.com/identity/claims/tenantid", "val": "t" },
        { "typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": "o" },
        { "typ": "roles", "val": role },
    ]);
    STANDARD.encode(json!({ "auth_typ": "aad", "claims": claims, "role_typ": "roles" }).to_string())
}

fn create(api: &Api, principal: &[String]) -> reqwest::RequestBuilder {
    let request = api.request("POST", "/api/identities").header("content-type", "application/json").body("{}");
    let named = request.header("x-ms-client-principal-name", "admin").header("x-ms-client-principal-id", "o");
    principal.iter().fold(named, |request, value| request.header("x-ms-client-principal", value))
}

#[tokio::test]
async fn forged_without_it() {
    let service = Service::start().await;
    let answer = Answer::of(create(&service.api, &[principal("Tokens.Manage")])).await;
    let what = "Send an x-functions-key header with one of the keys that the operator gave out, or a bearer token.";
    answer.assert_problem(401, "unauthorized", "Not authorized", what, &[]);
    assert_eq!(service.api.upstream_calls().await, 0);
    // Nor do they do any harm.
    let answer = Answer::of(create(&service.api, &[principal("x")]).header("x-functions-key", KEY)).await;
    answer.assert_ok(201);
}

#[tokio::test]
async fn forged_and_real_with_it() {
    let callers = Authenticator { easy_auth: Some(RoleMapping::default()), ..BackendAuth::Keys(Vec::new()).into() };
    let api = Api::with_callers(&callers).await;
    let unreadable = "The header X-MS-CLIENT-PRINCIPAL is not as App Service Authentication sends it.";
    let good = principal("Tokens.Manage");
    for (principal, detail) in [
        (vec![], "Sign in first."),
        (vec!["admin".to_owned()], unreadable),
        (vec![STANDARD.encode("{}")], unreadable),
        (vec![STANDARD.encode(r#"{"auth_typ":"aad","claims":[]}"#)], unreadable),
        // The platform's, and one that came from outside.
        (vec![good.clone(), good.clone()], unreadable),
    ] {
        let answer = Answer::of(create(&api, &principal)).await;
        answer.assert_problem(401, "unauthorized", "Not authorized", detail, &[]);
    }
    let answer = Answer::of(create(&api, &[principal("host")])).await;
    let detail = "The token is good, but lacks the role that this function needs.";
    answer.assert_problem(403, "forbidden", "Not allowed", detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
    Answer::of(create(&api, &[good])).await.assert_ok(201);
}
