//! Requests with another user's id in every possible place: they concern the caller, or are refused, and the other user's
//! identity stays as it was.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Api,
    users::{Owned, TENANT},
};

through_each_host! {
    users:
    other_users_id_in_a_field_is_refused, other_users_id_in_the_query_is_ignored,
    other_users_id_in_a_header_is_ignored, other_users_id_in_the_path_is_not_found,
    other_users_id_in_an_unused_body_is_ignored,
}

/// The caller Alice, and the other user Bob.
struct Two {
    api: Api,
    alice: String,
    own: Owned,
    bobs: Owned,
    /// The state of Bob's identity at ACS.
    untouched: Value,
}

impl Two {
    async fn new(api: Api) -> Self {
        let (alice, bob) = (api.sign_in_as("alice").await, api.sign_in_as("bob").await);
        let (own, bobs) = (api.own_token(&alice).await, api.own_token(&bob).await);
        let untouched = api.identity(&bobs.id).await;
        Self { api, alice, own, bobs, untouched }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.api.of(&self.alice, method, path)
    }

    /// Asserts that Bob's identity has not changed.
    async fn assert_untouched(&self, how: &str) {
        assert_eq!(self.api.identity(&self.bobs.id).await, self.untouched, "{how}");
        assert_eq!(self.api.token_status(&self.bobs.token).await, "valid", "{how}");
    }

    /// Completes a request for each function, and asserts that it concerned Alice's identity.
    async fn assert_own(&mut self, how: &str, request: impl Fn(&Self, &str, &str) -> RequestBuilder) {
        let answer = Answer::of(request(self, "POST", "/api/me/token")).await;
        assert_eq!(answer.status, 200, "{how}: {answer:?}");
        let next = Owned::read(&answer);
        assert_eq!(next.id, self.own.id, "{how}");
        self.assert_untouched(how).await;

        let answer = Answer::of(request(self, "DELETE", "/api/me/tokens")).await;
        assert_eq!((answer.status, &*answer.body), (204, ""), "{how}: {answer:?}");
        assert_eq!(self.api.token_status(&next.token).await, "revoked", "{how}");
        self.assert_untouched(how).await;

        let answer = Answer::of(request(self, "DELETE", "/api/me")).await;
        assert_eq!((answer.status, &*answer.body), (204, ""), "{how}: {answer:?}");
        assert_eq!(self.api.token_status(&next.token).await, "deleted", "{how}");
        self.assert_untouched(how).await;
        self.own = self.api.own_token(&self.alice).await;
    }
}

/// Bob's names.
fn names(two: &Two) -> [String; 4] {
    let guid = two.bobs.id.rsplit('_').next().unwrap().to_owned();
    [two.bobs.id.clone(), two.bobs.id.replace(':', "%3A"), guid, "bob".to_owned()]
}

