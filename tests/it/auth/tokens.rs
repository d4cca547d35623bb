//! The table of tokens: valid ones, and those that an attacker could send.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    api, backend_token, create_as, decode, encode, fetches,
    rejection::{
        ALGORITHM, ALGORITHM_OF_KEY, AMBIGUOUS, BOUND, CRITICAL, EXPIRED, ISSUER, NO_EXPIRY, NO_KEY_ID, NOT_A_JWT,
        NOT_AN_ACCESS_TOKEN, NOT_YET_VALID, Rejection, SIGNATURE, SUBJECT, TENANT_OF_ISSUER, TIMES, TOO_LONG,
        TWO_HEADERS, TYPE, UNKNOWN_KEY, WRONG_AUDIENCE,
    },
    with,
};
use crate::harness::{
    Api,
    users::{AUDIENCE, TENANT},
};

const OTHER_TENANT: &str = "99999999-2222-4333-8444-555555555555";

fn header(name: &str, value: impl Into<Value>) -> Value {
    json!({ "header": { name: value.into() } })
}

fn claim(name: &str, value: impl Into<Value>) -> Value {
    json!({ "claims": { name: value.into() } })
}

/// Asserts that a token is rejected, and that the response contains no part of it.
async fn assert_rejected(api: &Api, name: &str, token: &str, rejection: &Rejection) {
    let answer = create_as(api, &format!("Bearer {token}")).await;
    rejection.assert(name, &answer);
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!answer.body.contains(part), "{name}");
    }
}

#[tokio::test]
async fn valid_tokens_are_accepted() {
    let (api, now) = (api().await, now());
    let of_tenant = json!({ "claims": { "tid": TENANT, "oid": "an app", "sub": "an app" } });
    for (issuer, spec) in [
        ("", json!({ "alg": "RS256" })),
        ("", json!({ "alg": "PS256" })),
        ("", json!({ "alg": "ES256" })),
        ("", json!({ "alg": "EdDSA" })),
        ("", header("typ", "at+jwt")),
        ("", header("typ", "application/AT+JWT")),
        ("", header("typ", Value::Null)),
        ("", claim("aud", json!(["another", AUDIENCE]))),
        // The clocks may differ by a minute.
        ("", json!({ "claims": { "exp": now - 30, "nbf": now + 30 } })),
        (&format!("/{TENANT}/v2.0"), of_tenant),
    ] {
        let token = backend_token(&api, issuer, spec.clone()).await;
        assert_eq!(create_as(&api, &format!("Bearer {token}")).await.status, 201, "{spec}");
    }
    // RFC 9110 section 11.1: the case of the scheme does not matter.
    let token = backend_token(&api, "", json!({})).await;
    for authorization in [format!("bearer {token}"), format!("BEARER   {token}")] {
        create_as(&api, &authorization).await.assert_ok(201);
    }
}

