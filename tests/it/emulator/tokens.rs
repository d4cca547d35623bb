//! The tokens: readable by every SDK, verifiable by the published keys, and ended when they should be.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::{Bench, STABLE};

pub(super) async fn status(bench: &Bench, token: &str) -> String {
    let answer = bench.control("POST", "tokens/check", &json!({ "token": token })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["status"].as_str().unwrap().to_owned()
}

async fn token(bench: &Bench, id: &str, body: &str) -> String {
    let answer = bench.ask("POST", &format!("/identities/{id}/:issueAccessToken?{STABLE}"), body).await;
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// Checks a token's signature against the published keys.
pub(super) async fn assert_signed(bench: &Bench, token: &str) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split('.').next().unwrap()).unwrap()).unwrap();
    let keys = bench.control("GET", "jwks.json", &Value::Null).await.json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("RSA"), &json!("RS256"), &json!("sig")));
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    RsaPublicKeyComponents { n: part("n"), e: part("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .unwrap();
}

#[tokio::test]
async fn a_token_has_the_claims_of_a_real_one_in_their_order() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    let token = token(&bench, &id, r#"{"scopes":["voip","chat.join"],"expiresInMinutes":60}"#).await;
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    let header = String::from_utf8(STANDARD_NO_PAD.decode(parts[0]).unwrap()).unwrap();
    assert_eq!(
        header,
        r#"{"alg":"RS256","kid":"00000000000000000000000000000000EMULATOR","x5t":"AAAAAAAAAAAAAAAAAAAAAAAAAAA","typ":"JWT"}"#
    );
    // Python and Java decode with the standard alphabet, so neither '-' nor '_' may occur.
    let payload = String::from_utf8(STANDARD_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let claims: Value = serde_json::from_str(&payload).unwrap();
    let issued = claims["iat"].as_i64().unwrap();
    assert!(payload.is_ascii());
    assert_eq!(
        payload,
        format!(
            r#"{{"skypeid":"{}","scp":1792,"csi":"{issued}","exp":{},"rgn":"amer","acsScope":"voip,chat.join","resourceId":"acacacac-acac-4aca-8aca-acacacacacac","resourceLocation":"unitedstates","iat":{issued}}}"#,
            id.strip_prefix("8:").unwrap(),
            issued + 3600,
        )
    );
}

#[tokio::test]
async fn a_token_is_signed_by_the_published_key() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    assert_signed(&bench, &token(&bench, &id, r#"{"scopes":["chat"]}"#).await).await;
}

#[tokio::test]
async fn revoking_ends_the_tokens_before_it_and_none_after_it() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    let before = token(&bench, &id, r#"{"scopes":["chat"]}"#).await;
    assert_eq!(status(&bench, &before).await, "valid");
    bench.ask("POST", &format!("/identities/{id}/:revokeAccessTokens?{STABLE}"), "").await;
    assert_eq!(status(&bench, &before).await, "revoked");
    let after = token(&bench, &id, r#"{"scopes":["chat"]}"#).await;
    assert_eq!(status(&bench, &after).await, "valid", "even within the same second");
    assert_eq!(status(&bench, &before).await, "revoked");
}

#[tokio::test]
async fn deleting_ends_the_tokens() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    let token = token(&bench, &id, r#"{"scopes":["chat"]}"#).await;
    bench.ask("DELETE", &format!("/identities/{id}?{STABLE}"), "").await;
    assert_eq!(status(&bench, &token).await, "deleted");
}

#[tokio::test]
async fn lifetimes_can_be_cut_short_for_tests() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    bench.control("PUT", "settings", &json!({"tokenLifetimeSeconds": 0})).await;
    let short = token(&bench, &id, r#"{"scopes":["chat"]}"#).await;
    assert_eq!(status(&bench, &short).await, "expired");
    bench.control("PUT", "settings", &json!({})).await;
    assert_eq!(status(&bench, &token(&bench, &id, r#"{"scopes":["chat"]}"#).await).await, "valid");
}

#[tokio::test]
async fn a_strange_token_is_unknown() {
    let bench = Bench::start().await;
    let id = bench.identity().await;
    let good = token(&bench, &id, r#"{"scopes":["chat"]}"#).await;
    let parts: Vec<&str> = good.split('.').collect();
    let other = URL_SAFE_NO_PAD.encode(r#"{"skypeid":"acs:x_y","exp":9999999999,"iat":1}"#);
    for strange in ["", "a.b.c", &format!("{}.{other}.{}", parts[0], parts[2])] {
        assert_eq!(status(&bench, strange).await, "unknown", "{strange}");
    }
    bench.control("POST", "reset", &Value::Null).await;
    assert_eq!(status(&bench, &good).await, "unknown", "its identity was forgotten");
}
