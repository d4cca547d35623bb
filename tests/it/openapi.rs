//! The OpenAPI document: its function, its examples, its bounds, and what the functions answer in all other tests.

mod bounds;
mod examples;

use std::{collections::BTreeSet, sync::LazyLock};

use acs_tokens::{
    functions::{AuthLevel, FUNCTIONS, PREFIX},
    problem::Kind,
};
use serde_json::{Value, json};

use crate::{
    docs::read,
    harness::{Answer, Api},
};

through_each_host! { the_document_is_served_with_a_version, an_unchanged_document_is_not_sent_again }

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&read("docs/openapi.json")).unwrap());

const PATH: &str = "/api/openapi.json";

async fn the_document_is_served_with_a_version(api: Api) {
    let answer = Answer::of(api.request("GET", PATH)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"), "{answer:?}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.json(), *DOCUMENT);
    assert_eq!(answer.header("etag").len(), 18);
    let head = Answer::of(api.request("HEAD", PATH)).await;
    assert_eq!((head.status, head.header("etag"), &*head.body), (200, answer.header("etag"), ""));
    assert_eq!(api.upstream_calls().await, 0);
}

async fn an_unchanged_document_is_not_sent_again(api: Api) {
    let tag = Answer::of(api.request("GET", PATH)).await.header("etag").to_owned();
    for (sent, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"another\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"another\"".to_owned(), 200),
        (tag.replace('"', ""), 200),
    ] {
        let answer = Answer::of(api.request("GET", PATH).header("if-none-match", &sent)).await;
        assert_eq!(answer.status, status, "{sent}");
        assert_eq!((answer.header("etag"), answer.header("cache-control")), (&*tag, "public, max-age=300"));
        // RFC 9110 section 8.6: not 0, which is not the length of the document.
        assert!(status != 304 || (answer.body.is_empty() && !answer.headers.contains_key("content-length")));
    }
}

/// Returns whether the tests write what they otherwise compare: CONTRIBUTING.md.
fn is_written() -> bool {
    std::env::var_os("ACS_TOKENS_TEST_WRITE").is_some()
}

/// Returns each operation with its method and path.
fn operations() -> impl Iterator<Item = (String, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (method.to_uppercase(), &**path, operation))
    })
}

/// Returns what a reference refers to, or the value itself.
fn resolved(value: &'static Value) -> &'static Value {
    value["$ref"].as_str().map_or(value, |reference| DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap())
}

#[test]
fn the_document_has_every_function_and_no_other() {
    let documented: BTreeSet<_> = operations()
        .map(|(method, path, operation)| {
            let name = operation["operationId"].as_str().unwrap().trim_end_matches("-head");
            (name.to_owned(), method, path.to_owned(), operation["security"].to_string())
        })
        .collect();
    let functions: BTreeSet<_> = FUNCTIONS
        .iter()
        .flat_map(|function| {
            let security = match function.auth_level {
                AuthLevel::Function => json!([{ "functionKey": [] }, { "bearer": [] }]),
                AuthLevel::Bearer => json!([{ "bearer": [] }]),
                AuthLevel::Pass => json!([{ "guestPass": [] }]),
                AuthLevel::Anonymous => json!([]),
            };
            let (name, path) = (function.name.to_owned(), format!("/{}", function.route));
            function
                .methods
                .iter()
                .map(move |method| (name.clone(), (*method).to_owned(), path.clone(), security.to_string()))
        })
        .collect();
    assert_eq!(documented, functions);
    assert_eq!(DOCUMENT["servers"][0]["url"], format!("/{PREFIX}"));
}

/// The codes that belong to no operation: those of other paths and methods, and one that only the log has.
const OF_NO_OPERATION: [&str; 3] = ["not-found", "method-not-allowed", "host-not-forwarding"];

#[test]
fn the_document_has_every_problem_and_no_other() {
    let all = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.parts().code).collect();
    assert_eq!(*all, kinds);
    let of_operations: BTreeSet<String> =
        operations().flat_map(|(.., operation)| codes(operation)).map(|(_, code)| code).collect();
    let expected = kinds.iter().filter(|code| !OF_NO_OPERATION.contains(code)).map(|code| (*code).to_owned());
    assert_eq!(of_operations, expected.collect());
}

/// Returns the codes of an operation with their statuses. A response is named by its codes.
fn codes(operation: &'static Value) -> Vec<(u16, String)> {
    let responses = operation["responses"].as_object().unwrap().iter();
    responses
        .filter_map(|(status, response)| {
            let (_, names) = response["$ref"].as_str()?.rsplit_once('/')?;
            Some(names.split('.').map(|name| (status.parse().unwrap(), name.to_owned())))
        })
        .flatten()
        .collect()
}

/// Returns the operation that a request is for, if there is one.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.strip_prefix("/api")?;
    let fits = |pattern: &str| {
        let (pattern, path) = (pattern.split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern.zip(path).all(|(pattern, segment)| pattern.starts_with('{') || pattern == segment)
    };
    operations().find(|(other, pattern, _)| other == method && fits(pattern)).map(|(.., operation)| operation)
}

/// Asserts that the document has an answer of a function. Every test with an HTTP client calls it for each answer.
pub(crate) fn assert_documented(method: &str, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path).filter(|_| !is_written()) else { return };
    let Answer { status, body, .. } = answer;
    let problem = answer.header("content-type") == "application/problem+json";
    if problem && method != "HEAD" {
        let code = answer.problem()["code"].as_str().unwrap().to_owned();
        let documented = codes(operation);
        assert!(documented.contains(&(*status, code)), "{method} {path} answers {status} {body}: not in the document");
    } else if (200..300).contains(status) {
        let response = &operation["responses"][status.to_string()];
        assert!(response.is_object(), "{method} {path} answers {status}: not in the document");
    }
}
