//! ENVELOPE: the host sends a JSON description of the request to `POST /{FunctionName}` and takes one of the answer
//! back: what a function gets whose host knows neither proxying nor forwarding, or that has other bindings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::gateway::{Call, Gateway};
use super::journal::Severity;
use super::wire::{self, Body};

/// Passes `call` on; every failure is a bare 500.
pub async fn pass(gateway: &Gateway, call: Call) -> Response<Body> {
    exchange(gateway, call).await.unwrap_or_else(|| wire::status(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn exchange(gateway: &Gateway, call: Call) -> Option<Response<Body>> {
    let description = Description::of(&call);
    let (function, id) = (call.function.clone(), call.id.to_string());
    let known = wire::content_length(call.request.headers()) > 0;
    let bytes = wire::collect(call.request.into_body()).await?;
    let envelope = description.envelope(&function.name, &function.request, known.then_some(&bytes[..]));
    let request = Request::post(format!("/{}", function.name))
        .header(HOST, format!("127.0.0.1:{}", gateway.port))
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header("x-azure-functions-hostversion", wire::HOST_VERSION)
        .header("x-azure-functions-invocationid", id)
        .header("user-agent", format!("Azure-Functions-Host/{}", wire::HOST_VERSION))
        .body(wire::full(envelope.to_string()))
        .ok()?;
    let response = wire::send(gateway.port, request).await.ok()?;
    let json = response.headers().get(CONTENT_TYPE)?.to_str().ok()?.contains("json");
    if !response.status().is_success() || !json {
        return None;
    }
    let answer: Value = serde_json::from_slice(&wire::collect(response.into_body()).await?).ok()?;
    for line in get(&answer, "Logs").and_then(Value::as_array).into_iter().flatten() {
        let category = format!("Function.{}.User", function.name);
        gateway.journal.log(Severity::Information, &category, line.as_str().unwrap_or_default());
    }
    let output = if function.response == "$return" {
        get(&answer, "ReturnValue")
    } else {
        get(&answer, "Outputs").and_then(|outputs| get(outputs, &function.response))
    };
    output.map_or_else(|| Some(wire::status(StatusCode::NO_CONTENT)), response_of)
}

/// The parts of a request that go into its envelope.
struct Description {
    url: String,
    method: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    parameters: Vec<(String, String)>,
}

impl Description {
    fn of(call: &Call) -> Self {
        let host = call.request.headers().get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
        Self {
            url: format!("http://{}{}{}", host.unwrap_or_default(), call.path, call.raw_query()),
            method: call.request.method().to_string(),
            query: wire::query(call.request.uri().query()),
            headers: call.request.headers().clone(),
            parameters: call.parameters.clone(),
        }
    }

    fn envelope(&self, function: &str, trigger: &str, body: Option<&[u8]>) -> Value {
        let lists =
            |name| self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into());
        let headers: Map<_, _> =
            self.headers.keys().map(|name| (name.to_string(), lists(name).collect::<Vec<Value>>().into())).collect();
        let mut request = json!({
            "Url": self.url, "Method": self.method, "Query": object(&self.query), "Headers": headers,
            "Identities": [{
                "AuthenticationType": null, "IsAuthenticated": false, "Actor": null, "BootstrapContext": null,
                "Claims": [], "Label": null, "Name": null,
                "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
                "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
            }],
        });
        if !self.parameters.is_empty() {
            request["Params"] = object(&self.parameters).into();
        }
        if let Some(body) = body {
            request["Body"] = self.body(body).into();
        }
        json!({ "Data": { trigger: request }, "Metadata": self.metadata(function, body) })
    }

    fn body(&self, body: &[u8]) -> String {
        let kind = self.headers.get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()));
        let binary = |kind: &str| kind.starts_with("application/octet-stream") || kind.starts_with("multipart/");
        if kind.is_some_and(|kind| binary(&kind)) {
            STANDARD.encode(body)
        } else {
            String::from_utf8_lossy(body).into_owned()
        }
    }

    /// Binding data: fields of a JSON body, then query keys but `code`, then route parameters, each over the former.
    fn metadata(&self, function: &str, body: Option<&[u8]>) -> Value {
        let mut metadata = Map::new();
        let mut add = |key: &str, value: Value| {
            metadata.retain(|known, _| !known.eq_ignore_ascii_case(key));
            metadata.insert(key.to_owned(), value);
        };
        if let Some(Ok(Value::Object(fields))) = body.map(serde_json::from_slice) {
            for (key, value) in fields {
                match value {
                    Value::Array(_) => {}
                    Value::Object(_) => add(&key, value),
                    Value::String(text) => add(&key, quoted(&text)),
                    scalar => add(&key, quoted(&scalar.to_string())),
                }
            }
        }
        let query = self.query.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("code"));
        for (key, value) in query.chain(&self.parameters) {
            add(key, quoted(value));
        }
        let shown = self.query.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("code")).cloned().collect::<Vec<_>>();
        let headers: Map<_, _> =
            self.headers.keys().map(|name| (name.to_string(), wire::joined(&self.headers, name).into())).collect();
        add("Query", object(&shown).into());
        add("Headers", headers.into());
        let (now, random) = (jiff::Timestamp::now().to_string(), uuid::Uuid::new_v4().to_string());
        add("sys", json!({ "MethodName": function, "UtcNow": now, "RandGuid": random }));
        metadata.into()
    }
}

/// A string as the host puts it into metadata: serialised, and so in quotes inside its quotes.
fn quoted(text: &str) -> Value {
    Value::String(Value::from(text).to_string())
}

fn object(pairs: &[(String, String)]) -> Map<String, Value> {
    pairs.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}

/// A field by its name in any case.
fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The HTTP answer that an http output describes.
fn response_of(output: &Value) -> Option<Response<Body>> {
    let code = match get(output, "statusCode").or_else(|| get(output, "status")) {
        Some(Value::Number(number)) => u16::try_from(number.as_u64()?).ok()?,
        Some(Value::String(text)) if !text.is_empty() => text.parse().ok()?,
        _ => 200,
    };
    let mut response = Response::builder().status(code);
    for (name, value) in get(output, "headers").and_then(Value::as_object).into_iter().flatten() {
        response = response.header(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let body = match get(output, "body") {
        None | Some(Value::Null) => wire::empty(),
        Some(Value::String(text)) => wire::full(text.clone()),
        Some(value) => {
            if response.headers_ref().is_some_and(|headers| !headers.contains_key(CONTENT_TYPE)) {
                response = response.header(CONTENT_TYPE, "application/json; charset=utf-8");
            }
            wire::full(value.to_string())
        }
    };
    response.body(body).ok()
}
