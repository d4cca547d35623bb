//! Any text as an identity id: an accepted id is one path segment in every URL.

#![no_main]

use acs_identity::types::IdentityId;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

fuzz_target!(|text: &str| {
    let Ok(id) = text.parse::<IdentityId>() else {
        assert!(!is_well_formed(text), "rejected {text:?}");
        return;
    };
    assert!(is_well_formed(text), "accepted {text:?}");
    assert_eq!(id.as_str(), text, "parsing changed the id");
    assert_eq!(id.to_string().parse(), Ok(id.clone()), "a displayed id does not parse");

    // The client sends the id to ACS percent-encoded. The Location header contains it unencoded.
    let encoded = utf8_percent_encode(id.as_str(), NON_ALPHANUMERIC).to_string();
    for segment in [&encoded, id.as_str()] {
        let url =
            Url::parse(&format!("https://a.example/identities/{segment}/:issueAccessToken?api-version=1")).unwrap();
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        assert_eq!(segments, ["identities", segment, ":issueAccessToken"], "{url}");
        assert_eq!(url.query(), Some("api-version=1"), "{url}");
        assert_eq!(percent_decode_str(segment).decode_utf8().unwrap(), text);
    }
});

/// A second implementation of the rule: `8:` (`acs` | `spool` | letters `-acs`) `:` two or more words joined by `_`.
fn is_well_formed(text: &str) -> bool {
    let Some(["8", cloud, name]) = text.split(':').collect::<Vec<_>>().first_chunk::<3>().copied() else {
        return false;
    };
    let letters = cloud.trim_end_matches("-acs");
    let is_known_cloud = matches!(cloud, "acs" | "spool")
        || (cloud == format!("{letters}-acs")
            && !letters.is_empty()
            && letters.bytes().all(|b| b.is_ascii_lowercase()));
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let no_empty_word = !name.starts_with('_') && !name.ends_with('_') && !name.contains("__");
    text.split(':').count() == 3
        && text.len() <= IdentityId::MAX_LENGTH
        && is_known_cloud
        && name.contains('_')
        && no_empty_word
        && name.chars().all(allowed)
}
