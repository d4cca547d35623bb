//! Tests of the grants of a policy and of the errors in its JSON.

use std::sync::Arc;

use acs_identity::{Scope, TokenLifetime};
use acs_tokens::{
    access::policy::Policy,
    auth::{Caller, Subject, User},
    problem::Kind,
};

const POLICY: &str = r#"{
    "default": {"scopes": ["chat.join"], "maxMinutes": 90},
    "roles": {
        "host": {"scopes": ["voip", "chat.join"], "maxMinutes": 120},
        "long": {"scopes": ["chat.join.limited"], "maxMinutes": 1440}
    },
    "keys": {"web": {"scopes": ["voip"], "maxMinutes": 60}}
}"#;

fn user(roles: &[&str]) -> Caller {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Caller::User(User { subject: Subject::oidc("tenant", "object"), roles, account: None })
}

fn key(name: &str) -> Caller {
    Caller::Key(Arc::from(name))
}

#[test]
fn request_without_fields_gets_all_that_is_allowed() {
    let all_of = |policy: &Policy, caller: &Caller| {
        let request = policy.effective(caller).allow(None, None).unwrap();
        let scopes: Vec<&str> = request.scopes().iter().map(|scope| scope.as_str()).collect();
        format!("{} {}", scopes.join(","), request.lifetime().unwrap().minutes())
    };
    let policy: Policy = POLICY.parse().unwrap();
    for (caller, expected) in [
        (user(&[]), "chat.join 90"),
        (user(&["unknown"]), "chat.join 90"),
        (user(&["host"]), "voip,chat.join 120"),
        (user(&["Host"]), "chat.join 90"),
        (user(&["long", "unknown"]), "chat.join.limited 1440"),
        (user(&["long", "host"]), "voip,chat.join,chat.join.limited 1440"),
        (user(&["web", "default", "roles"]), "chat.join 90"),
        (key("web"), "voip 60"),
    ] {
        assert_eq!(all_of(&policy, &caller), expected, "{caller:?}");
    }
    assert_eq!(all_of(&Policy::default(), &user(&["host"])), "voip.join 60");
    assert_eq!(all_of(&"{}".parse().unwrap(), &user(&[])), "voip.join 60");
}

#[test]
fn request_within_the_policy_is_granted_as_it_is() {
    let policy: Policy = POLICY.parse().unwrap();
    let scopes = [Scope::VoipJoin, Scope::ChatJoinLimited];
    let lifetime = TokenLifetime::from_minutes(119).ok();
    let granted = policy.effective(&user(&["host"])).allow(Some(&scopes), lifetime).unwrap();
    assert_eq!((granted.scopes(), granted.lifetime()), (&scopes[..], lifetime));
}

