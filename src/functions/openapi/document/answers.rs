//! The responses of the document: those of successes, and one for each set of problems with the same status.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::problem::Kind;

/// Returns the headers of responses that are described once.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value| json!({ "description": description, "schema": schema });
    let text = json!({ "type": "string" });
    let mut id = header("The id of the request in the log of this service.", text.clone());
    id["required"] = true.into();
    let wait = json!({ "type": "integer", "minimum": 1 });
    let mut retry_after = header("The seconds to wait.", wait.clone());
    retry_after["required"] = true.into();
    json!({
        "x-request-id": id,
        "Retry-After": retry_after,
        "Maybe-Retry-After": header("The seconds to wait, if they are known.", wait),
        "WWW-Authenticate": header("The accepted credentials, or the reason for which a token is refused (RFC 6750).", text.clone()),
        "ETag": header("The version of the document.", text.clone()),
        "Location": header("The identity, relative to the URL of the request.", text),
    })
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// Returns a response without a body.
pub(super) fn empty(description: &str) -> Value {
    json!({ "description": description, "headers": { "x-request-id": header("x-request-id") } })
}

/// Returns a response with a JSON body of this schema.
pub(super) fn json(description: &str, schema: &Value) -> Value {
    let mut response = empty(description);
    response["content"] = json!({ "application/json": { "schema": schema } });
    response
}

/// Adds a header to a response.
pub(super) fn with_header(mut response: Value, name: &str) -> Value {
    response["headers"][name] = header(name);
    response
}

/// Returns the responses with problems, by status, as references. Adds them to `responses`.
pub(super) fn problem_responses(
    kinds: &[Kind],
    examples: &Value,
    responses: &mut BTreeMap<String, Value>,
) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in Kind::ALL.iter().filter(|kind| kinds.contains(kind)) {
        by_status.entry(kind.parts().status.as_u16()).or_default().push(*kind);
    }
    let reference = |(status, kinds): (u16, Vec<Kind>)| {
        let codes: Vec<&str> = kinds.iter().map(|kind| kind.parts().code).collect();
        let name = codes.join(".");
        responses.entry(name.clone()).or_insert_with(|| problem_response(status, &kinds, examples));
        (status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }))
    };
    by_status.into_iter().map(reference).collect()
}

fn problem_response(status: u16, kinds: &[Kind], examples: &Value) -> Value {
    let line = |kind: &Kind| format!("`{}`: {}.", kind.parts().code, kind.parts().title);
    let mut response = empty(&kinds.iter().map(line).collect::<Vec<_>>().join("\n\n"));
    let example = |kind: &Kind| {
        let code = kind.parts().code;
        let reference = json!({ "$ref": format!("#/components/examples/{code}") });
        examples.get(code).map(|_| (code.to_owned(), reference))
    };
    let examples: Map<String, Value> = kinds.iter().filter_map(example).collect();
    response["content"] = json!({
        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples },
    });
    match status {
        401 => with_header(response, "WWW-Authenticate"),
        // rate-limited and throttled always have it.
        429 => with_header(response, "Retry-After"),
        503 => {
            response["headers"]["Retry-After"] = header("Maybe-Retry-After");
            response
        }
        _ => response,
    }
}
