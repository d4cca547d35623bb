//! The table of hostile requests as events of a REST API and of an HTTP API.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{event, runtime_api::Lambda};
use crate::{
    harness::{
        Api,
        users::{AUDIENCE, CLIENT, TENANT},
    },
    hostile::{
        KEY, SignIn, is_refusal, state,
        table::{ALICES_TOKEN, ROWS, Row},
    },
};

/// Starts `bootstrap` with the emulator, the issuer and the key of the table.
async fn lambda(api: &Api) -> Lambda {
    let issuer = format!("{}/oidc", api.control_url());
    Lambda::start(&[
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", &api.connection_string()),
        ("OIDC_ISSUERS", &format!("{issuer},{issuer}/{{tenantid}}/v2.0")),
        ("OIDC_TENANTS", TENANT),
        ("OIDC_AUDIENCES", &format!("{AUDIENCE},{CLIENT}")),
        ("CALLER_KEYS", &format!("web={KEY}")),
        ("USER_DIRECTORY", "memory:"),
    ])
    .await
}

/// Returns the request as an event of a REST API, which has each value of a header.
fn rest(row: &Row, headers: &[(String, String)]) -> Value {
    let mut event = event("rest-create-identity");
    event["httpMethod"] = row.method.into();
    event["requestContext"]["httpMethod"] = row.method.into();
    event["path"] = decoded(row.path).into();
    let (mut last, mut all) = (Map::new(), Map::<String, Value>::new());
    last.insert("Host".to_owned(), event["headers"]["Host"].take());
    all.insert("Host".to_owned(), event["multiValueHeaders"]["Host"].take());
    for (name, value) in headers {
        last.insert(name.clone(), value.clone().into());
        let values = all.entry(name.clone()).or_insert_with(|| json!([]));
        values.as_array_mut().unwrap().push(value.clone().into());
    }
    event["headers"] = last.into();
    event["multiValueHeaders"] = all.into();
    event["body"] = row.body.map_or(Value::Null, Into::into);
    event
}

/// Returns the request as an event of an HTTP API, which joins the values of a header with commas.
fn http(row: &Row, headers: &[(String, String)]) -> Value {
    let mut event = event("http-create-identity");
    event["requestContext"]["http"]["method"] = row.method.into();
    event["requestContext"]["http"]["path"] = decoded(row.path).into();
    event["rawPath"] = decoded(row.path).into();
    let mut joined = Map::new();
    joined.insert("host".to_owned(), event["headers"]["host"].take());
    for (name, value) in headers {
        let before = joined.get(name).and_then(Value::as_str).map(|before| format!("{before},"));
        joined.insert(name.clone(), (before.unwrap_or_default() + value).into());
    }
    event["headers"] = joined.into();
    event["body"] = row.body.map_or(Value::Null, Into::into);
    event
}

/// API Gateway decodes the path.
fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn rows_are_refused() {
    let api = Api::direct_with_users().await;
    let mut lambda = lambda(&api).await;
    // A user whose identity must stay as it is.
    let alice = ALICES_TOKEN;
    let headers = SignIn(&api).headers(&alice.credential).await;
    let first = lambda.invoke("1", &http(&alice, &headers)).await;
    first.assert_ok(200);
    let mut failures = Vec::new();
    for row in ROWS {
        let mut headers = SignIn(&api).headers(&row.credential).await;
        headers.extend(row.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        for (kind, event) in [("REST", rest(row, &headers)), ("HTTP", http(row, &headers))] {
            if let Some(fault) = row.fault {
                api.control("POST", "faults", Some(serde_json::from_str(fault).unwrap())).await;
            }
            let before = state(&api).await;
            let answer = lambda.invoke("1", &event).await;
            let after = state(&api).await;
            if !is_refusal(&answer, row.status, row.code)
                || after.0 != before.0
                || row.fault.is_none() && after.1 != before.1
            {
                failures.push(format!("{kind}, {}: {answer:?}", row.name));
            }
            api.control("DELETE", "faults", None).await;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let last = lambda.invoke("1", &http(&alice, &headers)).await;
    assert_eq!(last.json()["user"], first.json()["user"], "the user keeps the identity");
}
