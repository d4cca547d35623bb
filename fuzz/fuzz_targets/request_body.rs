//! Any bytes as the body of a request to a function: exactly the documented bodies are accepted, and an error repeats no
//! value of the body.

#![no_main]

use std::{fmt::Debug, ops::RangeInclusive};

use acs_identity::types::Scope;
use acs_tokens::{
    extract::{FromFields, fields::Fields},
    functions::{
        block_user, create_guest_pass, create_identity, exchange_teams_phone_token, exchange_teams_token, guest_token,
        issue_token, my_teams_token, my_token,
    },
    problem::Problem,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    check::<create_identity::Request>(body, |fields| {
        let scopes = fields.get("createTokenWithScopes");
        let minutes = fields.get("expiresInMinutes");
        only_has(fields, &["createTokenWithScopes", "expiresInMinutes"])
            && scopes.is_none_or(are_scopes)
            && minutes.is_none_or(|minutes| is_lifetime(minutes) && scopes.is_some())
    });
    check::<issue_token::Request>(body, |fields| {
        only_has(fields, &["scopes", "expiresInMinutes"])
            && fields.get("scopes").is_some_and(are_scopes)
            && fields.get("expiresInMinutes").is_none_or(is_lifetime)
    });
    check::<exchange_teams_token::Request>(body, |fields| {
        only_has(fields, &["token", "appId", "userId"])
            && fields.get("token").and_then(Value::as_str).is_some_and(|token| !token.is_empty())
            && ["appId", "userId"].iter().all(|name| fields.get(*name).and_then(Value::as_str).is_some_and(is_guid))
    });
    check::<block_user::Request>(body, |fields| {
        let is_text = |name: &str| fields.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        let is_id = |name: &str| fields.get(name).and_then(Value::as_str).is_some_and(is_guid);
        only_has(fields, &["tenantId", "objectId"]) && is_id("tenantId") && is_id("objectId")
            || only_has(fields, &["issuer", "subject"]) && is_text("issuer") && is_text("subject")
    });
    check::<my_token::Request>(body, |fields| {
        only_has(fields, &["scopes", "expiresInMinutes"])
            && fields.get("scopes").is_none_or(are_scopes)
            && fields.get("expiresInMinutes").is_none_or(is_lifetime)
    });
    let is_token = |fields: &Object| {
        only_has(fields, &["token"])
            && fields.get("token").and_then(Value::as_str).is_some_and(|token| !token.is_empty())
    };
    check::<create_guest_pass::Request>(body, |fields| {
        let is_in = |name: &str, range: RangeInclusive<u64>| {
            fields.get(name).is_none_or(|value| value.as_u64().is_some_and(|number| range.contains(&number)))
        };
        only_has(fields, &["scopes", "expiresInMinutes", "passExpiresInMinutes", "uses"])
            && fields.get("scopes").is_none_or(are_scopes)
            && fields.get("expiresInMinutes").is_none_or(is_lifetime)
            && is_in("passExpiresInMinutes", 5..=43_200)
            && is_in("uses", 1..=1000)
    });
    check::<guest_token::Request>(body, |fields| {
        only_has(fields, &["guest"]) && fields.get("guest").is_none_or(|value| value.as_str().is_some_and(is_guest))
    });
    check::<my_teams_token::Request>(body, is_token);
    // Also the body of my-teams-phone-token.
    check::<exchange_teams_phone_token::Request>(body, is_token);
});

type Object = serde_json::Map<String, Value>;

fn only_has(fields: &Object, names: &[&str]) -> bool {
    fields.keys().all(|name| names.contains(&name.as_str()))
}

fn are_scopes(value: &Value) -> bool {
    let names: Option<Vec<&str>> = value.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
    names.is_some_and(|names| {
        let unique = names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1);
        !names.is_empty() && unique && names.iter().all(|name| is_scope(name))
    })
}

fn is_scope(name: &str) -> bool {
    Scope::ALL.iter().any(|scope| scope.as_str() == name)
}

fn is_lifetime(value: &Value) -> bool {
    value.as_u64().is_some_and(|minutes| (60..=1440).contains(&minutes))
}

fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn is_guest(text: &str) -> bool {
    (16..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Parses a body in the same way as the extractor.
fn read<T: FromFields + Debug>(body: &[u8]) -> Result<String, Problem> {
    let mut fields = Fields::parse(body)?;
    let parsed = T::from_fields(&mut fields);
    fields.finish(parsed).map(|request| format!("{request:?}"))
}

/// Asserts that a request is accepted exactly if its fields are allowed, and that an error repeats no value.
fn check<T: FromFields + Debug>(body: &[u8], allowed: impl Fn(&Object) -> bool) {
    if let Err(problem) = Fields::parse(body) {
        let fixed = NOT_AN_OBJECT.map(|body| without_digits(&Fields::parse(body).err().unwrap()));
        assert!(fixed.contains(&without_digits(&problem)) && problem.errors.is_empty(), "{problem:?}");
        assert!(read::<T>(body).is_err());
        return;
    }
    // `Fields` rejects duplicate names, so serde_json reads the same fields.
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        panic!("accepted a body that is not an object")
    };
    let written = Value::Object(fields.clone()).to_string();
    match read::<T>(body) {
        Ok(request) => {
            assert!(allowed(&fields), "accepted {fields:?}");
            assert_eq!(read::<T>(written.as_bytes()).expect("the same fields are accepted again"), request);
        }
        Err(problem) => {
            assert!(!allowed(&fields), "rejected {fields:?}: {problem:?}");
            assert!(!problem.errors.is_empty() && problem.errors.iter().all(|error| error.pointer.starts_with('/')));
            // The same body with other values gets the same error, so the error contains no value.
            let masked = Value::Object(fields.into_iter().map(|(name, value)| (name, mask(value))).collect());
            let (of_written, of_masked) = (read::<T>(written.as_bytes()), read::<T>(masked.to_string().as_bytes()));
            assert_eq!(format!("{of_written:?}"), format!("{of_masked:?}"));
        }
    }
}

/// One body for each error that is found before the fields are read: a duplicate name, another type, an early end, a
/// syntax error.
const NOT_AN_OBJECT: [&[u8]; 4] = [br#"{"a":1,"a":1}"#, b"[]", b"{", b"x"];

/// Returns an error's text without its line and column.
fn without_digits(problem: &Problem) -> String {
    problem.detail.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Replaces every string that no rule depends on.
fn mask(value: Value) -> Value {
    match value {
        Value::String(text) if is_scope(&text) || is_guid(&text) || is_guest(&text) || text.is_empty() => {
            Value::String(text)
        }
        Value::String(_) => Value::String("masked".to_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(mask).collect()),
        other => other,
    }
}
