//! The OpenAPI document, made from the table of functions, the types of bodies and answers, and the kinds of problems.
//!
//! `docs/openapi.json` is a snapshot, which a test compares. CONTRIBUTING.md says how to write it again.

mod answers;
mod operations;

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, json, ser::PrettyFormatter};
use utoipa::ToSchema;

use self::answers::problem_responses;
use super::super::{AuthLevel, FUNCTIONS, Function, PREFIX};
use crate::{
    auth::KEY_HEADER,
    problem::{Kind, Wire},
};

/// An object whose fields keep their order, so that the document reads like the table of functions.
struct Ordered(Vec<(String, Value)>);

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Document {
    openapi: &'static str,
    info: Value,
    servers: Value,
    tags: Value,
    paths: Ordered,
    components: Value,
}

/// The parts of the document that operations share, by name.
#[derive(Default)]
struct Components {
    schemas: BTreeMap<String, Value>,
    responses: BTreeMap<String, Value>,
}

impl Components {
    /// Adds the schema of a type, with those that it uses, and returns a reference to it.
    fn schema<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        for (name, schema) in schemas {
            self.schemas.entry(name).or_insert_with(|| {
                let mut schema = serde_json::to_value(schema).unwrap();
                join_lines(&mut schema);
                schema
            });
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}

/// Joins the lines of descriptions, which are those of comments.
fn join_lines(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => *text = text.replace('\n', " "),
                    _ => join_lines(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

const DESCRIPTION: &str = "Identities and access tokens for Azure Communication Services (ACS).\n\nErrors are problems \
     (RFC 9457): `code`, `status` and the pointers in `errors` are a contract, the texts are not. Other paths are answered \
     with 404 `not-found`, and other methods with 405 `method-not-allowed` and `Allow`. The Functions host \
     itself answers some requests with an empty body, such as 401 for a missing or wrong function key. Hosts and \
     proxies may add headers.";

/// Returns the examples: what the functions answered in `tests/it/openapi`.
fn examples() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openapi/examples.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn document() -> Document {
    let examples = examples();
    let mut components = Components::default();
    let mut paths: Vec<(String, Value)> = Vec::new();
    for function in &FUNCTIONS {
        let path = format!("/{}", function.route);
        for (i, method) in function.methods.iter().enumerate() {
            let operation = operation(function, i, &examples, &mut components);
            let at = paths.iter().position(|(other, _)| *other == path).unwrap_or_else(|| {
                paths.push((path.clone(), json!({})));
                paths.len() - 1
            });
            paths[at].1[method.to_lowercase()] = operation;
        }
    }
    components.schema::<Wire>();
    let codes: Vec<&str> = Kind::ALL.iter().map(|kind| kind.parts().code).collect();
    components.schemas.get_mut("Problem").unwrap()["properties"]["code"]["enum"] = json!(codes);
    Document {
        openapi: "3.1.0",
        info: json!({
            "title": "acs-tokens",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT", "identifier": "MIT" },
        }),
        servers: json!([{ "url": format!("/{PREFIX}"), "description": "The service that answered with this document." }]),
        tags: tags(),
        paths: Ordered(paths),
        components: json!({
            "schemas": components.schemas,
            "responses": components.responses,
            "headers": answers::headers(),
            "examples": problem_examples(&examples["problems"]),
            "securitySchemes": security_schemes(),
        }),
    }
}

/// Returns the operation of a function with its method number `i`.
fn operation(function: &Function, i: usize, examples: &Value, components: &mut Components) -> Value {
    let parts = operations::parts(function.name, components);
    let kinds = parts.kinds(function.auth_level);
    let problems = problem_responses(&kinds, &examples["problems"], &mut components.responses);
    let examples = &examples["functions"][function.name];
    let is_head = function.methods[i] == "HEAD";
    let mut responses: Map<String, Value> = parts.answers;
    for (name, response) in &mut responses {
        let answers = examples
            .as_array()
            .into_iter()
            .flatten()
            .filter(|example| example["status"] == json!(name.parse::<u16>().ok()));
        for example in answers.filter(|example| !example["answer"].is_null()) {
            response["content"]["application/json"]["examples"][example["name"].as_str().unwrap()] =
                json!({ "value": example["answer"] });
        }
    }
    responses.extend(problems);
    if is_head {
        for response in responses.values_mut() {
            if let Some(response) = response.as_object_mut() {
                response.remove("content");
            }
        }
    }
    let mut operation = json!({
        "operationId": if is_head { format!("{}-head", function.name) } else { function.name.to_owned() },
        "tags": [tag(function.auth_level)],
        "summary": function.summary,
        "description": parts.description,
        "security": security(function.auth_level),
        "responses": responses,
    });
    if !parts.parameters.is_empty() {
        operation["parameters"] = json!(parts.parameters);
    }
    if let Some(mut body) = parts.body {
        for example in examples.as_array().into_iter().flatten() {
            body["content"]["application/json"]["examples"][example["name"].as_str().unwrap()] =
                json!({ "value": example["request"] });
        }
        operation["requestBody"] = body;
    }
    operation
}

/// Returns a tag for each level, in the order of the functions.
fn tags() -> Value {
    let mut tags = Vec::new();
    for Function { auth_level, .. } in &FUNCTIONS {
        let tag = json!({ "name": tag(*auth_level), "description": tag_description(*auth_level) });
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.into()
}

fn tag(level: AuthLevel) -> &'static str {
    match level {
        AuthLevel::Function => "back ends",
        AuthLevel::Bearer => "users",
        AuthLevel::Pass => "guests",
        AuthLevel::Anonymous => "anyone",
    }
}

fn tag_description(level: AuthLevel) -> &'static str {
    match level {
        AuthLevel::Function => "For back ends, which may act on every identity of the ACS resource.",
        AuthLevel::Bearer => "For signed-in users. Each user reaches only their own identity.",
        AuthLevel::Pass => "For guests with the pass of an invitation.",
        AuthLevel::Anonymous => "Without authentication.",
    }
}

fn security(level: AuthLevel) -> Value {
    match level {
        AuthLevel::Function => json!([{ "functionKey": [] }, { "bearer": [] }]),
        AuthLevel::Bearer => json!([{ "bearer": [] }]),
        AuthLevel::Pass => json!([{ "guestPass": [] }]),
        AuthLevel::Anonymous => json!([]),
    }
}

fn security_schemes() -> Value {
    json!({
        "functionKey": {
            "type": "apiKey", "in": "header", "name": KEY_HEADER,
            "description": "A function key of the app on Azure, or a key of `CALLER_KEYS`. Keep it in the back end. \
                            Azure Functions also accepts `?code=`, but then keys end up in the logs of proxies.",
        },
        "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A token of an issuer in `OIDC_ISSUERS`: a signed-in user's for the functions under `me`, an \
                            application's with the role of back ends for those under `identities` and the like.",
        },
        "guestPass": {
            "type": "http", "scheme": "bearer",
            "description": "A pass of create-guest-pass.",
        },
    })
}

fn problem_examples(problems: &Value) -> Value {
    let problems = problems.as_object().unwrap().iter();
    problems.map(|(code, problem)| (code.clone(), json!({ "value": problem }))).collect::<Map<_, _>>().into()
}

#[test]
fn the_snapshot_is_up_to_date() {
    let mut text = Vec::new();
    // One space, because every program contains the document.
    let formatter = PrettyFormatter::with_indent(b" ");
    document().serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter)).unwrap();
    let document = String::from_utf8(text).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    if std::env::var_os("ACS_TOKENS_TEST_WRITE").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let snapshot = fs::read_to_string(path).unwrap();
    let line = document.lines().zip(snapshot.lines()).position(|(made, kept)| made != kept);
    assert!(
        document == snapshot,
        "docs/openapi.json differs from line {line:?} on; CONTRIBUTING.md says how to write it again"
    );
}
