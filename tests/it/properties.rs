//! Properties of the parsers, checked with generated input.

use acs_identity::{
    ConnectionString, Endpoint, InvalidEndpoint,
    signature::AccessKey,
    types::{ApiVersion, IdentityId, InvalidScopes, Scope, TokenLifetime, TokenRequest},
};
use acs_tokens::extract::{TokenFormat, fields::Fields};
use axum::extract::FromRequestParts as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::Value;

const HOST: &str = "[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,5})?(\\.[a-z]{2,8}){1,3}";
const IDENTITY: &str = "8:(acs|spool|[a-z]{1,5}-acs):[A-Za-z0-9-]{1,40}(_[A-Za-z0-9-]{1,40}){1,3}";

/// Returns the text with capitals where `capitals` has a bit.
fn in_case(text: &str, capitals: u16) -> String {
    let letter = |(i, c): (usize, char)| if capitals >> (i % 16) & 1 == 1 { c.to_ascii_uppercase() } else { c };
    text.chars().enumerate().map(letter).collect()
}

proptest! {
    // A failure prints its input, so a file of failed inputs is not needed.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn connection_string_parts_may_have_any_order_case_and_spacing(
        host in HOST,
        port in option::of(1_u16..),
        key in vec(any::<u8>(), 1..64),
        capitals in any::<u16>(),
        blanks in vec("[ \t]{0,2}", 8),
        (key_first, slash, end) in any::<(bool, bool, bool)>(),
    ) {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("https://{host}{port}{}", if slash { "/" } else { "" });
        let key = STANDARD.encode(key);
        let mut parts = [
            [&blanks[0], &in_case("endpoint", capitals), &blanks[1], "=", &blanks[2], &url, &blanks[3]].concat(),
            [&blanks[4], &in_case("accesskey", capitals), &blanks[5], "=", &blanks[6], &key, &blanks[7]].concat(),
        ];
        if key_first {
            parts.reverse();
        }
        let text = parts.join(";") + if end { ";" } else { "" };
        let parsed: ConnectionString = text.parse().unwrap();
        prop_assert_eq!(parsed.endpoint, url.parse::<Endpoint>().unwrap());
        prop_assert_eq!(parsed.access_key.sign("x"), AccessKey::from_base64(&key).unwrap().sign("x"));
    }

    #[test]
    fn connection_string_errors_do_not_contain_the_key(
        before in "(endpoint=https?://[a-z]{1,9}(\\.example)?/?;)?(accesskey|[ -~]{0,9})=?",
        secret in "[A-Za-z0-9+/]{24,48}={0,2}",
        after in "[!-~]{0,9}(;endpoint=https://a\\.example)?",
    ) {
        let shown = match format!("{before}{secret}{after}").parse::<ConnectionString>() {
            Ok(parsed) => format!("{:?}", parsed.access_key),
            Err(fault) => format!("{fault} {fault:?}"),
        };
        let secret = secret.trim_end_matches('=');
        prop_assert!(!shown.contains(&secret[..12]) && !shown.contains(&secret[secret.len() - 12..]), "{}", shown);
    }

    #[test]
    fn endpoint_is_a_scheme_and_a_host_and_its_text_parses_again(
        text in "(https?|ftp)://([a-z]{1,3}(:[a-z]{0,2})?@)?([a-z0-9.-]{1,12}|\\[::1\\])(:[0-9]{0,5})?[/?#a.]{0,3}",
    ) {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            let url = endpoint.url();
            prop_assert_eq!(url.as_str(), format!("{}://{}/", url.scheme(), endpoint.host()));
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }

    #[test]
    fn plain_http_is_accepted_for_loopback_addresses_only(address in any::<std::net::Ipv4Addr>(), last in any::<[u8; 3]>()) {
        let found = format!("http://{address}").parse::<Endpoint>().err();
        prop_assert_eq!(found, (!address.is_loopback()).then_some(InvalidEndpoint::PlainHttp));
        let here = format!("http://127.{}.{}.{}", last[0], last[1], last[2]);
        prop_assert!(here.parse::<Endpoint>().is_ok());
    }

    #[test]
    fn identity_id_is_one_path_segment_and_its_text_parses_again(text in IDENTITY) {
        let id: IdentityId = text.parse().unwrap();
        prop_assert_eq!(id.as_str(), &text);
        prop_assert_eq!(id.to_string().parse(), Ok(id.clone()));
        let url = reqwest::Url::parse(&format!("https://a.example/api/identities/{id}/tokens?x")).unwrap();
        prop_assert_eq!(url.path_segments().unwrap().collect::<Vec<_>>(), ["api", "identities", &text, "tokens"]);
        prop_assert_eq!(url.query(), Some("x"));
    }

    #[test]
    fn identity_id_with_another_character_is_rejected(text in IDENTITY, at in any::<prop::sample::Index>(), c in "[^A-Za-z0-9_:-]") {
        let at = at.index(text.len() + 1);
        let text = format!("{}{c}{}", &text[..at], &text[at..]);
        prop_assert!(text.parse::<IdentityId>().is_err());
    }

    #[test]
    fn lifetime_has_60_to_1440_minutes(minutes in prop_oneof![any::<i64>(), 0..2000_i64]) {
        let validity = TokenLifetime::from_minutes(minutes).ok();
        prop_assert_eq!(validity.is_some(), (60..=1440).contains(&minutes));
        prop_assert!(validity.is_none_or(|validity| i64::from(validity.minutes()) == minutes));
    }

    #[test]
    fn api_version_is_a_date(year in 0..=9999_i16, month in 0..=13_i8, day in 0..=32_i8, preview in any::<bool>()) {
        let text = format!("{year:04}-{month:02}-{day:02}{}", if preview { "-preview" } else { "" });
        let found = text.parse::<ApiVersion>().ok();
        let is_date = jiff::civil::Date::new(year, month, day).is_ok();
        prop_assert_eq!(found.as_ref().map(ApiVersion::as_str), is_date.then_some(&*text));
    }

    #[test]
    fn api_version_of_another_form_is_rejected(text in "[0-9+W-]{4}-[0-9W-]{2}-[0-9T:-]{2}(-preview|-[a-z]{1,3})?") {
        if text.parse::<ApiVersion>().is_ok() {
            let date = text.trim_end_matches("-preview");
            prop_assert!(date.split('-').map(str::len).eq([4, 2, 2]), "{}", text);
            prop_assert!(date.chars().all(|c| c.is_ascii_digit() || c == '-'), "{}", text);
        }
    }

    #[test]
    fn token_request_has_at_least_one_scope_and_no_duplicates(scopes in vec(select(&Scope::ALL[..]), 0..5)) {
        let twice = scopes.iter().any(|scope| scopes.iter().filter(|other| *other == scope).count() > 1);
        match TokenRequest::new(scopes.clone(), None) {
            Ok(request) => prop_assert!(!twice && !scopes.is_empty() && request.scopes() == scopes),
            Err(InvalidScopes::Empty) => prop_assert!(scopes.is_empty()),
            Err(InvalidScopes::Repeated(scope)) => {
                prop_assert!(scopes.iter().filter(|other| **other == scope).count() > 1);
            }
        }
    }

    #[test]
    fn pointer_of_a_field_error_resolves_to_the_field(names in prop::collection::btree_set("[a-c~/01\"é ]{0,8}", 1..6)) {
        let body: Value = names.iter().map(|name| (name.clone(), Value::from(name.as_str()))).collect();
        let fields = Fields::parse(body.to_string().as_bytes()).unwrap();
        let problem = fields.finish(Some(())).unwrap_err();
        let found: Vec<_> = problem.errors.iter().map(|fault| body.pointer(&fault.pointer).unwrap()).collect();
        prop_assert_eq!(found, names.iter().collect::<Vec<_>>());
    }

    // RFC 9110 section 12.5.1: the most specific range that matches a media type determines its weight.
    #[test]
    fn token_is_sent_as_text_if_text_has_more_weight(
        weights in prop::array::uniform5(option::of(0..=1000_u16)),
        order in Just([0, 1, 2, 3, 4]).prop_shuffle(),
        capitals in any::<u16>(),
        gap in " {0,2}",
    ) {
        const RANGES: [&str; 5] = ["text/plain", "text/*", "application/json", "application/*", "*/*"];
        let item = |&i: &usize| {
            let weight = f32::from(weights[i]?) / 1000.0;
            Some(in_case(&format!("{gap}{}{gap};{gap}q={weight}", RANGES[i]), capitals))
        };
        let accept: Vec<String> = order.iter().filter_map(item).collect();
        let (mut parts, ()) = http::Request::builder().header("accept", accept.join(",")).body(()).unwrap().into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let Ok(found) = runtime.block_on(TokenFormat::from_request_parts(&mut parts, &()));
        let of = |ranges: [usize; 3]| ranges.iter().find_map(|&i| weights[i]).unwrap_or(0);
        let text = of([0, 1, 4]) > of([2, 3, 4]);
        prop_assert_eq!(found, if text { TokenFormat::Text } else { TokenFormat::Json }, "{:?}", accept);
    }
}
