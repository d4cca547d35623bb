//! The texts for guests.

use acs_tokens::{access::AccessRules, directory::DirectorySettings, guest_pass::PassClaims};
use jiff::Timestamp;
use serde_json::json;

use super::{INVALID_FIELDS, assert_texts};
use crate::harness::{Answer, Api};

#[tokio::test]
async fn texts_for_guests() {
    let directory = DirectorySettings::in_memory();
    let rules =
        AccessRules { policy: r#"{"guests":{"maxPassMinutes":60,"maxUses":10}}"#.parse().unwrap(), ..<_>::default() };
    let api = Api::with_users(Some(&directory), rules).await;
    let narrow = AccessRules { policy: r#"{"guests":{"scopes":["chat"]}}"#.parse().unwrap(), ..<_>::default() };
    let narrow = Api::with_users(Some(&directory), narrow).await;
    let create = async |body: serde_json::Value| api.post("/api/guests", &body.to_string()).await;
    let answer =
        create(json!({ "scopes": ["chat"], "expiresInMinutes": 61, "passExpiresInMinutes": 61, "uses": 11 })).await;
    let errors = &[
        ("/scopes/0", "The scope chat is not allowed; allowed are voip.join."),
        ("/expiresInMinutes", "At most 60 minutes are allowed."),
        ("/passExpiresInMinutes", "At most 60 minutes are allowed."),
        ("/uses", "At most 10 are allowed."),
    ];
    let detail = "A pass may have the scopes voip.join for at most 60 minutes, be valid for at most 60 minutes and have \
                  at most 10 uses. Ask for no more, or omit the field to get the default.";
    assert_texts(&answer, "beyond policy", detail, errors);
    let answer = create(json!({ "expiresInMinutes": 0, "passExpiresInMinutes": 0, "uses": 0 })).await;
    let errors = &[
        ("/expiresInMinutes", "Must be a whole number of minutes from 60 to 1440. The default is 60."),
        ("/passExpiresInMinutes", "Must be a whole number of minutes from 5 to 43200."),
        ("/uses", "Must be a whole number from 1 to 1000."),
    ];
    assert_texts(&answer, "invalid", INVALID_FIELDS, errors);

    let shared = create(json!({ "uses": 2 })).await.json();
    let (id, shared) = (shared["id"].as_str().unwrap(), format!("Bearer {}", shared["pass"].as_str().unwrap()));
    let use_of = async |pass: &str, body: &str| api.post_of(pass, "/api/guests/token", body).await;
    let expected = &[(
        "/guest",
        "The field is required, because several guests have this pass: 16 to 64 of the characters A-Z, a-z, \
                    0-9, - and _, which the browser makes at random and keeps.",
    )];
    assert_texts(&use_of(&shared, "{}").await, "no guest", INVALID_FIELDS, expected);
    let expected = &[(
        "/guest",
        "Must be 16 to 64 of the characters A-Z, a-z, 0-9, - and _, which the browser makes at random and keeps.",
    )];
    let answer = use_of(&shared, r#"{"guest":"bob"}"#).await;
    assert_texts(&answer, "short guest", INVALID_FIELDS, expected);
    for guest in ["alice-0123456789", "bob-0123456789ab"] {
        use_of(&shared, &json!({ "guest": guest }).to_string()).await.assert_ok(200);
    }
    let answer = use_of(&shared, r#"{"guest":"carol-0123456789"}"#).await;
    let detail = "Other guests have taken all uses of the pass. If you have used it before, send the same guest as then. \
                  Otherwise ask the sender for a new link.";
    assert_texts(&answer, "used up", detail, &[]);
    let answer = narrow.post_of(&shared, "/api/guests/token", r#"{"guest":"alice-0123456789"}"#).await;
    let detail = "This service no longer allows what the pass grants. Ask the sender for a new link.";
    assert_texts(&answer, "narrow", detail, &[]);
    assert_eq!(api.delete(&format!("/api/guests/{id}")).await.status, 204);
    let answer = use_of(&shared, r#"{"guest":"alice-0123456789"}"#).await;
    assert_texts(&answer, "ended", "The pass was ended. Ask the sender for a new link.", &[]);
    let detail = "The path has no id of a pass of this service. Use id from the answer of POST guests, not the pass.";
    assert_texts(&api.delete("/api/guests/x").await, "id", detail, &[]);

    let answer = Answer::of(api.request("POST", "/api/guests/token")).await;
    let detail = "Send the pass of the invitation as a bearer token in the Authorization header. A pass in the URL does \
                  not count.";
    assert_texts(&answer, "no pass", detail, &[]);
    let detail = "The pass is not one of this service, or it is incomplete. Use the whole link of the invitation.";
    assert_texts(&use_of("Bearer x", "{}").await, "forged", detail, &[]);
    let claims = PassClaims {
        scopes: vec![acs_identity::types::Scope::VoipJoin],
        lifetime: acs_identity::types::TokenLifetime::MIN,
        uses: 1,
        expires: Timestamp::UNIX_EPOCH,
    };
    let expired = directory.key.pass_keys().issue(claims).unwrap().expose();
    let answer = use_of(&format!("Bearer {expired}"), "{}").await;
    assert_texts(&answer, "expired", "The pass has expired. Ask the sender for a new link.", &[]);
}
