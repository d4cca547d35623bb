//! Any text as a connection string: no fault repeats a part of it, and what is let in means one endpoint and one key.

#![no_main]

use acs_identity::{ConnectionString, InvalidConnectionString as Fault, Endpoint, InvalidEndpoint, signature::InvalidAccessKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<ConnectionString>() {
        Ok(parsed) => holds(text, &parsed),
        Err(fault) => repeats_nothing(fault),
    }
});

fn holds(text: &str, parsed: &ConnectionString) {
    let ConnectionString { endpoint, access_key } = parsed;
    let again: Endpoint = endpoint.to_string().parse().expect("an endpoint is read as it was written");
    assert_eq!(&again, endpoint);
    let url = endpoint.url();
    assert!(url.scheme() == "https" || is_this_machine(url.host_str().unwrap()), "{url} is plain http");
    assert_eq!(url.as_str(), format!("{}://{}/", url.scheme(), endpoint.host()), "there is more than a host");
    assert_eq!(
        format!("{parsed:?}"),
        format!("ConnectionString {{ endpoint: Endpoint({url}), access_key: AccessKey(..) }}"),
        "Debug shows the key"
    );

    // The key alone, cut out by another way than the parser's, in the order that the parser was not given.
    let key = text.split(';').find_map(|part| {
        let (name, value) = part.split_at_checked(part.find('=')?)?;
        name.trim().eq_ignore_ascii_case("accesskey").then(|| value[1..].trim())
    });
    for text in [
        format!("endpoint={endpoint};accesskey={}", key.unwrap()),
        format!(" ACCESSKEY = {} ;\tEndPoint= {endpoint};\n", key.unwrap()),
    ] {
        let same: ConnectionString = text.parse().expect("the same parts are let in again");
        assert_eq!(&same.endpoint, endpoint);
        assert_eq!(same.access_key.sign("x"), access_key.sign("x"));
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// Every text that a fault has. Were there a word of the input in one, it would be none of them.
fn repeats_nothing(fault: Fault) {
    let part = if let Fault::NotAPair(part) | Fault::UnknownName(part) = fault { part } else { 0 };
    let texts = [
        Fault::NotAPair(part),
        Fault::UnknownName(part),
        Fault::Repeated("endpoint"),
        Fault::Repeated("accesskey"),
        Fault::Missing("endpoint"),
        Fault::Missing("accesskey"),
        Fault::Endpoint(InvalidEndpoint::NotAUrl),
        Fault::Endpoint(InvalidEndpoint::Scheme),
        Fault::Endpoint(InvalidEndpoint::PlainHttp),
        Fault::Endpoint(InvalidEndpoint::NotBare),
        Fault::AccessKey(InvalidAccessKey),
    ]
    .map(|fault| format!("{fault} {fault:?}"));
    let text = format!("{fault} {fault:?}");
    assert!(texts.contains(&text), "{text}");
}
