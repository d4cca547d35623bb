//! Any object as the claims of a token whose signature is valid: a caller has what identifies it, and a back end has
//! evidence of an application, no sign of a user, and the role.

#![no_main]

use acs_tokens::auth::{
    Caller, TrustedIssuer,
    bearer::{Issuer, TokenError, fuzzing},
};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

const TENANT: &str = "11111111-2222-4333-8444-555555555555";
const AUDIENCE: &str = "acs";
const ROLE: &str = "Tokens.Manage";

thread_local! {
    static ISSUERS: [TrustedIssuer; 2] = [
        trusted("https://login.microsoftonline.com/11111111-2222-4333-8444-555555555555/v2.0", "roles"),
        trusted("https://id.example/realms/a", "realm_access.roles"),
    ];
}

fn trusted(issuer: &str, roles_claim: &str) -> TrustedIssuer {
    TrustedIssuer {
        manage_role: Some(ROLE.to_owned()),
        roles_claim: roles_claim.to_owned(),
        ..TrustedIssuer::new(Issuer::new(issuer, None).unwrap(), [AUDIENCE])
    }
}

fuzz_target!(|text: &str| -> Corpus {
    let Ok(claims) = serde_json::from_str::<Object>(text) else { return Corpus::Reject };
    ISSUERS.with(|issuers| issuers.iter().for_each(|trusted| check(trusted, &claims)));
    Corpus::Keep
});

fn caller(trusted: &TrustedIssuer, claims: &Object) -> Result<Caller, TokenError> {
    fuzzing::caller(trusted, &Value::from(claims.clone()).to_string()).unwrap()
}

/// Returns the caller of the same claims with another one.
fn caller_with(trusted: &TrustedIssuer, claims: &Object, name: &str, value: Value) -> Result<Caller, TokenError> {
    let mut claims = claims.clone();
    claims.insert(name.to_owned(), value);
    caller(trusted, &claims)
}

fn check(trusted: &TrustedIssuer, claims: &Object) {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let has = |name: &str| claims.get(name).is_some_and(|value| !value.is_null());
    let is_entra = trusted.issuer.tenant().is_some();
    let found = match caller(trusted, claims) {
        Ok(found) => found,
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.ends_with('.') && shown.is_ascii(), "{shown}");
            return;
        }
    };
    let audiences = claims.get(if has("aud") { "aud" } else { "client_id" }).unwrap();
    assert!(audiences == AUDIENCE || audiences.as_array().is_some_and(|all| all.contains(&json!(AUDIENCE))));
    assert!(has("aud") || text("token_use") == "access", "accepted without an audience: {claims:?}");
    assert!(!has("cnf") && !has("events"), "accepted {claims:?}");
    if is_entra {
        assert!(text("tid").eq_ignore_ascii_case(TENANT) && !text("oid").is_empty(), "{claims:?}");
    }
    for (name, value) in
        [("cnf", json!({})), ("aud", json!("other")), ("events", json!({})), ("token_use", json!("id"))]
    {
        assert!(caller_with(trusted, claims, name, value).is_err(), "accepted with {name}: {claims:?}");
    }
    match found {
        Caller::App(_) => {
            let subject = text("sub");
            let evidence = ["client_id", "azp", "cid", "oid"].iter().any(|name| has("sub") && text(name) == subject)
                || text("idtyp") == "app"
                || text("gty") == "client-credentials"
                || subject == format!("{}@clients", text("azp"))
                || !has("sub") && has("client_id")
                || text("preferred_username").starts_with("service-account-");
            assert!(evidence, "a back end without evidence: {claims:?}");
            assert!(Value::from(claims.clone()).to_string().contains(ROLE), "a back end without the role: {claims:?}");
            for name in ["nonce", "at_hash", "sid", "session_state", "upn", "unique_name", "username"] {
                let changed = caller_with(trusted, claims, name, json!("x"));
                assert!(!matches!(changed, Ok(Caller::App(_))), "a back end with {name}: {claims:?}");
            }
            let other = TrustedIssuer { manage_role: None, ..trusted.clone() };
            assert_eq!(caller(&other, claims), Err(TokenError::Application), "{claims:?}");
        }
        Caller::User(user) => {
            assert!(!is_entra || has("scp"), "a user of Entra without scp: {claims:?}");
            assert_eq!(user.account.is_some(), is_entra && text("oid").parse::<uuid::Uuid>().is_ok(), "{claims:?}");
            let scoped = TrustedIssuer { required_scope: Some("calls".to_owned()), ..trusted.clone() };
            let has_scope = ["scp", "scope"]
                .iter()
                .any(|name| claims.get(*name).is_some_and(|scope| scope.to_string().contains("calls")));
            assert!(has_scope || caller(&scoped, claims).is_err(), "a user without the scope: {claims:?}");
        }
        other => panic!("{other:?}"),
    }
}
