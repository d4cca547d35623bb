//! The settings that say which version of ACS's REST API is asked for.

use super::{OPEN, RESOURCE, read};

const PREVIEW: &str = "COMMUNICATION_SERVICES_PREVIEW";
const VERSION: &str = "COMMUNICATION_SERVICES_API_VERSION";

#[test]
fn the_preview_is_a_version_that_has_custom_ids() {
    for (environment, version) in [
        (&[][..], "2025-06-30"),
        (&[(PREVIEW, "false")], "2025-06-30"),
        (&[(PREVIEW, "true")], "2025-03-02-preview"),
        (&[(VERSION, "2025-03-02-preview")], "2025-03-02-preview"),
        (&[(PREVIEW, "true"), (VERSION, "2025-03-02-preview")], "2025-03-02-preview"),
        (&[(PREVIEW, "false"), (VERSION, "2026-09-23")], "2026-09-23"),
    ] {
        let (acs, _) = read(&[&[RESOURCE, OPEN], environment].concat()).unwrap();
        assert_eq!(acs.api_version.as_str(), version, "{environment:?}");
        assert_eq!(acs.api_version.has_custom_ids(), version == "2025-03-02-preview");
    }
}

#[test]
fn another_version_beside_the_preview_is_a_fault() {
    let other = "COMMUNICATION_SERVICES_PREVIEW: is true, which asks for 2025-03-02-preview, but \
                 COMMUNICATION_SERVICES_API_VERSION is another; set one of them";
    let none =
        "COMMUNICATION_SERVICES_API_VERSION: not an api-version; one looks like 2025-06-30 or 2025-03-02-preview";
    for (preview, version, faults) in [
        ("true", "2026-09-23", &[other][..]),
        ("true", "latest", &[none]),
        ("yes", "2026-09-23", &["COMMUNICATION_SERVICES_PREVIEW: is neither true nor false"]),
        ("1", "latest", &["COMMUNICATION_SERVICES_PREVIEW: is neither true nor false", none]),
    ] {
        let error = read(&[RESOURCE, OPEN, (PREVIEW, preview), (VERSION, version)]).unwrap_err();
        assert_eq!(error.to_string(), [&["the settings are wrong"], faults].concat().join("\n  "));
    }
}
