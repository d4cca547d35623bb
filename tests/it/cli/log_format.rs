//! `LOG_FORMAT`, and log lines as text.

use serde_json::Value;

use crate::{
    harness::Api,
    process::{Running, cli, ready, run},
};

const WIDTH: usize = 120;

/// Starts `serve` with a format and returns it with its address.
async fn serve(connection_string: &str, format: &str) -> (Running, String) {
    let environment = [
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", connection_string),
        ("CALLER_KEYS", "web=a-key-of-the-web-site"),
        ("LOG_FORMAT", format),
    ];
    let mut running = Running::start(cli(&["serve", "--port", "0"], &environment));
    let lines = running.until(|line| line.contains("serving")).await;
    let last = lines.last().unwrap();
    let address = if let Ok(line) = serde_json::from_str::<Value>(last) {
        line["address"].as_str().unwrap().to_owned()
    } else {
        let text = last.split_once(" address=").unwrap().1;
        text.split_whitespace().next().unwrap().to_owned()
    };
    (running, format!("http://{address}"))
}

/// Sends a request that succeeds, one that is refused, and one that fails, each with its function and status.
async fn send(base: &str, api: &Api) -> [(&'static str, &'static str, &'static str); 3] {
    assert_eq!(ready(&format!("{base}/api/health")).await.status(), 200);
    let create = |key: &'static str| async move {
        let arguments = ["identity", "create", "--url", base];
        run(cli(&arguments, &[("FUNCTION_KEY", key)])).await.0
    };
    assert_eq!(create("a-wrong-key-of-a-caller").await, 1);
    let body = r#"{"error":{"code":"Denied","message":""}}"#;
    let fault = serde_json::json!({ "operation": "create-identity", "answer": { "status": 401, "body": body } });
    api.control("POST", "faults", Some(fault)).await;
    assert_eq!(create("a-key-of-the-web-site").await, 1);
    [("health", "200", ""), ("create-identity", "401", "unauthorized"), ("create-identity", "502", "misconfigured")]
}

#[tokio::test]
async fn text_fits_a_terminal_and_has_the_remedy() {
    let api = Api::direct().await;
    let (mut running, base) = serve(&api.connection_string(), "text").await;
    let expected = send(&base, &api).await;
    let lines = running.until(|line| line.contains("misconfigured")).await;
    let rest = running.until(|line| line.starts_with("    remedy: ")).await;
    let lines: Vec<String> = lines.into_iter().chain(rest).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:#?}");
    let requests: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words[0].parse::<jiff::Timestamp>().is_ok())
        .collect();
    assert_eq!(requests.len(), expected.len(), "{lines:#?}");
    for (words, (function, status, code)) in requests.iter().zip(expected) {
        let [_, level, name, written, duration, unit, rest @ ..] = &words[..] else { panic!("{words:?}") };
        assert_eq!((*name, *written, *unit), (function, status, "ms"));
        assert_eq!(*level, if status == "502" { "ERROR" } else { "INFO" });
        assert!(duration.parse::<f64>().is_ok(), "{words:?}");
        assert_eq!(rest.join(" "), code);
    }
    assert!(lines.iter().any(|line| line.starts_with("    likely cause: ")), "{lines:#?}");
}

#[tokio::test]
async fn json_starts_with_timestamp_level_and_message() {
    let api = Api::direct().await;
    let (mut running, base) = serve(&api.connection_string(), "json").await;
    send(&base, &api).await;
    for line in running.until(|line| line.contains("misconfigured")).await {
        let names: Vec<&str> = line.split('"').skip(1).step_by(4).take(3).collect();
        assert_eq!(names, ["timestamp", "level", "message"], "{line}");
        assert!(serde_json::from_str::<Value>(&line).unwrap().is_object());
    }
}

#[tokio::test]
async fn the_format_does_not_depend_on_other_settings() {
    for (format, start) in [("text", "20"), ("json", "{\"timestamp\"")] {
        let environment = [("LOG_FORMAT", format), ("OIDC_ISSUER", "misspelled")];
        let (code, stdout, stderr) = run(cli(&["serve"], &environment)).await;
        assert!(code == 1 && stderr.starts_with("error: invalid settings"), "{stderr}");
        assert!(stdout.starts_with(start) && stdout.contains("OIDC_ISSUER is not a setting"), "{stdout}");
    }
}

#[tokio::test]
async fn another_format_is_an_invalid_setting() {
    let environment = [("LOG_FORMAT", "xml")];
    for command in ["serve", "dev", "emulator"] {
        let (code, _, stderr) = run(cli(&[command, "--port", "0"], &environment)).await;
        assert!(code == 1 && stderr.contains("\n  LOG_FORMAT: must be `text` or `json`"), "{command}: {stderr}");
    }
}
