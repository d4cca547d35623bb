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
        DIRECTORY_KEY, KEY, SignIn,
        guests::{END, FIRST_USE},
        is_refusal, state,
        table::{ALICES_TOKEN, Row, rows},
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
        ("USER_DIRECTORY_KEY", DIRECTORY_KEY),
    ])
    .await
}

/// Returns the request as an event of a REST API, which has each value of a header.
fn rest(row: &Row, sign_in: &SignIn<'_>, headers: &[(String, String)]) -> Value {
    let mut event = event("rest-create-identity");
    event["httpMethod"] = row.method.into();
    event["requestContext"]["httpMethod"] = row.method.into();
    event["path"] = decoded(&sign_in.fill(row.path)).into();
    for (name, value) in row.query.iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('=')) {
        event["queryStringParameters"][name] = sign_in.fill(value).into();
        event["multiValueQueryStringParameters"][name] = json!([sign_in.fill(value)]);
    }
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
fn http(row: &Row, sign_in: &SignIn<'_>, headers: &[(String, String)]) -> Value {
    let mut event = event("http-create-identity");
    event["requestContext"]["http"]["method"] = row.method.into();
    event["requestContext"]["http"]["path"] = decoded(&sign_in.fill(row.path)).into();
    event["rawPath"] = decoded(&sign_in.fill(row.path)).into();
    event["rawQueryString"] = row.query.map_or_else(String::new, |query| sign_in.fill(query)).into();
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

/// Returns all headers of a row.
async fn headers(sign_in: &SignIn<'_>, row: &Row) -> Vec<(String, String)> {
    let mut headers = sign_in.headers(&row.credential).await;
    headers.extend(row.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    headers
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
    let sign_in = SignIn::new(&api);
    for row in [FIRST_USE, END] {
        let headers = headers(&sign_in, &row).await;
        let answer = lambda.invoke("1", &http(&row, &sign_in, &headers)).await;
        assert_eq!(answer.status, row.status, "{answer:?}");
    }
    let headers_of_alice = headers(&sign_in, &alice).await;
    let first = lambda.invoke("1", &http(&alice, &sign_in, &headers_of_alice)).await;
    first.assert_ok(200);
    let mut failures = Vec::new();
    for row in rows() {
        let headers = headers(&sign_in, row).await;
        for (kind, event) in [("REST", rest(row, &sign_in, &headers)), ("HTTP", http(row, &sign_in, &headers))] {
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
    let last = lambda.invoke("1", &http(&alice, &sign_in, &headers_of_alice)).await;
    assert_eq!(last.json()["user"], first.json()["user"], "the user keeps the identity");
}
