//! The table of tokens.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{AUDIENCE, STRANGE_TENANT, Service, TENANT, assert_refused, decode, encode};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const NOT_A_JWT: &str = "The token is not a signed JWT: three parts in base64url, of which two are JSON objects.";
const TYPE: &str = "The token's typ is neither JWT nor at+jwt; send an access token.";
const CRITICAL: &str = "The token's header has crit; no extension is known here.";
const ALGORITHM: &str = "The token's alg is not allowed; RS256, PS256, ES256 and EdDSA are.";
const OF_KEY: &str = "The token's alg does not fit the issuer's key that it names.";
const NO_KEY_ID: &str = "The token's header has no kid, so it names none of the issuer's keys.";
const UNKNOWN_KEY: &str = "The token's kid is none of the issuer's keys.";
const SIGNATURE: &str = "The token's signature is not that of the issuer's key.";
const ISSUER: &str = "The token's iss is none of the issuers that this service trusts.";
const TENANT_OF_ISSUER: &str = "The token's tid is not the tenant of its iss.";
const NOT_OURS: &str = "The token's aud is not this service; ask the issuer for a token for this one.";
const EXPIRED: &str = "The token has expired; get a new one.";
const NO_EXPIRY: &str = "The token has no exp.";
const NOT_YET: &str = "The token's nbf is in the future; compare the clocks.";
const TIMES: &str = "The token's exp or nbf is not a number of seconds.";
const SUBJECT: &str = "The token has no sub, so it names nobody.";
const TOO_LONG: &str = "The token is longer than 16384 bytes.";

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// What the issuer signs for an attacker who has an account there: the right key under wrong claims and headers.
#[tokio::test]
async fn signed_by_the_issuer() {
    let service = Service::start().await;
    let header = |name: &str, value: Value| json!({ "header": { name: value } });
    let claim = |name: &str, value: Value| json!({ "claims": { name: value } });
    let elsewhere = format!("{}/elsewhere", service.emulator);
    let orders = [
        ("no alg", header("alg", Value::Null), NOT_A_JWT),
        ("alg none", header("alg", json!("none")), ALGORITHM),
        ("alg None", header("alg", json!("nOnE")), ALGORITHM),
        ("alg HS256", header("alg", json!("HS256")), ALGORITHM),
        ("alg RS512", header("alg", json!("RS512")), ALGORITHM),
        ("alg RS1", header("alg", json!("RS1")), ALGORITHM),
        ("alg a number", header("alg", json!(256)), NOT_A_JWT),
        ("alg of another key", header("alg", json!("ES256")), OF_KEY),
        ("padding of another alg", header("alg", json!("PS256")), SIGNATURE),
        ("no kid", header("kid", Value::Null), NO_KEY_ID),
        ("empty kid", header("kid", json!("")), NO_KEY_ID),
        ("unknown kid", header("kid", json!("nobody's")), UNKNOWN_KEY),
        ("kid of another kind", header("kid", json!("emulator-ec-0")), OF_KEY),
        ("kid as a path", header("kid", json!("../../dev/null")), UNKNOWN_KEY),
        ("typ of a logout token", header("typ", json!("logout+jwt")), TYPE),
        ("typ of a proof", header("typ", json!("dpop+jwt")), TYPE),
        ("crit", header("crit", json!(["exp"])), CRITICAL),
        ("b64 by crit", json!({ "header": { "crit": ["b64"], "b64": false } }), CRITICAL),
        ("expired", claim("exp", json!(now() - 120)), EXPIRED),
        ("expired long ago", claim("exp", json!(0)), EXPIRED),
        ("no exp", claim("exp", Value::Null), NO_EXPIRY),
        ("exp a text", claim("exp", json!("tomorrow")), NO_EXPIRY),
        ("exp negative", claim("exp", json!(-1)), NO_EXPIRY),
        ("nbf in the future", claim("nbf", json!(now() + 600)), NOT_YET),
        ("nbf a text", claim("nbf", json!("now")), TIMES),
        ("another's aud", claim("aud", json!("api://another")), NOT_OURS),
        ("others' aud", claim("aud", json!(["api://another", "api://a-third"])), NOT_OURS),
        ("no aud", claim("aud", Value::Null), NOT_OURS),
        ("empty aud", claim("aud", json!([])), NOT_OURS),
        ("aud beginning as ours", claim("aud", json!(format!("{AUDIENCE}.evil.example"))), NOT_OURS),
        ("aud in another case", claim("aud", json!("API://ACS-TOKENS")), NOT_OURS),
        ("another iss", claim("iss", json!("https://evil.example")), ISSUER),
        ("iss with a slash more", claim("iss", json!(format!("{}/_emulator/oidc/", service.emulator))), ISSUER),
        ("iss of a place there", claim("iss", json!(elsewhere)), ISSUER),
        ("iss a list", claim("iss", json!([format!("{}/_emulator/oidc", service.emulator)])), ISSUER),
        ("no iss", claim("iss", Value::Null), ISSUER),
        ("no sub", claim("sub", Value::Null), SUBJECT),
        ("empty sub", claim("sub", json!("")), SUBJECT),
        ("oversized", claim("padding", json!("x".repeat(20_000))), TOO_LONG),
    ];
    for (name, order, detail) in orders {
        let token = service.token(order).await;
        assert_refused(name, &service.create_as(&format!("Bearer {token}")).await, &token, detail);
    }
    for (name, path, tid, detail) in [
        ("a stranger tenant's", format!("/{STRANGE_TENANT}/v2.0"), json!(STRANGE_TENANT), ISSUER),
        ("a stranger tenant under ours", format!("/{TENANT}/v2.0"), json!(STRANGE_TENANT), TENANT_OF_ISSUER),
        ("no tenant under ours", format!("/{TENANT}/v2.0"), Value::Null, TENANT_OF_ISSUER),
    ] {
        let token = service.token_of(&path, claim("tid", tid)).await;
        assert_refused(name, &service.create_as(&format!("Bearer {token}")).await, &token, detail);
    }
    assert_eq!(service.api.upstream_calls().await, 0);
}

