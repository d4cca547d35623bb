//! Two keys, either of which is good, and either of which can be regenerated.

use acs_tokens::emulator::{DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Bench, Call,
    authentication::{Log, TARGET, assert_denied},
};

fn signed_with(bench: &Bench, key: &str) -> Call {
    bench.bent("POST", TARGET, "{}", |signing| signing.key = STANDARD.decode(key).unwrap())
}

#[tokio::test]
async fn either_key_is_good_until_it_is_regenerated() {
    let (log, _guard) = Log::capture();
    let bench = Bench::start().await;
    let published = json!({ "primaryKey": DEVELOPMENT_KEY, "secondaryKey": DEVELOPMENT_KEY_SECONDARY });
    assert_eq!(bench.control("GET", "keys", &Value::Null).await.json(), published);
    for key in [DEVELOPMENT_KEY, DEVELOPMENT_KEY_SECONDARY] {
        assert_eq!(bench.send(&signed_with(&bench, key)).await.status, 201);
    }

    let keys = bench.control("POST", "keys/regenerate", &json!({ "keyType": "Primary" })).await.json();
    let primary = keys["primaryKey"].as_str().unwrap();
    assert_eq!(keys["secondaryKey"], DEVELOPMENT_KEY_SECONDARY);
    assert_eq!(STANDARD.decode(primary).unwrap().len(), 64);
    for key in [primary, DEVELOPMENT_KEY_SECONDARY] {
        assert_eq!(bench.send(&signed_with(&bench, key)).await.status, 201);
    }
    let reason = "the access key was regenerated; GET the current one from the control API";
    assert_denied(&bench, &log, &signed_with(&bench, DEVELOPMENT_KEY), reason).await;

    let keys = bench.control("POST", "keys/regenerate", &json!({ "keyType": "secondary" })).await.json();
    assert_eq!(keys["primaryKey"], primary);
    assert_denied(&bench, &log, &signed_with(&bench, DEVELOPMENT_KEY_SECONDARY), reason).await;

    assert_eq!(bench.control("POST", "reset", &Value::Null).await.status, 204);
    assert_eq!(bench.control("GET", "keys", &Value::Null).await.json(), published);
    assert_eq!(bench.ask("POST", TARGET, "{}").await.status, 201);
}
