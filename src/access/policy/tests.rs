//! Policies: what they give to whom, and what is wrong with them.

use std::sync::Arc;

use super::*;
use crate::auth::caller::{Subject, User};

const POLICY: &str = r#"{
    "default": {"scopes": ["chat.join"], "maxMinutes": 90},
    "roles": {
        "host": {"scopes": ["voip", "chat.join"], "maxMinutes": 120},
        "long": {"scopes": ["chat.join.limited"], "maxMinutes": 1440}
    },
    "keys": {"web": {"scopes": ["voip"], "maxMinutes": 60}}
}"#;

fn person(roles: &[&str]) -> Caller {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Caller::User(User { subject: Subject::oidc("tenant", "object"), roles, account: None })
}

fn key(name: &str) -> Caller {
    Caller::Key(Arc::from(name))
}

/// Scopes and minutes as text: what is given to who asks for nothing.
fn all_of(policy: &Policy, caller: &Caller) -> String {
    let request = policy.allow(caller, None, None).unwrap();
    let scopes: Vec<&str> = request.scopes().iter().map(|scope| scope.as_str()).collect();
    format!("{} {}", scopes.join(","), request.lifetime().unwrap().minutes())
}

#[test]
fn asking_for_nothing_gives_all_that_is_allowed() {
    let policy: Policy = POLICY.parse().unwrap();
    for (caller, given) in [
        (person(&[]), "chat.join 90"),
        (person(&["stranger"]), "chat.join 90"),
        (person(&["host"]), "voip,chat.join 120"),
        (person(&["Host"]), "chat.join 90"),
        (person(&["long", "stranger"]), "chat.join.limited 1440"),
        (person(&["long", "host"]), "voip,chat.join,chat.join.limited 1440"),
        (person(&["web", "default", "roles"]), "chat.join 90"),
        (key("web"), "voip 60"),
    ] {
        assert_eq!(all_of(&policy, &caller), given, "{caller:?}");
    }
    assert_eq!(all_of(&Policy::default(), &person(&["host"])), "chat.join,voip.join 60");
    assert_eq!(all_of(&"{}".parse().unwrap(), &person(&[])), "chat.join,voip.join 60");
}

#[test]
fn what_is_less_is_given_as_asked() {
    let policy: Policy = POLICY.parse().unwrap();
    let asked = [Scope::VoipJoin, Scope::ChatJoinLimited];
    let lifetime = TokenLifetime::from_minutes(119).ok();
    let given = policy.allow(&person(&["host"]), Some(&asked), lifetime).unwrap();
    assert_eq!((given.scopes(), given.lifetime()), (&asked[..], lifetime));
}

#[test]
fn scopes_are_within_those_that_give_more() {
    let pairs: Vec<String> = Scope::ALL
        .iter()
        .flat_map(|scope| Scope::ALL.map(|other| (*scope, other)))
        .filter(|(scope, other)| scope != other && within(*scope, *other))
        .map(|(scope, other)| format!("{scope} < {other}"))
        .collect();
    assert_eq!(
        pairs,
        ["chat.join < chat", "chat.join.limited < chat", "chat.join.limited < chat.join", "voip.join < voip"]
    );
}

#[test]
fn what_is_beyond_is_refused_with_what_is_allowed() {
    let policy: Policy = POLICY.parse().unwrap();
    let asked = [Scope::ChatJoin, Scope::Chat, Scope::Voip];
    let problem = policy.allow(&person(&[]), Some(&asked), TokenLifetime::from_minutes(91).ok()).unwrap_err();
    assert_eq!(problem.kind, Kind::BeyondPolicy);
    let detail = "You may have the scopes chat.join for at most 90 minutes. Ask for no more, or leave the field out for all of it.";
    assert_eq!(problem.detail, detail);
    let errors: Vec<(&str, &str)> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.detail.as_str())).collect();
    assert_eq!(
        errors,
        [
            ("/scopes/1", "The scope chat is not allowed; what is allowed is chat.join."),
            ("/scopes/2", "The scope voip is not allowed; what is allowed is chat.join."),
            ("/expiresInMinutes", "At most 90 minutes are allowed."),
        ]
    );
}

