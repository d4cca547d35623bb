//! Any bytes as the body of a request to a function: let in is exactly what its documentation allows, and a refusal
//! repeats no value of it.

#![no_main]

use std::fmt::Debug;

use acs_identity::types::Scope;
use acs_tokens::{extract::{FromFields, fields::Fields}, functions::{create_identity, exchange_teams_token, issue_token, my_teams_token, my_token}, problem::Problem};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    check::<create_identity::Request>(body, |fields| {
        let scopes = fields.get("createTokenWithScopes");
        let minutes = fields.get("expiresInMinutes");
        known(fields, &["createTokenWithScopes", "expiresInMinutes"])
            && scopes.is_none_or(are_scopes)
            && minutes.is_none_or(|minutes| is_lifetime(minutes) && scopes.is_some())
    });
    check::<issue_token::Request>(body, |fields| {
        known(fields, &["scopes", "expiresInMinutes"])
            && fields.get("scopes").is_some_and(are_scopes)
            && fields.get("expiresInMinutes").is_none_or(is_lifetime)
    });
    check::<exchange_teams_token::Request>(body, |fields| {
        known(fields, &["token", "appId", "userId"])
            && fields.get("token").and_then(Value::as_str).is_some_and(|token| !token.is_empty())
            && ["appId", "userId"].iter().all(|name| fields.get(*name).and_then(Value::as_str).is_some_and(is_guid))
    });
    check::<my_token::Request>(body, |fields| {
        known(fields, &["scopes", "expiresInMinutes"])
            && fields.get("scopes").is_none_or(are_scopes)
            && fields.get("expiresInMinutes").is_none_or(is_lifetime)
    });
    check::<my_teams_token::Request>(body, |fields| {
        known(fields, &["token"]) && fields.get("token").and_then(Value::as_str).is_some_and(|token| !token.is_empty())
    });
});

type Object = serde_json::Map<String, Value>;

fn known(fields: &Object, names: &[&str]) -> bool {
    fields.keys().all(|name| names.contains(&name.as_str()))
}

fn are_scopes(value: &Value) -> bool {
    let names: Option<Vec<&str>> = value.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
    names.is_some_and(|names| {
        let once = names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1);
        !names.is_empty() && once && names.iter().all(|name| is_scope(name))
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

/// Reads a body as the extractor does once it has the bytes.
fn read<T: FromFields + Debug>(body: &[u8]) -> Result<String, Problem> {
    let mut fields = Fields::parse(body)?;
    let parsed = T::from_fields(&mut fields);
    fields.finish(parsed).map(|request| format!("{request:?}"))
}

fn check<T: FromFields + Debug>(body: &[u8], allowed: impl Fn(&Object) -> bool) {
    // What cannot be read field by field is refused in fixed words, with a place.
    if let Err(problem) = Fields::parse(body) {
        let words: String = problem.detail.chars().filter(|c| !c.is_ascii_digit()).collect();
        assert!(UNREADABLE.contains(&words.as_str()) && problem.errors.is_empty(), "{problem:?}");
        assert!(read::<T>(body).is_err());
        return;
    }
    // Names in it stand there once, so that this reader and ours see the same.
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { panic!("no object was let in") };
    let written = Value::Object(fields.clone()).to_string();
    match read::<T>(body) {
        Ok(request) => {
            assert!(allowed(&fields), "{fields:?} was let in");
            assert_eq!(read::<T>(written.as_bytes()).expect("the same is let in again"), request);
        }
        Err(problem) => {
            assert!(!allowed(&fields), "{fields:?} was refused: {problem:?}");
            assert!(!problem.errors.is_empty() && problem.errors.iter().all(|fault| fault.pointer.starts_with('/')));
            // The same body with other values has the same refusal: no value is in its words.
            let masked = Value::Object(fields.into_iter().map(|(name, value)| (name, mask(value))).collect());
            let (of_written, of_masked) = (read::<T>(written.as_bytes()), read::<T>(masked.to_string().as_bytes()));
            assert_eq!(format!("{of_written:?}"), format!("{of_masked:?}"));
        }
    }
}

const UNREADABLE: [&str; 4] = [
    "A field stands twice in the object: see line , column .",
    "The body is JSON, but not an object.",
    "The JSON ends too early: see line , column .",
    "The body is not JSON: see line , column .",
];

/// The value with every string in it replaced whose text decides nothing.
fn mask(value: Value) -> Value {
    match value {
        Value::String(text) if is_scope(&text) || is_guid(&text) || text.is_empty() => Value::String(text),
        Value::String(_) => Value::String("masked".to_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(mask).collect()),
        other => other,
    }
}
