//! The settings of trusted issuers.

use std::{collections::HashSet, io::Write as _};

use acs_tokens::{auth::TrustedIssuer, config::Program};

use super::{Env, RESOURCE, read};

const TENANTS: &str = "11111111-2222-4333-8444-555555555555,99999999-2222-4333-8444-555555555555";

/// Returns the issuers that `acs-tokens serve` trusts with these settings.
fn trusted(env: &Env<'_>) -> Vec<TrustedIssuer> {
    let config = read(Program::Server, &[env, &[RESOURCE]].concat()).unwrap();
    config.authenticator.bearer.unwrap().trusted().cloned().collect()
}

/// Returns the names of the issuers and the roles of back ends.
fn back_ends(env: &Env<'_>) -> Vec<(String, Option<String>)> {
    let trusted = trusted(&[env, &[("OIDC_AUDIENCES", "a")]].concat());
    trusted.into_iter().map(|trusted| (trusted.issuer.name().to_owned(), trusted.manage_role)).collect()
}

fn named(name: &str, role: Option<&str>) -> (String, Option<String>) {
    (name.to_owned(), role.map(str::to_owned))
}

#[test]
fn settings_apply_to_every_issuer_of_a_list() {
    let env = [
        ("OIDC_ISSUERS", "https://a.example, https://b.example/"),
        ("OIDC_AUDIENCES", "one,two"),
        ("OIDC_CLIENTS", "web, app"),
        ("OIDC_ROLES_CLAIM", "realm_access.roles"),
        ("OIDC_REQUIRED_SCOPE", "calls"),
    ];
    let all = trusted(&env);
    assert_eq!(all.len(), 2);
    for trusted in all {
        let metadata = trusted.issuer.metadata().as_str();
        assert_eq!(
            metadata,
            format!("{}/.well-known/openid-configuration", trusted.issuer.name().trim_end_matches('/'))
        );
        assert_eq!(trusted.audiences, HashSet::from(["one", "two"].map(str::to_owned)));
        assert_eq!(trusted.clients, Some(HashSet::from(["web", "app"].map(str::to_owned))));
        assert_eq!((&*trusted.roles_claim, trusted.required_scope.as_deref()), ("realm_access.roles", Some("calls")));
    }
    let [simple] = &trusted(&[("OIDC_ISSUERS", "https://a.example"), ("OIDC_AUDIENCES", "a")])[..] else { panic!() };
    assert_eq!((&*simple.roles_claim, &simple.required_scope, &simple.clients), ("roles", &None, &None));
}

#[test]
fn only_the_first_issuer_has_back_ends_unless_the_operator_names_others() {
    let two = ("OIDC_ISSUERS", "https://a.example,https://b.example");
    let expected = [named("https://a.example", Some("Tokens.Manage")), named("https://b.example", None)];
    assert_eq!(back_ends(&[two]), expected);
    let expected = [named("https://a.example", Some("x")), named("https://b.example", None)];
    assert_eq!(back_ends(&[two, ("OIDC_MANAGE_ROLE", "x")]), expected);
    // A document without roles follows the same rule. One with roles says it all.
    let document = r#"[{"issuer":"https://a.example"},{"issuer":"https://b.example"}]"#;
    assert_eq!(back_ends(&[("OIDC_ISSUERS", document), ("OIDC_MANAGE_ROLE", "x")]), expected);
    let document = r#"[{"issuer":"https://a.example"},{"issuer":"https://b.example","manageRole":"x"}]"#;
    let expected = [named("https://a.example", None), named("https://b.example", Some("x"))];
    assert_eq!(back_ends(&[("OIDC_ISSUERS", document)]), expected);
}

