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
    format!("{} {}", scopes.join(","), request.validity().unwrap().minutes())
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
    assert_eq!((given.scopes(), given.validity()), (&asked[..], lifetime));
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
        assert_eq!((given.scopes(), given.validity()), (&Scope::ALL[..], None));
        assert_eq!(policy.allow(&caller, None, None).unwrap_err().kind, Kind::InvalidFields);
    }
}

#[test]
fn every_fault_is_named_at_once() {
    for (text, faults) in [
        ("", &["is not JSON: see line 1, column 0"][..]),
        ("{\"default\":", &["is not JSON: see line 1, column 11"]),
        ("[]", &["the whole is not an object"]),
        ("{} {}", &["is not JSON: see line 1, column 4"]),
        (
            r#"{"default":null,"role":{},"roles":[],"keys":{"":7},"keys":{}}"#,
            &[
                "/default is not an object",
                "/role is unknown; known are default, roles, keys",
                "/roles is not an object",
                "/keys/ has no name",
                "/keys/ is not an object",
                "/keys stands there twice",
            ],
        ),
        (
            r#"{"default":{"scopes":[],"maxMinutes":59},"roles":{"a/b":{"scopes":["voip","Chat",1,"voip"],"maxMinutes":1441},
                "c":{"scopes":"voip","maxMinutes":60.5,"minutes":60},"d":{},"c":{"scopes":["voip"],"maxMinutes":60}}}"#,
            &[
                "/default/scopes is empty; name at least one scope",
                "/default/maxMinutes is not a whole number from 60 to 1440",
                "/roles/a~1b/scopes/1 is not a scope; the scopes are chat, voip, chat.join, chat.join.limited, voip.join",
                "/roles/a~1b/scopes/2 is not a scope; the scopes are chat, voip, chat.join, chat.join.limited, voip.join",
                "/roles/a~1b/scopes/3 is once too many: the scope voip is named twice",
                "/roles/a~1b/maxMinutes is not a whole number from 60 to 1440",
                "/roles/c/scopes is not a list of scopes",
                "/roles/c/maxMinutes is not a whole number from 60 to 1440",
                "/roles/c/minutes is unknown; known are scopes, maxMinutes",
                "/roles/d/scopes is missing",
                "/roles/d/maxMinutes is missing",
                "/roles/c stands there twice",
            ],
        ),
    ] {
        assert_eq!(text.parse::<Policy>().unwrap_err().0, faults, "{text}");
    }
}