/// Returns the Unix time in seconds.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// An attacker who has an account at the issuer can get tokens with a valid signature.
#[tokio::test]
async fn tokens_of_the_issuer_with_wrong_claims_are_rejected() {
    let (api, now) = (api().await, now());
    let valid = backend_token(&api, "", json!({})).await;
    let issuer = decode(&valid, 1)["iss"].as_str().unwrap().to_owned();
    let specs = [
        ("no alg", header("alg", Value::Null), NOT_A_JWT),
        ("alg none", header("alg", "none"), ALGORITHM),
        ("alg None", header("alg", "nOnE"), ALGORITHM),
        ("alg HS256", header("alg", "HS256"), ALGORITHM),
        ("alg RS512", header("alg", "RS512"), ALGORITHM),
        ("alg RS1", header("alg", "RS1"), ALGORITHM),
        ("alg a number", header("alg", 256), NOT_A_JWT),
        ("alg of another key", header("alg", "ES256"), ALGORITHM_OF_KEY),
        ("padding of another alg", header("alg", "PS256"), SIGNATURE),
        ("no kid", header("kid", Value::Null), NO_KEY_ID),
        ("empty kid", header("kid", ""), NO_KEY_ID),
        ("unknown kid", header("kid", "unknown"), UNKNOWN_KEY),
        ("kid of another type", header("kid", "emulator-ec-0"), ALGORITHM_OF_KEY),
        ("kid that is a path", header("kid", "../../dev/null"), UNKNOWN_KEY),
        ("typ of a logout token", header("typ", "logout+jwt"), TYPE),
        ("typ of a proof", header("typ", "dpop+jwt"), TYPE),
        ("crit", header("crit", json!(["exp"])), CRITICAL),
        ("crit b64", json!({ "header": { "crit": ["b64"], "b64": false } }), CRITICAL),
        ("expired", claim("exp", now - 120), EXPIRED),
        ("expired long ago", claim("exp", 0), EXPIRED),
        ("no exp", claim("exp", Value::Null), NO_EXPIRY),
        ("exp a string", claim("exp", "tomorrow"), TIMES),
        ("exp a number as a string", claim("exp", (now + 600).to_string()), TIMES),
        ("exp negative", claim("exp", -1), TIMES),
        ("nbf in the future", claim("nbf", now + 600), NOT_YET_VALID),
        ("nbf a string", claim("nbf", "now"), TIMES),
        ("other aud", claim("aud", "api://another"), WRONG_AUDIENCE),
        ("other auds", claim("aud", json!(["api://another", "api://a-third"])), WRONG_AUDIENCE),
        ("no aud", claim("aud", Value::Null), WRONG_AUDIENCE),
        ("empty aud", claim("aud", json!([])), WRONG_AUDIENCE),
        ("aud with our aud as prefix", claim("aud", format!("{AUDIENCE}.evil.example")), WRONG_AUDIENCE),
        ("aud in another case", claim("aud", "API://ACS-TOKENS"), WRONG_AUDIENCE),
        ("other iss", claim("iss", "https://evil.example"), ISSUER),
        ("iss with a trailing slash", claim("iss", format!("{issuer}/")), ISSUER),
        ("iss with another path", claim("iss", issuer.replace("/_emulator", "/elsewhere")), ISSUER),
        ("iss an array", claim("iss", json!([issuer])), ISSUER),
        ("no iss", claim("iss", Value::Null), ISSUER),
        ("no sub", json!({ "claims": { "sub": null, "client_id": null } }), SUBJECT),
        ("empty sub", claim("sub", ""), SUBJECT),
        ("sub a number", claim("sub", 42), SUBJECT),
        ("bound by DPoP", claim("cnf", json!({ "jkt": "x" })), BOUND),
        ("bound by mutual TLS", claim("cnf", json!({ "x5t#S256": "x" })), BOUND),
        ("ID token by nonce", claim("nonce", "x"), NOT_AN_ACCESS_TOKEN),
        ("ID token by at_hash", claim("at_hash", "x"), NOT_AN_ACCESS_TOKEN),
        ("ID token by c_hash", claim("c_hash", "x"), NOT_AN_ACCESS_TOKEN),
        (
            "logout token",
            claim("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
            NOT_AN_ACCESS_TOKEN,
        ),
        ("application with a session", claim("sid", "x"), AMBIGUOUS),
        ("application with a user name", claim("preferred_username", "anna"), AMBIGUOUS),
        ("application with the scope openid", claim("scope", "openid profile"), AMBIGUOUS),
        ("application that is a user", claim("idtyp", "user"), AMBIGUOUS),
        ("too long", claim("padding", "x".repeat(20_000)), TOO_LONG),
    ];
    for (name, spec, rejection) in specs {
        let token = backend_token(&api, "", spec).await;
        assert_rejected(&api, name, &token, &rejection).await;
    }
    for (name, path, tid, rejection) in [
        ("another tenant", format!("/{OTHER_TENANT}/v2.0"), json!(OTHER_TENANT), ISSUER),
        ("another tenant with our iss", format!("/{TENANT}/v2.0"), json!(OTHER_TENANT), TENANT_OF_ISSUER),
        ("no tenant with our iss", format!("/{TENANT}/v2.0"), Value::Null, TENANT_OF_ISSUER),
        // The issuer's URL has no tenant, so `tid` and `oid` identify no one.
        ("tenant and object of an issuer without tenants", String::new(), json!(OTHER_TENANT), SUBJECT),
    ] {
        let claims = json!({ "tid": tid, "oid": "x", "sub": null, "client_id": null });
        let token = backend_token(&api, &path, json!({ "claims": claims })).await;
        assert_rejected(&api, name, &token, &rejection).await;
    }
    assert_eq!(api.upstream_calls().await, 0);
}

/// An attacker without an account can sign with keys of their own and change intercepted tokens.
#[tokio::test]
async fn tokens_of_others_are_rejected() {
    let api = api().await;
    let good = backend_token(&api, "", json!({})).await;
    let (header, claims) = (decode(&good, 0), decode(&good, 1));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let keys = api.control("GET", "oidc/jwks", None).await;
    let modulus = keys["keys"][0]["n"].as_str().unwrap();
    let sign = |secret: &[u8], change: Value| {
        let signed = format!("{}.{}", encode(&with(header.clone(), &change)), encode(&claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let public = URL_SAFE_NO_PAD.decode(modulus).unwrap();
    let other = with(claims.clone(), &json!({ "sub": "an admin" }));
    let unsigned = format!("{}.{}", encode(&json!({ "alg": "none", "kid": header["kid"] })), encode(&claims));
    let oct = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("mine"), "kid": "mine", "alg": "HS256" });
    let url = format!("{}/mine/jwks", claims["iss"].as_str().unwrap());
    let fetched = fetches(&api).await;
    let tokens = [
        ("HMAC with the public modulus", sign(&public, json!({ "alg": "HS256" })), ALGORITHM),
        ("HMAC with the modulus as text", sign(modulus.as_bytes(), json!({ "alg": "HS256" })), ALGORITHM),
        ("HMAC under RS256", sign(&public, json!({})), SIGNATURE),
        ("alg none, no signature", format!("{unsigned}."), ALGORITHM),
        ("alg none, a signature", format!("{unsigned}.{signature}"), ALGORITHM),
        ("no signature", format!("{signed}."), SIGNATURE),
        ("signature of zeros", format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 256])), SIGNATURE),
        ("claims replaced", format!("{}.{}.{signature}", encode(&header), encode(&other)), SIGNATURE),
        ("own key in the header", sign(b"mine", json!({ "jwk": oct, "kid": "mine" })), UNKNOWN_KEY),
        ("own key under a known kid", sign(b"mine", json!({ "jwk": oct })), SIGNATURE),
        ("jku", sign(b"mine", json!({ "jku": url, "kid": "mine" })), UNKNOWN_KEY),
        ("jku under a known kid", sign(b"mine", json!({ "jku": url })), SIGNATURE),
        ("x5u under a known kid", sign(b"mine", json!({ "x5u": url })), SIGNATURE),
        ("x5c under a known kid", sign(b"mine", json!({ "x5c": ["bWluZQ=="] })), SIGNATURE),
        ("a dot at the end", format!("{good}."), NOT_A_JWT),
        ("a dot at the start", format!(".{good}"), NOT_A_JWT),
        ("five parts, as of an encrypted token", format!("{good}.AAAA.AAAA"), NOT_A_JWT),
        ("two parts", signed.to_owned(), NOT_A_JWT),
        ("padding", format!("{good}=="), NOT_A_JWT),
        ("plain base64", good.replace(['-', '_'], "+") + "+", NOT_A_JWT),
        ("a space inside", good.replacen('.', ". ", 1), NOT_A_JWT),
        ("two tokens, joined by a host", format!("{good}, Bearer {good}"), TWO_HEADERS),
        ("empty", String::new(), NOT_A_JWT),
        ("only dots", "..".to_owned(), NOT_A_JWT),
        ("opaque", "c2VjcmV0c2VjcmV0".to_owned(), NOT_A_JWT),
        ("not JSON", "AAAA.AAAA.AAAA".to_owned(), NOT_A_JWT),
        ("JSON arrays", format!("{}.{}.AAAA", encode(&json!([])), encode(&json!([]))), NOT_A_JWT),
        ("unicode", format!("{signed}.ſignature"), NOT_A_JWT),
        ("an ideographic full stop", good.replace('.', "。"), NOT_A_JWT),
        ("too long", "x".repeat(40_000), TOO_LONG),
    ];
    for (name, token, rejection) in tokens {
        assert_rejected(&api, name, &token, &rejection).await;
    }
    let (discovery, keys) = fetches(&api).await;
    // The issuer's own documents are fetched once. The URLs in the tokens are not used.
    assert_eq!((discovery - fetched.0, keys - fetched.1), (1, 1));
    assert_eq!(api.upstream_calls().await, 0);
}
