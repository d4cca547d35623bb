//! The functions accept what the document allows, and refuse what it does not: each field and each bound.

use acs_tokens::functions::FUNCTIONS;
use serde_json::{Value, json};

use super::{operations, resolved};
use crate::harness::{
    Answer, Api, FOREIGN_ID,
    users::{CLIENT, TENANT},
};

/// Returns values at the bounds of a schema, and whether it allows them.
fn values(schema: &Value) -> Vec<(Value, bool)> {
    let mut values = vec![(Value::Null, false), (json!({}), false), (json!(true), false)];
    match schema["type"].as_str().unwrap() {
        "integer" => {
            let (min, max) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
            values.extend([min, max].map(|valid| (json!(valid), true)));
            values.extend(
                [json!(min - 1), json!(max + 1), json!(-min), json!(min.to_string())].map(|value| (value, false)),
            );
            values.extend([(json!(60.5), false), (json!(60.0), true), (json!(1e300), false)]);
        }
        "array" => {
            let names = schema["items"]["enum"].as_array().unwrap();
            assert_eq!((&schema["minItems"], &schema["uniqueItems"]), (&json!(1), &json!(true)));
            values.push((json!(names), true));
            values.extend(names.iter().flat_map(|name| [(json!([name]), true), (json!([name, name]), false)]));
            let upper = names[0].as_str().unwrap().to_uppercase();
            values.extend(
                [json!([]), json!(["admin"]), json!([upper]), json!([7]), json!("chat")].map(|value| (value, false)),
            );
        }
        "string" if schema["format"] == "uuid" => {
            let other_forms =
                [CLIENT.replace('-', ""), format!("{{{CLIENT}}}"), format!("{CLIENT} "), CLIENT.replace('c', "g")];
            values.extend(other_forms.map(|guid| (json!(guid), false)));
            values.extend([json!(""), json!(7)].map(|value| (value, false)));
            values.extend([json!(CLIENT), json!(CLIENT.to_uppercase())].map(|value| (value, true)));
        }
        "string" => {
            let min = usize::try_from(schema["minLength"].as_u64().unwrap()).unwrap();
            values.extend([(json!("a".repeat(min - 1)), false), (json!(7), false), (json!("a".repeat(min)), true)]);
            if let Some(max) = schema["maxLength"].as_u64() {
                let max = usize::try_from(max).unwrap();
                values.extend([(json!("a".repeat(max)), true), (json!("a".repeat(max + 1)), false)]);
            }
            // A pattern is that of ASCII characters.
            values.push((json!("é \u{1f600}".repeat(min)), schema["pattern"].is_null()));
        }
        other => panic!("no values of the type {other}"),
    }
    values
}

/// A function that takes a body.
struct Called<'a> {
    api: &'a Api,
    user: &'a str,
    path: String,
}

impl Called<'_> {
    /// Returns the errors of invalid fields in a body: the pointers and the texts.
    async fn errors(&self, body: &Value) -> Vec<[String; 2]> {
        let answer = self.api.post_of(self.user, &self.path, &body.to_string()).await;
        if answer.status < 300 {
            return Vec::new();
        }
        let problem = answer.problem();
        let errors = problem["errors"].as_array().filter(|_| problem["code"] == "invalid-fields");
        let error = |error: &Value| ["pointer", "detail"].map(|name| error[name].as_str().unwrap().to_owned());
        errors.into_iter().flatten().map(error).collect()
    }

    /// Returns the pointers of invalid fields in a body.
    async fn invalid(&self, body: &Value) -> Vec<String> {
        self.errors(body).await.into_iter().map(|[pointer, _]| pointer).collect()
    }

    /// Asserts that the function agrees with the schema of an object. `base` is a valid body with all fields.
    async fn assert_agrees(&self, schema: &'static Value, base: &Value) {
        let path = &self.path;
        assert_eq!(schema["additionalProperties"], false, "{path}");
        assert_eq!(self.invalid(base).await, [""; 0], "{path} refuses {base}");
        let properties = schema["properties"].as_object().unwrap();
        let with = |name: &str, value: Value| {
            let mut body = base.clone();
            body[name] = value;
            body
        };
        let errors = self.errors(&with("more", json!(1))).await;
        let [[pointer, detail]] = &errors[..] else { panic!("{path}: {errors:?}") };
        let mut known: Vec<&str> = detail.rsplit(" are ").next().unwrap().trim_end_matches('.').split(", ").collect();
        known.sort_unstable();
        assert_eq!((&**pointer, known), ("/more", properties.keys().map(String::as_str).collect()), "{path}");
        for (name, property) in properties {
            // A user of an issuer that is not trusted is refused, too.
            let names_issuer = name == "issuer" || name == "tenantId";
            for (value, allowed) in values(resolved(property)) {
                let invalid = self.invalid(&with(name, value.clone())).await;
                let is_named = invalid.iter().any(|pointer| pointer.split('/').nth(1) == Some(name));
                assert!(is_named != allowed || allowed && names_issuer, "{path}: {name} {value}: {invalid:?}");
            }
            let mut without = base.clone();
            without.as_object_mut().unwrap().remove(name);
            let is_required = schema["required"].as_array().is_some_and(|required| required.contains(&json!(name)));
            let dependent = schema["dependentRequired"].as_object().into_iter().flatten();
            let mut missed: Vec<String> = dependent
                .filter(|(_, needed)| **needed == json!([name]))
                .map(|(dependent, _)| format!("/{dependent}"))
                .collect();
            missed.extend(is_required.then(|| format!("/{name}")));
            assert_eq!(self.invalid(&without).await, missed, "{path} without {name}");
        }
    }
}

#[tokio::test]
async fn functions_agree_with_the_schemas_of_their_bodies() {
    let api = Api::direct_with_users().await;
    let claims = json!({ "tid": TENANT, "oid": CLIENT, "sub": "x", "azp": CLIENT, "scp": "access_as_user" });
    let user = &api.sign_in_by_entra(claims).await;
    let pass = api.post("/api/guests", "{}").await.json();
    let pass = &format!("Bearer {}", pass["pass"].as_str().unwrap());
    let mut functions = 0;
    for (_, path, operation) in operations().filter(|(.., operation)| operation["requestBody"].is_object()) {
        let user = if operation["security"] == json!([{ "guestPass": [] }]) { pass } else { user };
        let called = Called { api: &api, user, path: format!("/api{}", path.replace("{id}", FOREIGN_ID)) };
        let body = &operation["requestBody"];
        let content = &body["content"]["application/json"];
        let examples = content["examples"].as_object().unwrap().values().map(|example| &example["value"]);
        let schema = resolved(&content["schema"]);
        for schema in schema["oneOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice) {
            let names = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            let has_all = |example: &&Value| names(example) == names(&schema["properties"]);
            let base = examples.clone().find(has_all);
            let mut base = base.unwrap_or_else(|| panic!("{path} has no example with all fields")).clone();
            if base["issuer"].is_string() {
                base["issuer"] = json!(api.issuer());
            }
            called.assert_agrees(schema, &base).await;
        }
        let without_body = Answer::of(api.of(user, "POST", &called.path)).await;
        let is_empty = without_body.status == 400 && without_body.problem()["code"] == "empty-body";
        assert_eq!(json!(is_empty), body["required"], "{path}");
        functions += 1;
    }
    assert_eq!(functions, FUNCTIONS.iter().filter(|function| function.methods == ["POST"]).count());
}
