//! `acs-tokens emulator` and `health`: addresses, names, certificates, and what is printed.

use std::fs;

use acs_identity::http::client_builder;
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command};

use crate::{
    harness::Api,
    process::{Running, cli, free_port, run},
};

/// A running emulator and the lines that it printed at start-up.
struct Started {
    _running: Running,
    lines: Vec<String>,
}

impl Started {
    async fn with(arguments: &[&str]) -> Self {
        let all = [&["emulator", "--port", "0", "--https-port", "0"], arguments].concat();
        let mut running = Running::start(cli(&all, &[]));
        let lines = running.until(|line| line.ends_with("Ctrl+C stops it.")).await;
        Self { _running: running, lines }
    }

    /// Returns the addresses over http and https.
    fn addresses(&self) -> (&str, &str) {
        self.rest("Emulator of ACS ").split_once("  ").unwrap()
    }

    /// Returns the rest of the line with this start.
    fn rest(&self, start: &str) -> &str {
        self.lines.iter().find_map(|line| line.strip_prefix(start)).unwrap().trim()
    }

    /// Asks for its health over https, with the certificate in its output.
    async fn health_of(&self, host: &str) -> (i32, String, String) {
        let port = self.addresses().1.rsplit_once(':').unwrap().1;
        let environment = [("SSL_CERT_FILE", self.rest("Its certificate"))];
        run(cli(&["health", "--url", &format!("https://{host}:{port}")], &environment)).await
    }
}

