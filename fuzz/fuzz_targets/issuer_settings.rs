//! Any text as `OIDC_ISSUERS`: an issuer that is accepted is in the text and can be fetched, only named issuers have back
//! ends, and an error repeats no value.

#![no_main]

use acs_tokens::config::EnvReader;
use libfuzzer_sys::{Corpus, fuzz_target};

const TENANTS: &str = "11111111-2222-4333-8444-555555555555,99999999-2222-4333-8444-555555555555";

fuzz_target!(|text: &str| -> Corpus {
    // Files are not input.
    if text.trim_start().starts_with("file:") {
        return Corpus::Reject;
    }
    let several = text.contains("{tenantid}");
    let get = |name: &str| match name {
        "OIDC_ISSUERS" => Some(text.into()),
        "OIDC_AUDIENCES" => Some("acs".into()),
        "OIDC_TENANTS" if several => Some(TENANTS.into()),
        _ => None,
    };
    let mut env = EnvReader::new(&get);
    let issuers = env.trusted_issuers();
    match env.finish(issuers) {
        Ok(issuers) => {
            assert!(!issuers.is_empty(), "no issuer");
            for (i, trusted) in issuers.iter().enumerate() {
                let (name, metadata) = (trusted.issuer.name(), trusted.issuer.metadata());
                assert!(!trusted.audiences.is_empty(), "{name} accepts no audience");
                assert!(["https", "http"].contains(&metadata.scheme()) && metadata.host_str().is_some(), "{metadata}");
                assert!(!name.contains(|c: char| c.is_whitespace() || c.is_control() || c == ';'), "{name}");
                assert!(!name.contains("{tenantid}") && !name.contains("/.well-known"), "{name}");
                let said = text.contains("manageRole") || text.contains('\\');
                // The first issuer is one of several tenants' if only the setting has the tenant in its name.
                let of_several = several && TENANTS.split(',').any(|id| name.contains(id) && !text.contains(id));
                assert!(trusted.manage_role.is_none() || i == 0 && !of_several || said, "{name} has back ends");
                let earlier = &issuers[..i];
                assert!(!earlier.iter().any(|other| other.issuer.name() == name), "{name} twice");
            }
        }
        Err(errors) => {
            for error in errors.0 {
                let detail = error.detail;
                assert!(!detail.is_empty() && !detail.contains('\n'), "{detail:?}");
                // The name of an unknown member is repeated.
                let has_name = detail.contains("unknown field `");
                assert!(has_name || !detail.contains("c2VjcmV0"), "the error repeats a value: {detail}");
            }
        }
    }
    Corpus::Keep
});
