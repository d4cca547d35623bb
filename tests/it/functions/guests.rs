//! `POST guests`, `POST guests/token` and `DELETE guests/{passId}`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Api,
    users::{Owned, claim},
};

through_each_host! {
    users:
    guest_has_one_identity, each_guest_of_a_shared_pass_has_an_identity, pass_grants_what_was_requested,
    requests_beyond_the_policy_are_refused, invalid_fields_are_refused, ended_pass_gives_nothing,
    other_credentials_are_refused, accept_text_returns_the_bare_token, other_ids_end_no_pass,
}

pub(super) const PASSES: &str = "/api/guests";
pub(super) const TOKEN: &str = "/api/guests/token";

/// Creates a pass and returns its id and the value of `Authorization`.
pub(super) async fn pass(api: &Api, body: Value) -> (String, String) {
    let answer = api.post(PASSES, &body.to_string()).await;
    answer.assert_ok(201);
    let answer = answer.json();
    assert_eq!(answer.as_object().unwrap().len(), 3, "{answer}");
    (answer["id"].as_str().unwrap().to_owned(), format!("Bearer {}", answer["pass"].as_str().unwrap()))
}

pub(super) async fn token(api: &Api, pass: &str) -> Owned {
    // A `tokenRefresher` sends no body.
    let answer = Answer::of(api.of(pass, "POST", TOKEN)).await;
    answer.assert_ok(200);
    Owned::read(&answer)
}

/// Calls guest-token as one of the guests of a pass.
async fn call(api: &Api, pass: &str, guest: &str) -> Answer {
    api.post_of(pass, TOKEN, &json!({ "guest": guest }).to_string()).await
}

async fn guest_has_one_identity(api: Api) {
    let [(_, one), (_, other)] = [pass(&api, json!({})).await, pass(&api, json!({})).await];
    let calls = async || api.control("GET", "calls", None).await;
    assert_eq!(calls().await, json!({}), "a pass is not stored");
    let first = token(&api, &one).await;
    assert_eq!(calls().await, json!({ "create-identity": { "received": 1, "faulted": 0 } }));
    let second = token(&api, &one).await;
    assert_eq!(calls().await["issue-token"], json!({ "received": 1, "faulted": 0 }));
    let others = token(&api, &other).await;
    assert_eq!(first.id, second.id);
    assert_ne!(first.id, others.id);
    for owned in [first, second, others] {
        assert_eq!(claim(&owned.token, "acsScope"), "voip.join");
        assert_eq!(api.token_status(&owned.token).await, "valid");
    }
    // A guest who names itself is another one.
    call(&api, &one, "a-guest-of-its-own").await.assert_code(403, "pass-used-up", &[]);
    assert_eq!(api.identities().await, 2);
}

async fn each_guest_of_a_shared_pass_has_an_identity(api: Api) {
    let (_, pass) = pass(&api, json!({ "uses": 2 })).await;
    let [alice, bob, carol] = ["alice-0123456789", "bob_0123456789ab", "carol-0123456789"];
    let id = async |guest| Owned::read(&call(&api, &pass, guest).await).id;
    let (first, second) = (id(alice).await, id(bob).await);
    assert_ne!(first, second);
    call(&api, &pass, carol).await.assert_code(403, "pass-used-up", &[]);
    assert_eq!((id(alice).await, id(bob).await), (first, second));
    call(&api, &pass, carol).await.assert_code(403, "pass-used-up", &[]);
    api.post_of(&pass, TOKEN, "{}").await.assert_code(400, "invalid-fields", &["/guest"]);
    Answer::of(api.of(&pass, "POST", TOKEN)).await.assert_code(400, "invalid-fields", &["/guest"]);
    assert_eq!(api.identities().await, 2);
}

async fn pass_grants_what_was_requested(api: Api) {
    for (body, scopes, minutes) in [
        (json!({}), "voip.join", 1440),
        (json!({ "scopes": ["voip.join"], "expiresInMinutes": 60, "passExpiresInMinutes": 5 }), "voip.join", 5),
        (json!({ "passExpiresInMinutes": 43_200, "uses": 1 }), "voip.join", 43_200),
    ] {
        let answer = api.post(PASSES, &body.to_string()).await;
        answer.assert_ok(201);
        let expires: Timestamp = answer.json()["expiresOn"].as_str().unwrap().parse().unwrap();
        let left = expires.duration_since(Timestamp::now()) - SignedDuration::from_mins(minutes);
        // A whole minute, and not less than requested.
        assert!(expires.as_second() % 60 == 0 && left > SignedDuration::from_secs(-30), "{answer:?}");
        assert!(left <= SignedDuration::from_mins(1), "{answer:?}");
        let pass = format!("Bearer {}", answer.json()["pass"].as_str().unwrap());
        assert_eq!(claim(&token(&api, &pass).await.token, "acsScope"), scopes);
    }
    Answer::of(api.request("POST", PASSES)).await.assert_ok(201);
}

async fn requests_beyond_the_policy_are_refused(api: Api) {
    for (body, pointers) in [
        (json!({ "scopes": ["voip.join", "chat"] }), &["/scopes/1"][..]),
        (json!({ "expiresInMinutes": 61, "uses": 1000 }), &["/expiresInMinutes"]),
        (json!({ "scopes": ["voip"], "expiresInMinutes": 1440 }), &["/scopes/0", "/expiresInMinutes"]),
    ] {
        api.post(PASSES, &body.to_string()).await.assert_code(403, "beyond-policy", pointers);
    }
}

