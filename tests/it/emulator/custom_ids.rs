//! Custom ids that the service does not keep apart: calls close together make an identity each.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Answer, Bench};

const CREATE: &str = "/identities?api-version=2025-03-02-preview";
const BOB: &str = r#"{"customId":"bob@contoso.com"}"#;

#[track_caller]
fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["identity"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn calls_that_wait_for_each_other_make_an_identity_each_and_then_none_is_the_one() {
    let bench = Bench::start().await;
    assert_eq!(bench.control("PUT", "settings", &json!({ "customIdRaceCalls": 3 })).await.status, 204);
    let create = || bench.ask("POST", CREATE, BOB);
    let (one, two, three) = tokio::join!(create(), create(), create());
    let ids = BTreeSet::from([one, two, three].map(|answer| id_of(&answer)));
    assert_eq!(ids.len(), 3);
    assert_eq!(bench.control("GET", "settings", &Value::Null).await.json()["customIdRaceCalls"], Value::Null);

    let refused = r#"{"error":{"code":"MultipleIdentitiesForCustomId","message":"Multiple identities were found for the provided custom id."}}"#;
    for body in [BOB, r#"{"customId":"bob@contoso.com","createTokenWithScopes":["voip"]}"#] {
        let answer = bench.ask("POST", CREATE, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (409, refused));
    }
    // Each can still be read, and has the custom id.
    for id in &ids {
        let answer = bench.ask("GET", &format!("/identities/{id}?api-version=2025-03-02-preview"), "").await;
        assert_eq!(answer.json(), json!({ "id": id, "customId": "bob@contoso.com" }));
    }
    let mut ids = ids.into_iter();
    let kept = ids.next().unwrap();
    for other in ids {
        assert_eq!(create().await.status, 409);
        bench.ask("DELETE", &format!("/identities/{other}?api-version=2025-03-02-preview"), "").await;
    }
    assert_eq!(id_of(&create().await), kept);
}

#[tokio::test]
async fn in_the_time_between_looking_and_making_others_make_one_too() {
    let bench = Bench::start().await;
    // A slow machine may need a longer time to have both calls look within it.
    for ms in (7..14).map(|n| 1 << n) {
        bench.control("POST", "reset", &Value::Null).await;
        bench.control("PUT", "settings", &json!({ "customIdRaceMs": ms })).await;
        let (one, two) = tokio::join!(bench.ask("POST", CREATE, BOB), bench.ask("POST", CREATE, BOB));
        if id_of(&one) != id_of(&two) {
            assert_eq!(bench.ask("POST", CREATE, BOB).await.status, 409);
            return;
        }
    }
    panic!("the calls always came one after the other");
}

#[tokio::test]
async fn one_that_is_there_is_found_without_a_wait() {
    let bench = Bench::start().await;
    let id = id_of(&bench.ask("POST", CREATE, BOB).await);
    // Were it not found, the calls would wait for a hundred others, or for days.
    for settings in [json!({ "customIdRaceCalls": 100 }), json!({ "customIdRaceMs": 4_000_000_000_u32 })] {
        bench.control("PUT", "settings", &settings).await;
        assert_eq!(id_of(&bench.ask("POST", CREATE, BOB).await), id);
        id_of(&bench.ask("POST", CREATE, "{}").await);
    }
}

#[tokio::test]
async fn other_settings_end_the_wait() {
    let bench = Bench::start().await;
    bench.control("PUT", "settings", &json!({ "customIdRaceCalls": 2 })).await;
    let none = json!({});
    // Whether the call waits already or not: it does not wait any more.
    let (answer, _) = tokio::join!(bench.ask("POST", CREATE, BOB), bench.control("PUT", "settings", &none));
    id_of(&answer);
}
