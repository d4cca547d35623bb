//! `POST identities` with a `customId`, which only ACS's preview has.

use serde_json::json;

use crate::harness::{Answer, Api, assert_token};

through_each_host! { refuses_a_custom_id_that_acs_may_ignore }
through_each_host! {
    preview:
    gives_one_identity_for_a_custom_id, gives_a_token_beside_it, takes_any_text_of_256_characters,
    tells_that_more_than_one_identity_has_it, tells_when_acs_has_ignored_it,
}

const SALLY: &str = r#"{"customId":"sally@contoso.com"}"#;

#[track_caller]
fn id_of(answer: &Answer) -> String {
    answer.assert_ok(201);
    answer.json()["identity"]["id"].as_str().unwrap().to_owned()
}

async fn refuses_a_custom_id_that_acs_may_ignore(api: Api) {
    let detail = "customId needs a preview version of ACS's REST API, which the operator turns on with \
                  COMMUNICATION_SERVICES_PREVIEW=true. Nothing was done.";
    for body in [SALLY, r#"{"customId":"sally@contoso.com","createTokenWithScopes":["voip"]}"#] {
        api.post("/api/identities", body).await.assert_problem(501, "turned-off", "Not turned on here", detail, &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn gives_one_identity_for_a_custom_id(api: Api) {
    let first = api.post("/api/identities", SALLY).await;
    let id = id_of(&first);
    assert_eq!(first.json(), json!({ "identity": { "id": id, "customId": "sally@contoso.com" } }));
    assert_eq!(first.header("location"), format!("/api/identities/{id}"));
    let again = api.post("/api/identities", SALLY).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    let others = [r#"{"customId":"Sally@contoso.com"}"#, "{}", "{}"];
    for body in others {
        assert_ne!(id_of(&api.post("/api/identities", body).await), id);
    }
    assert_eq!(api.upstream_calls().await, 5);
    let state = api.control("GET", "state", None).await;
    assert_eq!(state["identities"].as_array().unwrap().len(), 4);
}

async fn gives_a_token_beside_it(api: Api) {
    let id = id_of(&api.post("/api/identities", SALLY).await);
    let body = r#"{"customId":"sally@contoso.com","createTokenWithScopes":["chat"],"expiresInMinutes":90}"#;
    let answer = api.post("/api/identities", body).await;
    assert_eq!(id_of(&answer), id);
    let token = assert_token(&answer.json()["accessToken"], 90);
    assert_eq!(api.token_status(&token).await, "valid");
    // ACS tells whole seconds.
    let state = api.control("GET", "state", None).await;
    let at = state["identities"][0]["lastTokenIssuedAt"].as_str().unwrap();
    let told = answer.json()["identity"]["lastTokenIssuedAt"].as_str().unwrap().to_owned();
    assert_eq!(told, format!("{}.0000000+00:00", &at[..19]));
    let again = api.post("/api/identities", SALLY).await.json();
    let expected = json!({ "id": id, "customId": "sally@contoso.com", "lastTokenIssuedAt": told });
    assert_eq!(again, json!({ "identity": expected }));
}

async fn takes_any_text_of_256_characters(api: Api) {
    for custom_id in ["ä".repeat(256), " ".to_owned(), "a\"b\\c/d\u{0}\n".to_owned()] {
        let body = json!({ "customId": custom_id }).to_string();
        let answer = api.post("/api/identities", &body).await;
        assert_eq!(answer.json()["identity"]["customId"], custom_id.as_str());
        assert_eq!(id_of(&answer), id_of(&api.post("/api/identities", &body).await));
    }
}

async fn tells_that_more_than_one_identity_has_it(api: Api) {
    api.control("PUT", "settings", Some(json!({ "customIdRaceCalls": 2 }))).await;
    let create = || api.post("/api/identities", SALLY);
    let (one, other) = tokio::join!(create(), create());
    let (one, other) = (id_of(&one), id_of(&other));
    assert_ne!(one, other);
    let title = "More than one identity has the custom id";
    let detail =
        "ACS has more than one identity with this custom id: calls at the same moment made them. Delete all but one.";
    create().await.assert_problem(409, "custom-id-taken", title, detail, &[]);
    api.delete(&format!("/api/identities/{other}")).await.assert_ok(204);
    assert_eq!(id_of(&create().await), one);
}

async fn tells_when_acs_has_ignored_it(api: Api) {
    let detail = "The answer of ACS did not arrive whole. What was asked may have been done or not.";
    let id = api.new_identity().await;
    for identity in [json!({ "id": id }), json!({ "id": id, "customId": "bob@contoso.com" })] {
        let body = json!({ "identity": identity }).to_string();
        api.control("POST", "faults", Some(json!({ "answer": { "status": 201, "body": body } }))).await;
        let answer = api.post("/api/identities", SALLY).await;
        answer.assert_problem(502, "upstream-failed", "ACS failed", detail, &[]);
    }
}
