//! Any text as a connection string: no error repeats a part of it, and an accepted one has one endpoint and one key.

#![no_main]

use acs_identity::{
    ConnectionString, ConnectionStringFault as Fault, Endpoint, InvalidEndpoint, signature::InvalidAccessKey,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<ConnectionString>() {
        Ok(parsed) => check_accepted(text, &parsed),
        Err(error) => {
            assert!(!error.0.is_empty(), "an error without a fault");
            error.0.into_iter().for_each(check_fault);
        }
    }
});

fn check_accepted(text: &str, parsed: &ConnectionString) {
    let ConnectionString { endpoint, access_key } = parsed;
    let reparsed: Endpoint = endpoint.to_string().parse().expect("a displayed endpoint parses");
    assert_eq!(&reparsed, endpoint);
    let url = endpoint.url();
    assert!(url.scheme() == "https" || is_loopback(url.host_str().unwrap()), "{url} is plain http");
    assert_eq!(
        url.as_str(),
        format!("{}://{}/", url.scheme(), endpoint.host()),
        "the URL has more than a host and a port"
    );
    assert_eq!(
        format!("{parsed:?}"),
        format!("ConnectionString {{ endpoint: Endpoint({url}), access_key: AccessKey(..) }}"),
        "Debug shows the key"
    );

    // Finds the key without the parser, and parses it again in both orders.
    let key = text.split(';').find_map(|part| {
        let (name, value) = part.split_at_checked(part.find('=')?)?;
        name.trim().eq_ignore_ascii_case("accesskey").then(|| value[1..].trim())
    });
    for text in [
        format!("endpoint={endpoint};accesskey={}", key.unwrap()),
        format!(" ACCESSKEY = {} ;\tEndPoint= {endpoint};\n", key.unwrap()),
    ] {
        let same: ConnectionString = text.parse().expect("the same parts are accepted again");
        assert_eq!(&same.endpoint, endpoint);
        assert_eq!(same.access_key.sign("x"), access_key.sign("x"));
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// Asserts that a fault has one of the fixed texts, which contain nothing of the input.
fn check_fault(fault: Fault) {
    let part = if let Fault::NotAPair(part) | Fault::UnknownName(part) = fault { part } else { 0 };
    let texts = [
        Fault::NotAPair(part),
        Fault::UnknownName(part),
        Fault::Repeated("endpoint"),
        Fault::Repeated("accesskey"),
        Fault::Missing("endpoint"),
        Fault::Missing("accesskey"),
        Fault::Endpoint(InvalidEndpoint::NotAUrl),
        Fault::Endpoint(InvalidEndpoint::NoScheme),
        Fault::Endpoint(InvalidEndpoint::Scheme),
        Fault::Endpoint(InvalidEndpoint::PlainHttp),
        Fault::Endpoint(InvalidEndpoint::NotBare),
        Fault::AccessKey(InvalidAccessKey),
    ]
    .map(|fault| format!("{fault} {fault:?}"));
    let text = format!("{fault} {fault:?}");
    assert!(texts.contains(&text), "{text}");
}