#[test]
fn applications_of_several_tenants_are_back_ends_only_if_the_operator_says_so() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let names = TENANTS.split(',').map(|tenant| template.replace("{tenantid}", tenant));
    let without: Vec<_> = names.clone().map(|name| named(&name, None)).collect();
    assert_eq!(back_ends(&[("OIDC_ISSUERS", template), ("OIDC_TENANTS", TENANTS)]), without);
    let role = ("OIDC_MANAGE_ROLE", "x");
    assert_eq!(back_ends(&[("OIDC_ISSUERS", template), ("OIDC_TENANTS", TENANTS), role]), without);
    let first = TENANTS.split(',').next().unwrap();
    let one = [named(&template.replace("{tenantid}", first), Some("Tokens.Manage"))];
    assert_eq!(back_ends(&[("OIDC_ISSUERS", template), ("OIDC_TENANTS", first)]), one);
    let document =
        format!(r#"{{"issuer":"{template}","tenants":["{}"],"manageRole":"x"}}"#, TENANTS.replace(',', "\",\""));
    let with: Vec<_> = names.map(|name| named(&name, Some("x"))).collect();
    assert_eq!(back_ends(&[("OIDC_ISSUERS", &document)]), with);
}

#[test]
fn each_issuer_of_a_document_has_its_own_rules() {
    let document = r#"[
        {"issuer":"https://a.example","audiences":["a"],"clients":["web"],"rolesClaim":"groups","requiredScope":"calls"},
        {"issuer":"https://b.example/","metadata":"https://c.example/d?p=e"}
    ]"#;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(format!("{document}\n").as_bytes()).unwrap();
    let path = file.path().display();
    for value in [document, &format!("file:{path}"), &format!("file://{path}")] {
        let env = [("OIDC_ISSUERS", value), ("OIDC_AUDIENCES", "default"), ("OIDC_CLIENTS", "app")];
        let [a, b] = &trusted(&env)[..] else { panic!("{value}") };
        assert_eq!(a.audiences, HashSet::from(["a".to_owned()]));
        assert_eq!(a.clients, Some(HashSet::from(["web".to_owned()])));
        assert_eq!((&*a.roles_claim, a.required_scope.as_deref()), ("groups", Some("calls")));
        assert_eq!((b.issuer.name(), b.issuer.metadata().as_str()), ("https://b.example/", "https://c.example/d?p=e"));
        assert_eq!(b.audiences, HashSet::from(["default".to_owned()]));
        assert_eq!(b.clients, Some(HashSet::from(["app".to_owned()])));
        assert_eq!((&*b.roles_claim, &b.required_scope), ("roles", &None));
    }
}

#[test]
fn the_tenant_of_an_issuer_of_entra_is_found_in_its_name() {
    let tenant = "11111111-2222-4333-8444-555555555555";
    for (issuer, expected) in [
        ("https://login.microsoftonline.com/T/v2.0", true),
        ("https://login.microsoftonline.us/T/v2.0", true),
        ("https://login.partner.microsoftonline.cn/T/v2.0", true),
        ("https://sts.windows.net/T/", true),
        ("https://T.ciamlogin.com/T/v2.0", true),
        ("https://login.contoso.example/T/v2.0", true),
        ("http://127.0.0.1:7072/_emulator/oidc/T/v2.0", true),
        // Azure AD B2C, PingOne, and an issuer whose path is not one of Entra's.
        ("https://contosob2c.b2clogin.com/T/v2.0/", false),
        ("https://contosob2c.b2clogin.com/tfp/T/b2c_1_susi/v2.0/", false),
        ("https://auth.pingone.eu/T/as", false),
        ("https://a.example/T/", false),
        ("https://accounts.google.com", false),
    ] {
        let issuer = issuer.replace('T', tenant);
        let [trusted] = &trusted(&[("OIDC_ISSUERS", &issuer), ("OIDC_AUDIENCES", "a")])[..] else { panic!("{issuer}") };
        assert_eq!(trusted.issuer.tenant(), expected.then_some(tenant), "{issuer}");
    }
}

const KEY: (&str, &str) = ("USER_DIRECTORY_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");