async fn other_users_id_in_a_field_is_refused(api: Api) {
    let two = Two::new(api).await;
    let tokens_issued = two.api.identity(&two.own.id).await;
    let before = two.api.upstream_calls().await;
    for (name, pointer) in [
        ("id", "/id"),
        ("userId", "/userId"),
        ("user", "/user"),
        ("identity", "/identity"),
        ("communicationUserId", "/communicationUserId"),
        ("customId", "/customId"),
        ("sub", "/sub"),
        ("oid", "/oid"),
        ("Scopes", "/Scopes"),
        ("me/../id", "/me~1..~1id"),
        ("", "/"),
    ] {
        for value in [
            json!(two.bobs.id),
            json!({ "id": two.bobs.id }),
            json!({ "communicationUserId": two.bobs.id }),
            json!([two.bobs.id]),
            Value::Null,
        ] {
            let body = json!({ "scopes": ["voip.join"], name: value }).to_string();
            two.api.post_of(&two.alice, "/api/me/token", &body).await.assert_code(400, "invalid-fields", &[pointer]);
        }
    }
    // In a known field.
    for (body, pointer) in [
        (json!({ "scopes": [two.bobs.id] }), "/scopes/0"),
        (json!({ "expiresInMinutes": two.bobs.id }), "/expiresInMinutes"),
    ] {
        let answer = two.api.post_of(&two.alice, "/api/me/token", &body.to_string()).await;
        answer.assert_code(400, "invalid-fields", &[pointer]);
    }
    // In a duplicate field.
    let body = format!(r#"{{"scopes":["voip.join"],"scopes":["{}"]}}"#, two.bobs.id);
    assert_eq!(two.api.post_of(&two.alice, "/api/me/token", &body).await.status, 400);
    assert_eq!(two.api.upstream_calls().await, before);
    assert_eq!(two.api.identity(&two.own.id).await, tokens_issued);
    two.assert_untouched("in a field").await;
}

async fn other_users_id_in_the_query_is_ignored(api: Api) {
    let mut two = Two::new(api).await;
    for value in names(&two) {
        let query = ["id", "userId", "user", "identity", "communicationUserId", "customId", "code"];
        let query: Vec<String> = query.iter().map(|name| format!("{name}={value}")).collect();
        let query = query.join("&");
        two.assert_own(&query, |two, method, path| two.request(method, &format!("{path}?{query}"))).await;
    }
}

async fn other_users_id_in_a_header_is_ignored(api: Api) {
    let mut two = Two::new(api).await;
    let principal = |name: &str| {
        let claims =
            json!([{ "typ": "sub", "val": name }, { "typ": "oid", "val": name }, { "typ": "tid", "val": TENANT }]);
        STANDARD.encode(json!({ "auth_typ": "aad", "claims": claims }).to_string())
    };
    for value in names(&two) {
        let headers = [
            ("x-ms-client-principal", principal(&value)),
            ("x-ms-client-principal-id", value.clone()),
            ("x-ms-client-principal-name", value.clone()),
            ("x-ms-client-principal-idp", "aad".to_owned()),
            ("x-ms-token-aad-id-token", value.clone()),
            ("x-user-id", value.clone()),
            ("x-forwarded-user", value.clone()),
            ("x-communication-user-id", value.clone()),
            ("x-original-url", format!("/api/identities/{value}")),
            ("x-rewrite-url", format!("/api/identities/{value}/tokens")),
            ("x-http-method-override", "DELETE".to_owned()),
            ("forwarded", format!("for={value}")),
            ("from", value.clone()),
            ("cookie", format!("id={value}; user={value}; access_token={value}")),
            ("x-functions-key", value.clone()),
            ("x-request-id", value.clone()),
        ];
        two.assert_own(&value, |two, method, path| {
            headers.iter().fold(two.request(method, path), |request, (name, value)| request.header(*name, value))
        })
        .await;
    }
}

async fn other_users_id_in_the_path_is_not_found(api: Api) {
    let two = Two::new(api).await;
    let before = two.api.upstream_calls().await;
    for value in names(&two) {
        for (method, path) in [
            ("POST", format!("/api/me/{value}/token")),
            ("POST", format!("/api/me/token/{value}")),
            ("DELETE", format!("/api/me/{value}")),
            ("DELETE", format!("/api/me/{value}/tokens")),
            ("DELETE", format!("/api/me/tokens/{value}")),
            ("POST", format!("/api/{value}/token")),
            ("DELETE", format!("/api/me%2F{value}")),
            ("DELETE", format!("/api/me;id={value}")),
        ] {
            let answer = Answer::of(two.request(method, &path)).await;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            // The Functions host answers with an empty body.
            if !answer.body.is_empty() {
                answer.assert_code(404, "not-found", &[]);
            }
        }
    }
    assert_eq!(two.api.upstream_calls().await, before);
    two.assert_untouched("in the path").await;
    assert_eq!(two.api.token_status(&two.own.token).await, "valid");
}

async fn other_users_id_in_an_unused_body_is_ignored(api: Api) {
    let two = Two::new(api).await;
    let body = json!({ "id": two.bobs.id, "identity": { "id": two.bobs.id } }).to_string();
    for (path, status) in [("/api/me/tokens", "revoked"), ("/api/me", "deleted")] {
        let request = two.request("DELETE", path).header("content-type", "application/json").body(body.clone());
        let answer = Answer::of(request).await;
        assert_eq!((answer.status, &*answer.body), (204, ""), "{path}");
        assert_eq!(two.api.token_status(&two.own.token).await, status);
        two.assert_untouched(path).await;
    }
}
