//! Compares the table of functions with the files that the Functions host reads, both ways.

use std::{fs, path::Path};

use acs_tokens::{
    functions::{AuthLevel, FUNCTIONS, PREFIX},
    http::DEADLINE,
};
use serde_json::{Value, json};

fn read(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_function_has_a_function_json() {
    for function in &FUNCTIONS {
        let auth_level = match function.auth_level {
            // The host validates neither bearer tokens nor passes.
            AuthLevel::Anonymous | AuthLevel::Bearer | AuthLevel::Pass => "anonymous",
            AuthLevel::Function => "function",
        };
        let methods: Vec<String> = function.methods.iter().map(|method| method.to_ascii_lowercase()).collect();
        let expected = json!({
            "bindings": [
                {
                    "type": "httpTrigger",
                    "direction": "in",
                    "name": "req",
                    "authLevel": auth_level,
                    "methods": methods,
                    "route": function.route,
                },
                // With any other output the host would wrap the request instead of forwarding it.
                { "type": "http", "direction": "out", "name": "res" },
            ],
        });
        assert_eq!(read(&format!("functions/{}/function.json", function.name)), expected, "{}", function.name);
    }
}

#[test]
fn every_function_json_has_a_function() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(FUNCTIONS.iter().any(|function| function.name == name), "functions/{name} is not in the table");
    }
}

#[test]
fn the_host_forwards_requests_unchanged() {
    let host = read("host.json");
    assert_eq!(host["customHandler"]["description"]["defaultExecutablePath"], "handler");
    assert_eq!(host["customHandler"]["enableProxyingHttpRequest"], true);
    assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], true);
    assert_eq!(host["extensions"]["http"]["routePrefix"], PREFIX);
    assert_eq!(host.get("extensionBundle"), None, "the host would download a bundle at start-up");
}

#[test]
fn request_timeout_is_shorter_than_function_timeout() {
    // At its own timeout, the host kills the process and with it all open requests.
    let host = read("host.json");
    let span: jiff::civil::Time = host["functionTimeout"].as_str().unwrap().parse().unwrap();
    let seconds = u64::try_from(span.duration_since(jiff::civil::Time::midnight()).as_secs()).unwrap();
    assert!(DEADLINE.as_secs() + 5 <= seconds);
}
