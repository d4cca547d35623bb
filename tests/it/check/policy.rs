//! The entries of the policy that grant chat scopes, and the date until which these are of use.

use super::{RESOURCE, check};
use crate::{
    harness,
    process::{cli, run},
};

/// The default of earlier versions.
const OLD_DEFAULT: &str = r#"{"default":{"scopes":["chat.join","voip.join"],"maxMinutes":60}}"#;

#[tokio::test]
async fn entries_and_defaults_with_chat_scopes_are_listed_with_the_date() {
    let (_, connection_string) = harness::emulator().await;
    let resource = (RESOURCE, &*connection_string);
    let end = "of use until 2028-09-30, when Microsoft retires ACS Chat (docs/retirement.md)";
    let back_ends = "back ends without an entry under `keys` may have chat scopes";
    for (policy, entries) in [
        ("", &[back_ends][..]),
        (r#"{"roles":{"host":{"scopes":["voip"],"maxMinutes":60}}}"#, &[back_ends]),
        (OLD_DEFAULT, &["default grants chat.join", back_ends]),
        (
            r#"{"roles":{"host":{"scopes":["voip","chat.join","chat"],"maxMinutes":60}}}"#,
            &["roles.host grants chat, chat.join", back_ends],
        ),
    ] {
        let (code, report) = check(&[resource, ("TOKEN_POLICY", policy)]).await;
        let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == "policy");
        let details: Vec<&str> = checks.map(|check| check["detail"].as_str().unwrap()).collect();
        let expected: Vec<String> = entries.iter().map(|entry| format!("{entry}: {end}")).collect();
        assert_eq!((code, details), (0, expected.iter().map(String::as_str).collect()), "{policy}");
    }

    let (code, stdout, _) = run(cli(&["check"], &[resource, ("TOKEN_POLICY", OLD_DEFAULT)])).await;
    assert!(
        stdout.contains(&format!("\n\nPolicy\n  ok      policy        default grants chat.join: {end}\n")),
        "{stdout}"
    );
    assert_eq!(code, 0);
}

#[test]
fn documents_have_the_line_for_the_old_default() {
    let (changelog, guide) = (include_str!("../../../CHANGELOG.md"), include_str!("../../../docs/retirement.md"));
    assert!(changelog.contains(&format!("`TOKEN_POLICY={OLD_DEFAULT}`")));
    assert!(guide.contains(&format!("TOKEN_POLICY='{OLD_DEFAULT}'\n")));
}