#[cfg(target_os = "linux")] // where all of 127.0.0.0/8 is this machine
#[tokio::test]
async fn the_emulator_is_reached_at_the_names_of_its_options() {
    let emulator = Started::with(&["--host", "0.0.0.0", "--name", "127.0.0.2", "--name", "emulator"]).await;
    let (http, https) = emulator.addresses();
    assert!(http.starts_with("http://127.0.0.1:") && https.starts_with("https://127.0.0.1:"));
    let port = https.rsplit_once(':').unwrap().1;
    let strings: Vec<&str> = emulator.lines.iter().filter_map(|line| line.strip_prefix("endpoint=")).collect();
    let ends: Vec<&str> = strings.iter().map(|string| string.split_once("/;accesskey=").unwrap().0).collect();
    let named = [format!("https://127.0.0.2:{port}"), format!("https://emulator:{port}")];
    assert_eq!(ends, [https, http, &named[0], &named[1]]);

    for host in ["127.0.0.1", "127.0.0.2", "localhost"] {
        let expected = format!("https://{host}:{port}/api/health: alive\n");
        assert_eq!(emulator.health_of(host).await, (0, expected, String::new()));
    }
    // The certificate has no such name.
    let (code, _, stderr) = emulator.health_of("127.0.0.3").await;
    assert!(code == 1 && stderr.contains("certificate"), "{stderr}");

    let client = client_builder().no_proxy().build().unwrap();
    for (host, status) in [("emulator", 200), ("127.0.0.2:1", 200), ("127.0.0.3", 403), ("attacker.example", 403)] {
        let answer = client.get(format!("{http}/_emulator/state")).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
}

#[tokio::test]
async fn the_printed_variables_can_be_pasted() {
    let emulator = Started::with(&[]).await;
    let certificate = emulator.rest("Its certificate");
    let exports: Vec<&str> = emulator.lines.iter().map(String::as_str).filter(|l| l.starts_with("export ")).collect();
    let script = format!("{}\nprintf '%s %s' \"$REQUESTS_CA_BUNDLE\" \"$NODE_EXTRA_CA_CERTS\"", exports.join("\n"));
    let output = Command::new("sh").args(["-e", "-c", &script]).output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{certificate} {certificate}"));
    assert!(fs::read_to_string(certificate).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}

#[tokio::test]
async fn a_certificate_from_files_is_used() {
    let folder = TempDir::new().unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let generated = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&cert, generated.cert.pem()).unwrap();
    fs::write(&key, generated.signing_key.serialize_pem()).unwrap();
    let emulator = Started::with(&["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()]).await;
    assert_eq!(emulator.rest("Its certificate"), cert.to_str().unwrap());
    assert_eq!(emulator.health_of("localhost").await.0, 0);
    assert_eq!(emulator.health_of("127.0.0.1").await.0, 1);
}

#[tokio::test]
async fn invalid_names_and_networks_are_errors() {
    for (arguments, expected) in [
        (["--name", "http://emulator"], "not a host name or an IP address; write it without scheme and port"),
        (["--name", "emulator:7072"], "not a host name or an IP address"),
        (["--name", ""], "not a host name or an IP address"),
        (["--control-from", "containers"], "not an IP address or a network; write it as 172.17.0.1 or 172.16.0.0/12"),
        (["--host", "emulator"], "invalid IP address syntax"),
    ] {
        let (code, stdout, stderr) = run(cli(&[&["emulator"], &arguments[..]].concat(), &[])).await;
        assert_eq!((code, &*stdout), (2, ""));
        assert!(stderr.contains(expected), "{stderr}");
    }
    let (code, _, stderr) =
        run(cli(&["emulator", "--port", "0", "--https-port", "0"], &[("TMPDIR", "/nowhere")])).await;
    assert_eq!(code, 1);
    assert!(
        stderr.contains("set TMPDIR to a writable folder, or choose a certificate with --cert and --key"),
        "{stderr}"
    );
}

/// Serves a page at each path, as a wrong address may do.
async fn page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(async || "<html></html>");
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

#[tokio::test]
async fn health_prints_one_line_and_its_exit_code_tells_the_result() {
    let api = Api::direct().await;
    let environment = [
        ("COMMUNICATION_SERVICES_CONNECTION_STRING", &*api.connection_string()),
        ("ALLOW_ANONYMOUS", "true"),
        ("PORT", "0"),
    ];
    let mut running = Running::start(cli(&["serve"], &environment));
    let lines = running.until(|line| line.contains(r#""message":"serving""#)).await;
    let log: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    let functions = format!("http://{}", log["address"].as_str().unwrap());
    let emulator = Started::with(&[]).await;
    let http = emulator.addresses().0;
    let page = page().await;
    let nobody = format!("http://{}", free_port().await);
    for (arguments, code, expected) in [
        (vec![&*functions], 0, format!("{functions}/api/health: alive\n")),
        (vec![&*functions, "--ready"], 0, format!("{functions}/api/health?ready: ready\n")),
        (vec![http], 0, format!("{http}/api/health: alive\n")),
        (vec![http, "--ready"], 0, format!("{http}/api/health?ready: ready\n")),
        (vec![&*page], 1, format!("error: {page}/api/health answers 200 OK; compare --url with ")),
        (vec![&*nobody], 1, format!("error: {nobody}/api/health: ")),
    ] {
        let (found, stdout, stderr) = run(cli(&[&["health", "--url"], &arguments[..]].concat(), &[])).await;
        assert_eq!(found, code, "{arguments:?}: {stderr}");
        let (line, other) = if code == 0 { (stdout, stderr) } else { (stderr, stdout) };
        assert!(line.starts_with(&expected) && line.lines().count() == 1 && other.is_empty(), "{line}");
    }

    api.control("POST", "faults", Some(serde_json::json!({"times": 9, "answer": {"status": 500}}))).await;
    let broken = [environment[0], environment[1], environment[2]];
    let mut running = Running::start(cli(&["serve"], &broken));
    let lines = running.until(|line| line.contains(r#""message":"serving""#)).await;
    let log: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    let url = format!("http://{}", log["address"].as_str().unwrap());
    let (code, stdout, stderr) = run(cli(&["health", "--url", &url, "--ready"], &[])).await;
    assert_eq!((code, &*stdout), (1, ""));
    let expected = format!("error: {url}/api/health?ready answers 503 Service Unavailable: ACS did not accept");
    assert!(stderr.starts_with(&expected) && stderr.lines().count() == 1, "{stderr}");
}
