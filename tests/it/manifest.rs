//! The table of functions against the files that the Functions host reads, both ways.

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
fn every_function_has_its_manifest() {
    for function in &FUNCTIONS {
        let auth_level = match function.auth_level {
            // The host knows no people.
            AuthLevel::Anonymous | AuthLevel::Bearer => "anonymous",
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
                // With any other output the host would wrap the request instead of passing it on.
                { "type": "http", "direction": "out", "name": "res" },
            ],
        });
        assert_eq!(read(&format!("functions/{}/function.json", function.name)), expected, "{}", function.name);
    }
}

#[test]
fn every_manifest_has_its_function() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(FUNCTIONS.iter().any(|function| function.name == name), "functions/{name} is not in the table");
    }
}

#[test]
fn the_host_is_told_to_pass_requests_on() {
    let host = read("host.json");
    assert_eq!(host["customHandler"]["description"]["defaultExecutablePath"], "handler");
    assert_eq!(host["customHandler"]["enableProxyingHttpRequest"], true);
    assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], true);
    assert_eq!(host["extensions"]["http"]["routePrefix"], PREFIX);
    assert_eq!(host.get("extensionBundle"), None, "a bundle would have to be downloaded");
}

#[test]
fn our_deadline_comes_before_the_hosts() {
    // At its own the host kills the process, and with it everybody else's request.
    let host = read("host.json");
    let span: jiff::civil::Time = host["functionTimeout"].as_str().unwrap().parse().unwrap();
    let seconds = u64::try_from(span.duration_since(jiff::civil::Time::midnight()).as_secs()).unwrap();
    assert!(DEADLINE.as_secs() + 5 <= seconds);
}
