//! Paths as the Functions host passes them on: in any case, with empty segments, with a trailing slash.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{Uri, uri::PathAndQuery};

use crate::functions::{FUNCTIONS, PREFIX};

/// Rewrites the path to that of the table. The host matches routes without regard to case and passes the path on as it
/// came, but the router is exact.
pub(super) async fn layer(mut request: Request, next: Next) -> Response {
    if let Some(path) = canonical(request.uri().path())
        && path != request.uri().path()
        && let Some(uri) = with_path(request.uri(), &path)
    {
        *request.uri_mut() = uri;
    }
    next.run(request).await
}

/// Returns the path as the table has it, with the id unchanged. `None` if no function has the path.
fn canonical(path: &str) -> Option<String> {
    let given: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (prefix, given) = given.split_first()?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    FUNCTIONS.iter().find_map(|function| {
        let pattern: Vec<&str> = function.route.split('/').collect();
        let fits = |(pattern, given): (&&str, &&str)| pattern.starts_with('{') || pattern.eq_ignore_ascii_case(given);
        if pattern.len() != given.len() || !pattern.iter().zip(given).all(fits) {
            return None;
        }
        let segments =
            pattern.iter().zip(given).map(|(pattern, given)| if pattern.starts_with('{') { given } else { pattern });
        Some(segments.fold(format!("/{PREFIX}"), |path, segment| path + "/" + segment))
    })
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
    fn keeps_the_query() {
        let uri = "http://host/API/health?ready&a=1&a=2".parse().unwrap();
        assert_eq!(with_path(&uri, "/api/health").unwrap(), "http://host/api/health?ready&a=1&a=2");
    }
}
