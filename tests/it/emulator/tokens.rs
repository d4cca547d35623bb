//! Tokens: their form, their signature, and when they end.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use super::{Server, target};

const CHAT: &str = r#"{"scopes":["chat"]}"#;

/// Verifies the signature of a token with the published keys.
pub(super) async fn assert_signed(server: &Server, token: &str) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let header = URL_SAFE_NO_PAD.decode(signed.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let keys = server.get("jwks.json").await;
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("RSA"), &json!("RS256"), &json!("sig")));
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    RsaPublicKeyComponents { n: part("n"), e: part("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .unwrap();
}

#[tokio::test]
async fn a_token_has_the_claims_of_acs_in_order() {
    let server = Server::start().await;
    let id = server.identity().await;
    let token = server.token(&id, r#"{"scopes":["voip","chat.join"],"expiresInMinutes":60}"#).await;
    assert_signed(&server, &token).await;
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    // Python and Java decode with the standard alphabet, so neither '-' nor '_' may occur.
    let [header, payload] =
        [parts[0], parts[1]].map(|part| String::from_utf8(STANDARD_NO_PAD.decode(part).unwrap()).unwrap());
    assert_eq!(
        header,
        r#"{"alg":"RS256","kid":"00000000000000000000000000000000EMULATOR","x5t":"AAAAAAAAAAAAAAAAAAAAAAAAAAA","typ":"JWT"}"#
    );
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
async fn revoking_ends_earlier_tokens_only() {
    let server = Server::start().await;
    let id = server.identity().await;
    let mut after = server.token(&id, CHAT).await;
    // Also repeatedly within the same second.
    for _ in 0..3 {
        let before = after;
        assert_eq!(server.token_status(&before).await, "valid");
        server.call("POST", &target(&id, "/:revokeAccessTokens"), "").await;
        assert_eq!(server.token_status(&before).await, "revoked");
        after = server.token(&id, CHAT).await;
        assert_eq!(server.token_status(&before).await, "revoked");
    }
    assert_eq!(server.token_status(&after).await, "valid");
    server.call("DELETE", &target(&id, ""), "").await;
    assert_eq!(server.token_status(&after).await, "deleted");
}

#[tokio::test]
async fn a_setting_shortens_the_lifetime() {
    let server = Server::start().await;
    let id = server.identity().await;
    for (settings, status) in [(json!({"tokenLifetimeSeconds": 0}), "expired"), (json!({}), "valid")] {
        server.order("PUT", "settings", &settings).await;
        assert_eq!(server.token_status(&server.token(&id, CHAT).await).await, status);
    }
}

#[tokio::test]
async fn other_tokens_are_unknown() {
    let server = Server::start().await;
    let good = server.token(&server.identity().await, CHAT).await;
    let parts: Vec<&str> = good.split('.').collect();
    let other = URL_SAFE_NO_PAD.encode(r#"{"skypeid":"acs:x_y","exp":9999999999,"iat":1}"#);
    for token in ["", "a.b.c", &format!("{}.{other}.{}", parts[0], parts[2])] {
        assert_eq!(server.token_status(token).await, "unknown", "{token}");
    }
    server.order("POST", "reset", &Value::Null).await;
    assert_eq!(server.token_status(&good).await, "unknown");
}
