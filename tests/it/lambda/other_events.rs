//! Events that are not HTTP, and events that AWS documents.

use serde_json::{Value, json};

use super::{CALLER_KEYS, event, lambda};

/// Payloads that are not HTTP, and how the log describes them.
fn others() -> Vec<(String, &'static str)> {
    let mut deep = "[".repeat(200);
    deep.push_str(&"]".repeat(200));
    let mut authorizer = event("rest-create-identity");
    authorizer["type"] = "REQUEST".into();
    authorizer["methodArn"] =
        "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod/POST/api/identities".into();
    let mut authorizer_2 = event("http-create-identity");
    authorizer_2["routeArn"] = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/$default".into();
    let mut method = event("http-create-identity");
    method["requestContext"]["http"]["method"] = "PO ST".into();
    let schedule = json!({ "version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {} });
    let connect = json!({ "headers": {}, "requestContext": { "routeKey": "$connect", "connectionId": "a" } });
    let values = [
        (json!({}), "an empty event"),
        (schedule, "an event of aws.events"),
        (json!({ "source": "serverless-plugin-warmup" }), "an event of serverless-plugin-warmup"),
        (json!({ "source": "a secret\n" }), "an event that is not HTTP"),
        (json!({ "Records": [{ "eventSource": "aws:sqs", "body": "{}" }] }), "an event of aws:sqs"),
        (json!({ "Records": [{ "EventSource": "aws:sns", "Sns": {} }] }), "an event of aws:sns"),
        (json!({ "Records": [{ "cf": {} }] }), "an event that is not HTTP"),
        (connect, "an event that is not HTTP"),
        (json!({ "httpMethod": "GET" }), "an event that is not HTTP"),
        (json!("ping"), "a payload that is not a JSON object"),
        (json!([]), "a payload that is not a JSON object"),
        (Value::Null, "a payload that is not a JSON object"),
        (authorizer, "an event that is not HTTP"),
        (authorizer_2, "an event that is not HTTP"),
        (method, "an event that is not HTTP"),
    ];
    let mut others: Vec<_> = values.into_iter().map(|(value, text)| (value.to_string(), text)).collect();
    for payload in ["not JSON", "", "{\"a\":1e999}", &deep] {
        others.push((payload.to_owned(), "a payload that is not a JSON object"));
    }
    others
}

#[tokio::test]
async fn event_that_is_not_http_is_one_warning() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    let others = others();
    for (payload, _) in &others {
        assert_eq!(lambda.invoke_raw("the-id", payload).await, Value::Null, "{payload}");
    }
    let log = lambda.log().await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<&Value> = lines.iter().filter(|line| line["level"] != "INFO").collect();
    assert_eq!(lines.len(), others.len(), "{log}");
    for (line, (payload, text)) in lines.into_iter().zip(others) {
        assert_eq!((&line["level"], &line["request_id"]), (&"WARN".into(), &"the-id".into()), "{line}");
        let message = line["message"].as_str().unwrap();
        let rest = message.strip_prefix(&format!("ignored {text}: ")).unwrap_or_else(|| panic!("{payload}: {message}"));
        assert!(rest.starts_with("expected an HTTP request") && rest.contains("/api/health"), "{message}");
    }
}

/// The event that docs/aws.md shows for a schedule.
#[tokio::test]
async fn documented_event_keeps_an_instance_warm() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/aws.md")).unwrap();
    let (_, event) = docs.split_once("```json\n").unwrap();
    let event: Value = serde_json::from_str(event.split_once("```").unwrap().0).unwrap();
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    lambda.invoke("1", &event).await.assert_ok(200);
    let log = lambda.log().await;
    assert!(!log.contains("WARN") && log.contains(r#""function":"health""#), "{log}");
}

/// The example in <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>. Its host name is a placeholder.
#[tokio::test]
async fn example_of_aws_is_answered() {
    let mut lambda = lambda(&[CALLER_KEYS]).await;
    let mut example = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1", "cookie2"],
        "headers": { "header1": "value1", "header2": "value1,value2" },
        "queryStringParameters": { "parameter1": "value1,value2", "parameter2": "value" },
        "requestContext": {
            "accountId": "123456789012", "apiId": "<urlid>", "authentication": null,
            "authorizer": { "iam": { "accessKey": "AKIA...", "accountId": "111122223333" } },
            "domainName": "<url-id>.lambda-url.us-west-2.on.aws", "domainPrefix": "<url-id>",
            "http": {
                "method": "POST", "path": "/my/path", "protocol": "HTTP/1.1", "sourceIp": "123.123.123.123",
                "userAgent": "agent",
            },
            "requestId": "id", "routeKey": "$default", "stage": "$default", "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64,
        },
        "body": "Hello from client!", "pathParameters": null, "isBase64Encoded": false, "stageVariables": null,
    });
    lambda.invoke("1", &example).await.assert_code(404, "not-found", &[]);
    example["isBase64Encoded"] = true.into();
    lambda.invoke("2", &example).await.assert_code(400, "invalid-event", &[]);
}