#[test]
fn an_issuer_of_microsoft_without_a_required_scope_is_warned_of() {
    let tenant = "11111111-2222-4333-8444-555555555555";
    for (issuer, scope, warned) in [
        ("https://login.microsoftonline.com/T/v2.0", None, true),
        ("https://a.example,https://sts.windows.net/T/", None, true),
        ("https://contosob2c.b2clogin.com/T/v2.0/", None, true),
        ("https://login.microsoftonline.com/T/v2.0", Some("access_as_user"), false),
        (r#"{"issuer":"https://login.microsoftonline.com/T/v2.0","requiredScope":"access_as_user"}"#, None, false),
        ("https://a.example", None, false),
    ] {
        let issuer = issuer.replace('T', tenant);
        let mut env = vec![RESOURCE, ("OIDC_ISSUERS", &*issuer), ("OIDC_AUDIENCES", "a")];
        env.extend([("USER_DIRECTORY", "file:///users"), KEY]);
        env.extend(scope.map(|scope| ("OIDC_REQUIRED_SCOPE", scope)));
        let config = read(Program::Server, &env).unwrap();
        let names: Vec<&str> = config.warnings.iter().map(|warning| &*warning.setting).collect();
        assert_eq!(names, if warned { &["OIDC_REQUIRED_SCOPE"][..] } else { &[] }, "{issuer}");
    }
}

#[test]
fn the_log_says_which_applications_may_call_as_back_ends() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    for (program, env, expected) in [
        (Program::Server, vec![("CALLER_KEYS", "web=0123456789abcdef")], None),
        (
            Program::Server,
            vec![("OIDC_ISSUERS", "https://a.example,https://b.example"), ("OIDC_AUDIENCES", "a")],
            Some("applications may call as back ends: those of https://a.example with the role Tokens.Manage"),
        ),
        (
            Program::Server,
            vec![("OIDC_ISSUERS", template), ("OIDC_AUDIENCES", "a"), ("OIDC_TENANTS", TENANTS)],
            Some("no application may call as a back end: OIDC_ISSUERS names no issuer for back ends"),
        ),
        // The Functions host authenticates back ends.
        (
            Program::Functions,
            vec![("OIDC_ISSUERS", "https://a.example"), ("OIDC_AUDIENCES", "a"), ("FUNCTIONS_CUSTOMHANDLER_PORT", "1")],
            None,
        ),
    ] {
        let config = read(program, &[&env[..], &[RESOURCE]].concat()).unwrap();
        assert_eq!(config.authenticator.back_ends().as_deref(), expected, "{env:?}");
    }
}

#[test]
fn an_issuer_with_a_control_character_is_refused() {
    let env = [RESOURCE, ("OIDC_ISSUERS", "https://a.example/\u{1}b"), ("OIDC_AUDIENCES", "a")];
    let errors = read(Program::Server, &env).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    assert!(errors.0[0].detail.contains("a control character"), "{errors}");
}

/// Returns the blocks of code in docs/issuers.md in a language.
fn documented(language: &str) -> Vec<String> {
    let document = include_str!("../../../docs/issuers.md");
    let start = format!("```{language}\n");
    let blocks = document.split(&start).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_documented_settings_are_valid() {
    let (lists, documents) = (documented("sh settings"), documented("json"));
    let documents: Vec<String> = documents.into_iter().filter(|block| block.contains("\"issuer\"")).collect();
    assert!(lists.len() >= 8 && documents.len() == 2, "{} {}", lists.len(), documents.len());
    for list in &lists {
        let mut env: Vec<(&str, &str)> = list.lines().map(|line| line.split_once('=').unwrap()).collect();
        if !list.contains("OIDC_AUDIENCES") {
            env.push(("OIDC_AUDIENCES", "a"));
        }
        assert_eq!(trusted(&env).len(), 1, "{list}");
    }
    for document in &documents {
        assert!(!trusted(&[("OIDC_ISSUERS", document), ("OIDC_AUDIENCES", "a")]).is_empty(), "{document}");
    }
}

#[test]
fn the_table_of_rules_has_every_member_and_each_is_suggested() {
    let fault = |member: &str| {
        let document = format!(r#"{{"issuer":"https://a.example","{member}":1}}"#);
        read(Program::Server, &[RESOURCE, ("OIDC_ISSUERS", &document), ("OIDC_AUDIENCES", "a")])
            .unwrap_err()
            .to_string()
    };
    let text = fault("unknown");
    let members: Vec<&str> = text.split_once("expected one of ").unwrap().1.split('`').skip(1).step_by(2).collect();
    let section = include_str!("../../../docs/issuers.md").split("## Rules for each issuer").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: HashSet<&str> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(rows, members.iter().copied().collect());
    for member in members {
        assert!(fault(&format!("{member}z")).ends_with(&format!("; did you mean `{member}`?")), "{member}");
    }
}