#[test]
fn the_trusted_have_no_limit_but_name_what_they_want() {
    let policy: Policy = POLICY.parse().unwrap();
    for caller in [Caller::Host, key("bot"), Caller::App(Subject::oidc("test", "app")), Caller::Anyone] {
        let given = policy.allow(&caller, Some(&Scope::ALL), None).unwrap();
        assert_eq!((given.scopes(), given.lifetime()), (&Scope::ALL[..], None));
        assert_eq!(policy.allow(&caller, None, None).unwrap_err().kind, Kind::InvalidFields);
    }
}

#[test]
fn the_first_fault_is_named_with_its_path() {
    const SCOPES: &str = "not a scope; the scopes are chat, voip, chat.join, chat.join.limited, voip.join";
    const MINUTES: &str = "must be a whole number of minutes from 60 to 1440";
    for (text, fault) in [
        ("", "is not JSON; correct line 1, column 0".to_owned()),
        ("{\"default\":", "default: is not JSON; correct line 1, column 11".to_owned()),
        ("{} {}", "is not JSON; correct line 1, column 4".to_owned()),
        ("[]", "must be an object".to_owned()),
        ("\"a secret\"", "must be an object".to_owned()),
        (r#"{"role":{}}"#, "role: unknown field `role`, expected one of `default`, `roles`, `keys`".to_owned()),
        (r#"{"default":null}"#, "default: must be an object".to_owned()),
        (r#"{"default":[["voip"],60]}"#, "default: must be an object".to_owned()),
        (r#"{"default":{}}"#, "default: missing field `scopes`; add it".to_owned()),
        (r#"{"default":{"scopes":["voip"]}}"#, "default: missing field `maxMinutes`; add it".to_owned()),
        (r#"{"roles":[]}"#, "roles: must be an object".to_owned()),
        (r#"{"roles":{"a":["voip",60]}}"#, "roles.a: must be an object".to_owned()),
        (r#"{"keys":{},"keys":{}}"#, "duplicate field `keys`; keep one".to_owned()),
        (r#"{"keys":{" ":{}}}"#, "keys: an entry has an empty name; give it a name".to_owned()),
    ] {
        assert_eq!(text.parse::<Policy>().unwrap_err().to_string(), fault, "{text}");
    }
    for (grant, fault) in [
        (r#"{"scopes":[],"maxMinutes":60}"#, "roles.a.scopes: name at least one scope".to_owned()),
        (r#"{"scopes":"a secret","maxMinutes":60}"#, "roles.a.scopes: must be an array".to_owned()),
        (r#"{"scopes":["voip",1],"maxMinutes":60}"#, "roles.a.scopes[1]: must be a string".to_owned()),
        (r#"{"scopes":["voip","Chat"],"maxMinutes":60}"#, format!("roles.a.scopes[1]: {SCOPES}")),
        (r#"{"scopes":["voip","voip"],"maxMinutes":60}"#, "roles.a.scopes: the scope voip is named twice".to_owned()),
        (r#"{"scopes":["voip"],"maxMinutes":59}"#, format!("roles.a.maxMinutes: {MINUTES}")),
        (r#"{"scopes":["voip"],"maxMinutes":1441}"#, format!("roles.a.maxMinutes: {MINUTES}")),
        (r#"{"scopes":["voip"],"maxMinutes":60.5}"#, format!("roles.a.maxMinutes: {MINUTES}")),
        (r#"{"scopes":["voip"],"maxMinutes":"60"}"#, format!("roles.a.maxMinutes: {MINUTES}")),
        (
            r#"{"scopes":["voip"],"minutes":60}"#,
            "roles.a.minutes: unknown field `minutes`, expected `scopes` or `maxMinutes`".to_owned(),
        ),
        (
            r#"{"scopes":["voip"],"scopes":["chat"],"maxMinutes":60}"#,
            "roles.a: duplicate field `scopes`; keep one".to_owned(),
        ),
        (
            r#"{"scopes":["voip"],"maxMinutes":60},"a":{"scopes":["chat"],"maxMinutes":60}"#,
            "roles: duplicate entry `a`; keep one".to_owned(),
        ),
    ] {
        let text = format!(r#"{{"roles":{{"a":{grant}}}}}"#);
        assert_eq!(text.parse::<Policy>().unwrap_err().to_string(), fault, "{text}");
    }
}
