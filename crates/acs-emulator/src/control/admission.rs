//! Admission to the control API: which clients, host names and pages.

use http::{HeaderValue, StatusCode, header};

use super::{ControlError, test_issuer};
use crate::{
    options::Options,
    request::{Received, host_without_port},
};

/// Admits the clients of the options, and the `page` of the functions. A browser sends the `Origin` of any other page; pages
/// of the allowed origins may read what OpenID Connect lets them read. A page whose host name resolves to the emulator's
/// address (DNS rebinding) sends that name as `Host`.
pub(super) fn check(
    options: &Options,
    request: &Received,
    path: &str,
    page: Option<&HeaderValue>,
) -> Result<(), ControlError> {
    let forbidden = |why| Err(ControlError::new(StatusCode::FORBIDDEN, why));
    if !options.admits(request.peer.ip()) {
        return forbidden("the control API is for this machine only; admit other clients with --control-from");
    }
    let host = request.header("host").unwrap_or_default();
    if !options.is_own_host(host_without_port(host)) {
        return forbidden("the Host header must be localhost, 127.0.0.1, [::1], or a name that --name adds");
    }
    let own = request.origin();
    let is_readable = test_issuer::is_readable(path);
    let is_admitted = |origin: &HeaderValue| {
        origin == own.as_str() || Some(origin) == page || is_readable && options.allows_origin(origin)
    };
    if !request.headers().get_all(header::ORIGIN).iter().all(is_admitted) {
        return forbidden(if is_readable {
            "the Origin header must be that of the emulator or of the functions, or in CORS_ALLOWED_ORIGINS"
        } else {
            "the Origin header must be that of the emulator or of the functions"
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::Request;
    use jiff::Timestamp;

    use super::*;

    fn is_admitted(options: &Options, address: &str, host: &str) -> bool {
        let (parts, ()) = Request::builder().header("Host", host).body(()).unwrap().into_parts();
        let peer = (address.parse::<IpAddr>().unwrap(), 50_000).into();
        let request = Received { parts, body: <_>::default(), peer, secure: false, at: Timestamp::UNIX_EPOCH };
        check(options, &request, "state", None).is_ok()
    }

    // A test cannot rely on a second network interface.
    #[test]
    fn the_control_api_admits_loopback_and_the_networks_of_the_options_only() {
        let containers = ["172.16.0.0/12", "2001:db8::/32", "192.0.2.7"].map(|network| network.parse().unwrap());
        let with = Options { control_from: containers.to_vec(), ..Options::default() };
        for (address, by_default, with_networks) in [
            ("127.0.0.1", true, true),
            ("127.8.0.1", true, true),
            ("::1", true, true),
            ("::ffff:127.0.0.1", true, true),
            ("172.17.0.1", false, true),
            ("::ffff:172.17.0.1", false, true),
            ("172.32.0.1", false, false),
            ("192.0.2.7", false, true),
            ("192.0.2.1", false, false),
            ("0.0.0.0", false, false),
            ("2001:db8::1", false, true),
            ("2001:db9::1", false, false),
            ("::ffff:192.0.2.1", false, false),
        ] {
            assert_eq!(is_admitted(&Options::default(), address, "localhost:7072"), by_default, "{address}");
            assert_eq!(is_admitted(&with, address, "localhost:7072"), with_networks, "{address}");
        }
    }

    #[test]
    fn the_host_must_be_a_name_of_the_emulator_for_every_client() {
        let names = ["emulator", "192.0.2.7", "2001:db8::7"].map(str::to_owned).to_vec();
        let options = Options { names, control_from: vec!["0.0.0.0/0".parse().unwrap()], ..Options::default() };
        for (host, admitted) in [
            ("localhost", true),
            ("Emulator:7072", true),
            ("192.0.2.7:7072", true),
            ("[2001:db8::7]:7072", true),
            ("attacker.example", false),
            ("emulator.attacker.example", false),
            ("192.0.2.8:7072", false),
            ("", false),
        ] {
            assert_eq!(is_admitted(&options, "198.51.100.1", host), admitted, "{host}");
        }
    }

    #[test]
    fn an_invalid_network_is_refused() {
        for text in ["", "localhost", "172.16.0.0/33", "172.16.0.0/", "*"] {
            assert!(text.parse::<crate::Network>().is_err(), "{text}");
        }
    }
}