async fn invalid_fields_are_refused(api: Api) {
    for (body, pointers) in [
        (json!({ "scopes": [], "expiresInMinutes": 59, "passExpiresInMinutes": 4, "uses": 0 }), {
            &["/scopes", "/expiresInMinutes", "/passExpiresInMinutes", "/uses"][..]
        }),
        (json!({ "passExpiresInMinutes": 43_201, "uses": 1001 }), &["/passExpiresInMinutes", "/uses"]),
        (json!({ "passExpiresInMinutes": "5", "uses": 1.5, "x": 1 }), &["/passExpiresInMinutes", "/uses", "/x"]),
    ] {
        api.post(PASSES, &body.to_string()).await.assert_code(400, "invalid-fields", pointers);
    }
    let (_, pass) = pass(&api, json!({ "uses": 2 })).await;
    let long = "a".repeat(65);
    for guest in [json!(""), json!("a-short-guest-1"), json!(long), json!("alice@contoso.com"), json!(7), Value::Null] {
        let body = json!({ "guest": guest }).to_string();
        api.post_of(&pass, TOKEN, &body).await.assert_code(400, "invalid-fields", &["/guest"]);
    }
    let body = json!({ "guest": "a".repeat(64), "scopes": ["voip"] }).to_string();
    api.post_of(&pass, TOKEN, &body).await.assert_code(400, "invalid-fields", &["/scopes"]);
    assert_eq!(api.upstream_calls().await, 0);
}

async fn ended_pass_gives_nothing(api: Api) {
    let (id, pass_of_three) = pass(&api, json!({ "uses": 3 })).await;
    let (unused_id, unused) = pass(&api, json!({})).await;
    let (_, other) = pass(&api, json!({})).await;
    let [alice, bob] = ["alice-0123456789", "bob-0123456789ab"];
    let mut tokens = Vec::new();
    for guest in [alice, bob] {
        tokens.push(Owned::read(&call(&api, &pass_of_three, guest).await).token);
    }
    let others = token(&api, &other).await;
    for _ in 0..2 {
        assert_eq!(api.delete(&format!("/api/guests/{id}")).await.status, 204);
        assert_eq!(api.delete(&format!("/api/guests/{unused_id}")).await.status, 204);
    }
    for token in tokens {
        assert_eq!(api.token_status(&token).await, "deleted");
    }
    for guest in [alice, bob, "carol-0123456789"] {
        call(&api, &pass_of_three, guest).await.assert_code(403, "pass-ended", &[]);
    }
    Answer::of(api.of(&unused, "POST", TOKEN)).await.assert_code(403, "pass-ended", &[]);
    assert_eq!(token(&api, &other).await.id, others.id);
    assert_eq!(api.identities().await, 3, "the ended passes were given no identity again");
}

async fn other_credentials_are_refused(api: Api) {
    let (id, pass) = pass(&api, json!({})).await;
    let text = pass.strip_prefix("Bearer ").unwrap();
    for request in [
        api.request("POST", TOKEN),
        api.request("POST", &format!("{TOKEN}?pass={text}&access_token={text}")),
        api.request("POST", TOKEN).header("x-functions-key", text),
        api.request("POST", TOKEN).header("authorization", text),
        api.request("POST", TOKEN).header("authorization", format!("Basic {text}")),
    ] {
        let answer = Answer::of(request).await;
        answer.assert_code(401, "unauthorized", &[]);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let alice = api.sign_in_as("alice").await;
    for credential in [&*format!("Bearer {id}"), &format!("Bearer {text}A"), "Bearer ", "Bearer é", &alice] {
        let answer = Answer::of(api.of(credential, "POST", TOKEN)).await;
        answer.assert_code(401, "pass-invalid", &[]);
        assert!(answer.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""));
    }
    // A pass gives access to no other function, and no GET uses it.
    Answer::of(api.of(&pass, "POST", "/api/me/token")).await.assert_code(401, "unauthorized", &[]);
    if !api.is_hosted() {
        Answer::of(api.of(&pass, "GET", TOKEN)).await.assert_code(405, "method-not-allowed", &[]);
    }
    assert_eq!(api.upstream_calls().await, 0);
}

async fn accept_text_returns_the_bare_token(api: Api) {
    let (_, pass) = pass(&api, json!({})).await;
    let answer = Answer::of(api.of(&pass, "POST", TOKEN).header("accept", "text/plain")).await;
    answer.assert_ok(200);
    assert_eq!(api.token_status(&answer.body).await, "valid");
    assert_eq!(format!("8:{}", claim(&answer.body, "skypeid")), token(&api, &pass).await.id);
}

async fn other_ids_end_no_pass(api: Api) {
    let (id, pass) = pass(&api, json!({})).await;
    let text = pass.strip_prefix("Bearer ").unwrap();
    let mistyped = if id.starts_with('A') { id.replacen('A', "B", 1) } else { format!("A{}", &id[1..]) };
    for id in [text, &mistyped, &id[1..], &format!("{id}A"), "me"] {
        api.delete(&format!("/api/guests/{id}")).await.assert_code(400, "invalid-pass-id", &[]);
    }
    token(&api, &pass).await;
}