/// What an attacker makes without any account: signatures of their own, and pieces of somebody else's token.
#[tokio::test]
async fn made_by_the_attacker() {
    let service = Service::start().await;
    let good = service.token(json!({})).await;
    let (header, claims) = (decode(&good, 0), decode(&good, 1));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let keys = service.issuer("GET", "/jwks", None).await;
    let modulus = keys["keys"][0]["n"].as_str().unwrap();
    let sign = |secret: &[u8], change: Value| {
        let mut header = header.clone();
        header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    let public = URL_SAFE_NO_PAD.decode(modulus).unwrap();
    let mut other = claims.clone();
    other["sub"] = json!("an admin");
    let unsigned = format!("{}.{}", encode(&json!({ "alg": "none", "kid": header["kid"] })), encode(&claims));
    let oct = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("mine"), "kid": "mine", "alg": "HS256" });
    let url = format!("{}/_emulator/oidc/mine/jwks", service.emulator);
    let fetched = service.fetches().await;
    let tokens = [
        ("HMAC with the public modulus", sign(&public, json!({ "alg": "HS256" })), ALGORITHM),
        ("HMAC with its text", sign(modulus.as_bytes(), json!({ "alg": "HS256" })), ALGORITHM),
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
        ("five parts, as encrypted ones", format!("{good}.AAAA.AAAA"), NOT_A_JWT),
        ("two parts", signed.to_owned(), NOT_A_JWT),
        ("padding", format!("{good}=="), NOT_A_JWT),
        ("plain base64", good.replace(['-', '_'], "+") + "+", NOT_A_JWT),
        ("a space inside", good.replacen('.', ". ", 1), NOT_A_JWT),
        ("two tokens", format!("{good}, {good}"), NOT_A_JWT),
        ("nothing", String::new(), NOT_A_JWT),
        ("dots", "..".to_owned(), NOT_A_JWT),
        ("opaque", "c2VjcmV0c2VjcmV0".to_owned(), NOT_A_JWT),
        ("not JSON", "AAAA.AAAA.AAAA".to_owned(), NOT_A_JWT),
        ("JSON, but lists", format!("{}.{}.AAAA", encode(&json!([])), encode(&json!([]))), NOT_A_JWT),
        ("unicode", format!("{signed}.ſignature"), NOT_A_JWT),
        ("a full stop of another script", good.replace('.', "。"), NOT_A_JWT),
        ("oversized garbage", "x".repeat(40_000), TOO_LONG),
    ];
    for (name, token, detail) in tokens {
        let answer = service.create_as(&format!("Bearer {token}")).await;
        assert_refused(name, &answer, &token, detail);
    }
    let (discovery, keys) = service.fetches().await;
    // One fetch for all of them, of the issuer's own documents: nobody followed the addresses in the tokens.
    assert_eq!((discovery - fetched.0, keys - fetched.1), (1, 1));
    assert_eq!(service.api.upstream_calls().await, 0);
}
