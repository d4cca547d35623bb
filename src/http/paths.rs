//! Paths: refuses those that hosts could read in two ways, and accepts them in any case, with empty segments and with a
//! trailing slash, as the Functions host passes them on.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, Uri,
    header::HOST,
    uri::{Authority, PathAndQuery},
};
use percent_encoding::percent_decode_str;

use crate::{
    functions::{FUNCTIONS, PREFIX},
    problem::{Kind, Problem},
};

/// Refuses an invalid URL, and rewrites the path to that of the table. The host matches routes without regard to case
/// and passes the path on as it came, but the router is exact.
pub(super) async fn layer(mut request: Request, next: Next) -> Response {
    // A program that cannot convert what it received to a request refuses it here, inside of the other layers.
    if let Some(problem) = request.extensions_mut().remove::<Problem>() {
        return problem.into_response();
    }
    if let Some(detail) = invalid(request.uri().path(), request.headers()) {
        return Problem::new(Kind::InvalidUrl, detail).into_response();
    }
    if let Some(path) = canonical(request.uri().path())
        && path != request.uri().path()
        && let Some(uri) = with_path(request.uri(), &path)
    {
        *request.uri_mut() = uri;
    }
    next.run(request).await
}

/// Returns the reason for which a URL is not valid.
fn invalid(path: &str, headers: &HeaderMap) -> Option<&'static str> {
    // A host that decodes the path ends it at these, or takes a backslash for a slash. It would then choose another
    // function than the caller named.
    let is_delimiter = |byte: u8| matches!(byte, b'#' | b'?' | b'\\') || byte.is_ascii_control();
    // Most paths have nothing encoded.
    let has_delimiter =
        path.bytes().any(is_delimiter) || path.contains('%') && percent_decode_str(path).any(is_delimiter);
    if has_delimiter {
        return Some("The path has an encoded `#`, `?`, `\\` or control character, which no path of this service has.");
    }
    // RFC 9112 section 3.2.
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map_or(b"" as &[u8], |host| host.as_bytes());
    let is_host = host.is_empty() || Authority::try_from(host).is_ok_and(|host| !host.as_str().contains('@'));
    (hosts.next().is_some() || !is_host)
        .then_some("The Host header must be one host name or address, and a port if any.")
}

/// Returns the path as the table has it, with the id unchanged. `None` if no function has the path.
fn canonical(path: &str) -> Option<String> {
    let given: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (prefix, given) = given.split_first()?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    let is_parameter = |pattern: &str| pattern.starts_with('{');
    let fits = |(pattern, given): (&str, &&str)| is_parameter(pattern) || pattern.eq_ignore_ascii_case(given);
    let function = FUNCTIONS.iter().find(|function| {
        let patterns = function.route.split('/');
        patterns.clone().count() == given.len() && patterns.zip(given).all(fits)
    })?;
    let mut canonical = String::with_capacity(path.len());
    canonical.extend(["/", PREFIX]);
    for (pattern, given) in function.route.split('/').zip(given) {
        canonical.extend(["/", if is_parameter(pattern) { given } else { pattern }]);
    }
    Some(canonical)
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let target = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    proptest! {
        // No file with failed cases: the failure prints the case.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn routes_match_in_any_case_and_with_extra_slashes(
            function in select(&FUNCTIONS[..]),
            id in "[!-.0->@-~]{1,40}",
            capitals in any::<u32>(),
            slashes in "/{1,3}",
            end in "/{0,2}",
        ) {
            let cased = |segment: &str| -> String {
                let letter = |(i, c): (usize, char)| if capitals >> i & 1 == 1 { c.to_ascii_uppercase() } else { c };
                segment.chars().enumerate().map(letter).collect()
            };
            let (mut given, mut expected) = (vec![String::new(), cased(PREFIX)], vec!["", PREFIX]);
            for segment in function.route.split('/') {
                let is_id = segment.starts_with('{');
                given.push(if is_id { id.clone() } else { cased(segment) });
                expected.push(if is_id { &id } else { segment });
            }
            let found = canonical(&(given.join(&slashes) + &end)).unwrap();
            prop_assert_eq!(&found, &expected.join("/"));
            prop_assert_eq!(canonical(&found), Some(found.clone()));
        }

        #[test]
        fn any_path_becomes_one_that_a_server_takes(path in "/(api|API)?/?([ids/%A:.;-]{0,12})(identities)?(/[!-.0->@-~]{0,9}){0,3}") {
            if let Some(found) = canonical(&path) {
                prop_assert!(found.starts_with("/api/") && !found.contains("//"), "{}", found);
                let given: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(str::to_lowercase).collect();
                prop_assert_eq!(found.to_lowercase(), format!("/{}", given.join("/")));
            }
        }
    }

    #[test]
    fn spells_paths_as_the_table() {
        for (given, path) in [
            ("/api/identities", Some("/api/identities")),
            ("/API/Identities/", Some("/api/identities")),
            ("//api//identities/8:acs:A_B/TOKENS", Some("/api/identities/8:acs:A_B/tokens")),
            ("/api/identities/8%3Aacs%3AA_B", Some("/api/identities/8%3Aacs%3AA_B")),
            ("/api/identities/tokens", Some("/api/identities/tokens")),
            ("/api", None),
            ("/", None),
            ("/identities", None),
            ("/api/identities/a/b/c", None),
        ] {
            assert_eq!(canonical(given).as_deref(), path, "{given}");
        }
    }

    #[test]
    fn paths_that_can_be_read_in_two_ways_are_invalid() {
        let is_invalid = |path: &str| invalid(path, &HeaderMap::new()).is_some();
        for byte in 0..=127_u8 {
            let is_delimiter = matches!(byte, b'#' | b'?' | b'\\' | 0..32 | 127);
            for path in [format!("/api/identities/a%{byte:02X}b/tokens"), format!("/%{byte:02x}")] {
                assert_eq!(is_invalid(&path), is_delimiter, "{path}");
            }
        }
        // Decoded once: the second decoding is the path's own text.
        for (path, invalid) in
            [("/api/a\\b", true), ("/a%2523", false), ("/a%", false), ("/a%zz", false), ("/%C3%A9", false)]
        {
            assert_eq!(is_invalid(path), invalid, "{path}");
        }
    }

    #[test]
    fn host_must_be_one_host() {
        for (hosts, valid) in [
            (&[][..], true),
            (&[""], true),
            (&["a.example"], true),
            (&["127.0.0.1:8080"], true),
            (&["[::1]:80"], true),
            (&["a.example", "a.example"], false),
            (&["["], false),
            (&["a b"], false),
            (&["a/b"], false),
            (&["u@a.example"], false),
            (&["a.example, b.example"], false),
        ] {
            let headers: HeaderMap = hosts.iter().map(|host| (HOST, host.parse().unwrap())).collect();
            assert_eq!(invalid("/", &headers).is_none(), valid, "{hosts:?}");
        }
    }

    #[test]
    fn keeps_the_query() {
        let uri = "http://host/API/health?ready&a=1&a=2".parse().unwrap();
        assert_eq!(with_path(&uri, "/api/health").unwrap(), "http://host/api/health?ready&a=1&a=2");
    }
}
