//! Any text as a connection string: no error repeats a part of it, and an accepted one has one endpoint and one key.

#![no_main]

use acs_identity::{
    ConnectionString, Endpoint, InvalidConnectionString as Error, InvalidEndpoint, signature::InvalidAccessKey,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<ConnectionString>() {
        Ok(parsed) => check_accepted(text, &parsed),
        Err(error) => check_error(error),
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

/// Asserts that an error has one of the fixed texts, which contain nothing of the input.
fn check_error(error: Error) {
    let part = if let Error::NotAPair(part) | Error::UnknownName(part) = error { part } else { 0 };
    let texts = [
        Error::NotAPair(part),
        Error::UnknownName(part),
        Error::Repeated("endpoint"),
        Error::Repeated("accesskey"),
        Error::Missing("endpoint"),
        Error::Missing("accesskey"),
        Error::Endpoint(InvalidEndpoint::NotAUrl),
        Error::Endpoint(InvalidEndpoint::Scheme),
        Error::Endpoint(InvalidEndpoint::PlainHttp),
        Error::Endpoint(InvalidEndpoint::NotBare),
        Error::AccessKey(InvalidAccessKey),
    ]
    .map(|error| format!("{error} {error:?}"));
    let text = format!("{error} {error:?}");
    assert!(texts.contains(&text), "{text}");
}
