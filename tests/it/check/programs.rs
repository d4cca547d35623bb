//! `check --for`: what a program would refuse. Also the warnings of the report.

use serde_json::{Value, json};

use super::{RESOURCE, check, check_for};
use crate::{
    harness,
    process::{cli, run},
};

/// Arguments, settings, and the settings that are refused.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

/// Returns the names of the settings that a program refuses.
fn refused(report: &Value) -> Vec<&str> {
    let settings = report["settings"].as_array().unwrap().iter();
    let refused = settings.filter(|setting| setting["faults"] != json!([]));
    refused.map(|setting| setting["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn check_says_what_the_chosen_program_would_refuse() {
    let (_, connection_string) = harness::emulator().await;
    let resource = (RESOURCE, &*connection_string);
    let s3 = [
        ("CALLER_KEYS", "web=a-key-of-a-caller"),
        ("USER_DIRECTORY", "s3://users"),
        ("USER_DIRECTORY_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
    ];
    let cases: [Case<'_>; 9] = [
        // Without a setting for callers, it is taken for an app on the Functions host.
        (&[], &[], &[]),
        (&["--for", "handler"], &[], &[]),
        (&["--for", "serve"], &[], &["CALLER_KEYS"]),
        (&["--for", "bootstrap"], &[], &["CALLER_KEYS"]),
        // `handler` reads neither of them.
        (&["--for", "handler"], &[("CALLER_KEYS", "web"), ("CORS_ALLOWED_ORIGINS", "a")], &[]),
        (
            &["--for", "bootstrap"],
            &[("CALLER_KEYS", "web"), ("CORS_ALLOWED_ORIGINS", "a")],
            &["CALLER_KEYS", "CORS_ALLOWED_ORIGINS"],
        ),
        (&["--for", "handler"], &s3, &["USER_DIRECTORY"]),
        (&["--for", "handler"], &[("PORT", "x")], &[]),
        (&[], &[("PORT", "x")], &["PORT"]),
    ];
    for (arguments, more, expected) in cases {
        let (code, report) = check_for(arguments, &[&[resource], more].concat()).await;
        assert_eq!(refused(&report), expected, "{arguments:?} {more:?}");
        assert_eq!(code, i32::from(!expected.is_empty()), "{report}");
        // Only valid settings are tried.
        assert_eq!(report["checks"] == json!([]), !expected.is_empty(), "{report}");
    }
    let (code, _, stderr) = run(cli(&["check", "--for", "dev"], &[resource])).await;
    assert!(code == 2 && stderr.contains("handler, bootstrap, serve"), "{stderr}");
}

#[tokio::test]
async fn warnings_are_listed_and_are_no_problem() {
    let (_, connection_string) = harness::emulator().await;
    let environment = [
        (RESOURCE, &*connection_string),
        ("OIDC_ISSUER", "https://a-key-of-a-caller.example"),
        ("ALLOW_ANONYMOUS", "true"),
    ];
    let (code, report) = check(&environment).await;
    let settings = report["warnings"].as_array().unwrap().iter().map(|warning| warning["setting"].as_str().unwrap());
    assert_eq!((code, settings.collect::<Vec<_>>()), (0, vec!["OIDC_ISSUER", "ALLOW_ANONYMOUS"]));

    let (code, stdout, stderr) = run(cli(&["check"], &environment)).await;
    assert_eq!((code, &*stderr), (0, ""));
    for line in [
        "  WARN    OIDC_ISSUER                                 is not a setting; did you mean OIDC_ISSUERS?",
        "  WARN    ALLOW_ANONYMOUS                             is true: back ends are not authenticated",
        "No problems found, but 2 warnings.",
    ] {
        assert!(stdout.lines().any(|other| other == line), "{line}\n{stdout}");
    }
}
