//! `GET identities/{id}`, which only ACS's preview has.

use serde_json::json;

use crate::harness::{Answer, Api, FOREIGN_ID};

through_each_host! { is_refused_where_the_preview_is_off }
through_each_host! { preview: tells_what_acs_knows, refuses_what_is_no_id, does_not_find_what_is_not_there }

async fn get(api: &Api, id: &str) -> Answer {
    Answer::of(api.request("GET", &format!("/api/identities/{id}"))).await
}

async fn is_refused_where_the_preview_is_off(api: Api) {
    let detail = "Reading an identity needs a preview version of ACS's REST API, which the operator turns on with \
                  COMMUNICATION_SERVICES_PREVIEW=true. Nothing was done.";
    get(&api, FOREIGN_ID).await.assert_problem(501, "turned-off", "Not turned on here", detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn tells_what_acs_knows(api: Api) {
    let plain = api.new_identity().await;
    let answer = get(&api, &plain).await;
    answer.assert_ok(200);
    assert_eq!(answer.json(), json!({ "identity": { "id": plain } }));

    let named = api.post("/api/identities", r#"{"customId":"sally@contoso.com"}"#).await;
    let location = named.header("location").to_owned();
    let answer = Answer::of(api.request("GET", &location)).await;
    answer.assert_ok(200);
    let mut expected = named.json();
    assert_eq!((answer.json(), &expected["identity"]["customId"]), (expected.clone(), &json!("sally@contoso.com")));

    api.post(&format!("{location}/tokens"), r#"{"scopes":["voip"]}"#).await.assert_ok(200);
    let state = api.control("GET", "state", None).await;
    let at = state["identities"][1]["lastTokenIssuedAt"].as_str().unwrap();
    expected["identity"]["lastTokenIssuedAt"] = format!("{}.0000000+00:00", &at[..19]).into();
    assert_eq!(Answer::of(api.request("GET", &location)).await.json(), expected);

    let before = api.upstream_calls().await;
    let head = Answer::of(api.request("HEAD", &location)).await;
    head.assert_ok(200);
    assert_eq!((head.body.as_str(), api.upstream_calls().await), ("", before + 1));
}

async fn refuses_what_is_no_id(api: Api) {
    let detail = "The path holds no ACS identity id. One looks like 8:acs:<resource guid>_<user guid>.";
    get(&api, "tokens").await.assert_problem(400, "invalid-identity-id", "Not an identity id", detail, &[]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn does_not_find_what_is_not_there(api: Api) {
    let deleted = api.new_identity().await;
    api.delete(&format!("/api/identities/{deleted}")).await.assert_ok(204);
    let gone = "The identity is not one of this ACS resource: it was deleted, or belongs to another resource.";
    for id in [FOREIGN_ID, &deleted] {
        get(&api, id).await.assert_problem(404, "identity-not-found", "No such identity", gone, &[]);
    }
}
