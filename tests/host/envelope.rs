//! ENVELOPE: the host posts a JSON description of the request to `/{FunctionName}`. A host does so that knows neither
//! proxying nor forwarding. Our handler refuses the envelope, so the stand-in does not read answers to it.

use hyper::{Request, Response, StatusCode, header::CONTENT_TYPE, header::HOST};
use serde_json::json;

use super::{
    gateway::{Call, Gateway},
    wire::{self, Body},
};

/// Passes `call` on. Every answer that is not a success is a bare 500, as on the real host.
pub async fn pass(gateway: &Gateway, call: Call) -> Response<Body> {
    let failed = || wire::status(StatusCode::INTERNAL_SERVER_ERROR);
    let (method, path, name, id) = (call.request.method().to_string(), call.path, call.function.name, call.id);
    let Some(body) = wire::collect(call.request.into_body()).await else { return failed() };
    let request = json!({ "Url": path, "Method": method, "Body": String::from_utf8_lossy(&body) });
    let envelope = json!({ "Data": { "req": request }, "Metadata": { "sys": { "MethodName": name } } });
    let request = Request::post(format!("/{name}"))
        .header(HOST, format!("127.0.0.1:{}", gateway.port))
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header("x-azure-functions-invocationid", id.to_string())
        .body(wire::full(envelope.to_string()));
    let Ok(request) = request else { return failed() };
    match wire::send(gateway.port, request).await {
        Ok(response) if response.status().is_success() => wire::status(StatusCode::NOT_IMPLEMENTED),
        _ => failed(),
    }
}