#[test]
fn scopes_include_narrower_scopes() {
    let pairs = Scope::ALL.iter().flat_map(|scope| Scope::ALL.map(|other| (*scope, other)));
    let includes = |scope: Scope, other: Scope| {
        let policy = format!(r#"{{"default":{{"scopes":["{scope}"],"maxMinutes":60}}}}"#);
        policy.parse::<Policy>().unwrap().effective(&user(&[])).allow(Some(&[other]), None).is_ok()
    };
    let pairs = pairs.filter(|(scope, other)| scope != other && includes(*scope, *other));
    let pairs: Vec<String> = pairs.map(|(scope, other)| format!("{scope} > {other}")).collect();
    let expected =
        ["chat > chat.join", "chat > chat.join.limited", "voip > voip.join", "chat.join > chat.join.limited"];
    assert_eq!(pairs, expected);
}

#[test]
fn request_beyond_the_policy_is_rejected_with_what_is_allowed() {
    let policy: Policy = POLICY.parse().unwrap();
    let scopes = [Scope::ChatJoin, Scope::Chat, Scope::Voip];
    let lifetime = TokenLifetime::from_minutes(91).ok();
    let problem = policy.effective(&user(&[])).allow(Some(&scopes), lifetime).unwrap_err();
    assert_eq!(problem.kind, Kind::BeyondPolicy);
    let detail = "You may have the scopes chat.join for at most 90 minutes. Ask for no more, or omit the field to get all of it.";
    assert_eq!(problem.detail, detail);
    let errors: Vec<(&str, &str)> = problem.errors.iter().map(|e| (e.pointer.as_str(), e.detail.as_str())).collect();
    assert_eq!(
        errors,
        [
            ("/scopes/1", "The scope chat is not allowed; allowed are chat.join."),
            ("/scopes/2", "The scope voip is not allowed; allowed are chat.join."),
            ("/expiresInMinutes", "At most 90 minutes are allowed."),
        ]
    );
}

#[test]
fn back_ends_without_a_grant_have_no_limit_but_must_name_scopes() {
    let policy: Policy = POLICY.parse().unwrap();
    for caller in [Caller::FunctionsHost, key("bot"), Caller::App(Subject::oidc("test", "app")), Caller::Anyone] {
        let effective = policy.effective(&caller);
        let granted = effective.allow(Some(&Scope::ALL), None).unwrap();
        assert_eq!((granted.scopes(), granted.lifetime()), (&Scope::ALL[..], None));
        assert_eq!(effective.allow(None, None).unwrap_err().kind, Kind::InvalidFields);
    }
}

#[test]
fn errors_name_the_first_fault_and_its_path() {
    const SCOPES: &str = "not a scope; the scopes are chat, voip, chat.join, chat.join.limited, voip.join";
    const MINUTES: &str = "roles.a.maxMinutes: must be a whole number of minutes from 60 to 1440";
    const PASS_MINUTES: &str = "guests.maxPassMinutes: must be a whole number of minutes from 5 to 43200";
    let fields = "roles.a.minutes: unknown field `minutes`, expected `scopes` or `maxMinutes`";
    let cases = [
        ("", "is not JSON; correct line 1, column 0"),
        ("{\"default\":", "default: is not JSON; correct line 1, column 11"),
        ("{} {}", "is not JSON; correct line 1, column 4"),
        (" []", "must be an object"),
        ("\"a secret\"", "must be an object"),
        (r#"{"role":{}}"#, "role: unknown field `role`, expected one of `default`, `roles`, `keys`, `guests`"),
        (r#"{"default":null}"#, "default: must be an object"),
        (r#"{"default":{}}"#, "default: missing field `scopes`; add it"),
        (r#"{"default":{"scopes":["voip"]}}"#, "default: missing field `maxMinutes`; add it"),
        (r#"{"roles":[]}"#, "roles: must be an object"),
        (r#"{"roles":{"a":"a secret"}}"#, "roles.a: must be an object"),
        (r#"{"keys":{},"keys":{}}"#, "duplicate field `keys`; keep one"),
        (r#"{"keys":{" ":{}}}"#, "keys: an entry has an empty name; give it a name"),
        (r#"{"guests":[]}"#, "guests: must be an object"),
        (r#"{"guests":{"scopes":[]}}"#, "guests.scopes: name at least one scope"),
        (r#"{"guests":{"maxMinutes":1441}}"#, "guests.maxMinutes: must be a whole number of minutes from 60 to 1440"),
        (r#"{"guests":{"maxPassMinutes":4}}"#, PASS_MINUTES),
        (r#"{"guests":{"maxPassMinutes":43201}}"#, PASS_MINUTES),
        (r#"{"guests":{"maxUses":0}}"#, "guests.maxUses: must be a whole number from 1 to 1000"),
        (r#"{"guests":{"maxUses":1001}}"#, "guests.maxUses: must be a whole number from 1 to 1000"),
    ];
    let in_role = [
        (r#"{"scopes":[],"maxMinutes":60}"#, "roles.a.scopes: name at least one scope"),
        (r#"{"scopes":"a secret","maxMinutes":60}"#, "roles.a.scopes: must be an array"),
        (r#"{"scopes":["voip",1],"maxMinutes":60}"#, "roles.a.scopes[1]: must be a string"),
        (r#"{"scopes":["voip","Chat"],"maxMinutes":60}"#, &format!("roles.a.scopes[1]: {SCOPES}")),
        (r#"{"scopes":["voip","voip"],"maxMinutes":60}"#, "roles.a.scopes: the scope voip is named twice"),
        (r#"{"scopes":["voip"],"maxMinutes":59}"#, MINUTES),
        (r#"{"scopes":["voip"],"maxMinutes":1441}"#, MINUTES),
        (r#"{"scopes":["voip"],"maxMinutes":60.5}"#, MINUTES),
        (r#"{"scopes":["voip"],"maxMinutes":"60"}"#, MINUTES),
        (r#"{"scopes":["voip"],"minutes":60}"#, fields),
        (r#"{"scopes":["voip"],"scopes":["chat"],"maxMinutes":60}"#, "roles.a: duplicate field `scopes`; keep one"),
        (
            r#"{"scopes":["voip"],"maxMinutes":60},"a":{"scopes":["chat"],"maxMinutes":60}"#,
            "roles: duplicate entry `a`; keep one",
        ),
    ];
    let in_role = in_role.map(|(grant, fault)| (format!(r#"{{"roles":{{"a":{grant}}}}}"#), fault));
    let cases = cases.map(|(text, fault)| (text.to_owned(), fault));
    for (text, fault) in cases.into_iter().chain(in_role) {
        assert_eq!(text.parse::<Policy>().unwrap_err().to_string(), fault, "{text}");
    }
}

#[test]
fn entries_that_grant_chat_scopes_are_listed() {
    let grants = |policy: Policy| -> Vec<String> {
        let text = |(entry, scopes): &(String, Vec<Scope>)| format!("{entry} {scopes:?}");
        policy.chat_grants().iter().map(text).collect()
    };
    let expected = ["default [ChatJoin]", "roles.host [ChatJoin]", "roles.long [ChatJoinLimited]"];
    assert_eq!(grants(POLICY.parse().unwrap()), expected);
    let web = r#"{"keys":{"web":{"scopes":["voip","chat.join","chat"],"maxMinutes":60}}}"#;
    assert_eq!(grants(web.parse().unwrap()), ["keys.web [Chat, ChatJoin]"]);
    let guests = r#"{"guests":{"scopes":["chat.join","voip.join"]}}"#;
    assert_eq!(grants(guests.parse().unwrap()), ["guests [ChatJoin]"]);
    assert!(grants(Policy::default()).is_empty());
}
