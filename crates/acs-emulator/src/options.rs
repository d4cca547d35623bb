//! Options and published constants of an emulator, and the addresses at which clients reach it.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use http::HeaderValue;
use ipnet::IpNet;
use serde::Serialize;
use uuid::{Uuid, uuid};

/// The primary access key of an emulator until it is regenerated. It is published and not a secret; decoded, it is
/// readable English.
pub const DEVELOPMENT_KEY: &str =
    "YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ==";

/// The secondary access key of an emulator until it is regenerated. It is published and not a secret.
pub const DEVELOPMENT_KEY_SECONDARY: &str =
    "YWNzLXRva2VucyBlbXVsYXRvcjogdGhlIHNlY29uZGFyeSBkZXZlbG9wbWVudCBrZXksIHB1Ymxpc2hlZCwgbm90IGEgc2VjcmV0ISEh";

/// The value of `IDENTITY_HEADER` with which an app requests tokens of the emulated managed identity. Not a secret.
pub const DEVELOPMENT_IDENTITY_HEADER: &str = "acs-tokens-emulator-not-a-secret";

/// The default ACS resource: the GUID in the ids of its identities.
pub const DEVELOPMENT_RESOURCE: Uuid = uuid!("acacacac-acac-4aca-8aca-acacacacacac");

/// The Entra tenant of all test users and of the managed identity, unless a request names another one.
pub const DEVELOPMENT_TENANT: Uuid = uuid!("e27a0000-0000-4000-8000-e27a00000000");

/// The `tracing` target of all log events.
pub(crate) const LOG: &str = "acs_emulator";

/// Options of an emulator.
#[derive(Debug, Clone)]
pub struct Options {
    /// The GUID of the emulated ACS resource: the part of an identity id before the `_`.
    pub resource: Uuid,
    /// The HTTP functions whose page calls the control API.
    pub functions: Option<Functions>,
    /// Host names and addresses of the emulator besides `localhost`, 127.0.0.1 and `::1`. The control API accepts them
    /// as `Host`.
    pub names: Vec<String>,
    /// Clients besides those on loopback that may use the control API.
    pub control_from: Vec<Network>,
    /// Origins of web pages that may sign users in at the test issuer: `http://localhost:3000`, or `*`. They may read
    /// its documents, and it redirects to them. It redirects to loopback addresses in any case, and `*` adds no others.
    pub allowed_origins: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            resource: DEVELOPMENT_RESOURCE,
            functions: None,
            names: Vec::new(),
            control_from: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

impl Options {
    /// Returns whether a client may use the control API.
    pub(crate) fn admits(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        client.is_loopback() || self.control_from.iter().any(|network| network.0.contains(&client))
    }

    /// Returns whether a host without its port is this emulator.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        matches!(bare, "localhost" | "127.0.0.1" | "::1")
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(bare))
    }

    /// Returns whether pages of an origin may read the documents of the test issuer.
    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == "*" || allowed == origin)
    }
}

/// An IP address, or a network such as `172.16.0.0/12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse().or_else(|_| address());
        network.map(Self).map_err(|_| "not an IP address or a network; write it as 172.17.0.1 or 172.16.0.0/12")
    }
}

/// HTTP functions whose users sign in at the emulator's test issuer, and whose page may call the control API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Functions {
    /// Their origin, such as `http://127.0.0.1:7071`.
    pub origin: String,
    /// The issuer that they trust, as they spell it.
    pub issuer: String,
    /// The issuer that they trust as one of Microsoft Entra: `{issuer}/<tenant>/v2.0`.
    pub entra_issuer: String,
    /// The audience that they require in a token.
    pub audience: String,
    /// The address of their page.
    pub page: String,
}

impl Functions {
    /// Returns whether an origin is theirs. On this machine, they have two names. A browser leaves out port 80.
    pub(crate) fn has_origin(&self, origin: &str) -> bool {
        let own = self.origin.strip_suffix(":80").unwrap_or(&self.origin);
        origin == own || origin == own.replacen("//127.0.0.1", "//localhost", 1)
    }
}

/// Returns the connection string of an emulator, such as `endpoint=http://127.0.0.1:7072/;accesskey=…`.
///
/// Do not add fields: the Java SDK rejects unknown ones, and the JavaScript SDK reads them as part of the key.
#[must_use]
pub fn connection_string(scheme: &str, address: SocketAddr) -> String {
    connection_string_for(scheme, &address.ip().to_string(), address.port())
}

/// Returns the connection string of an emulator that clients reach at a host name or an address.
#[must_use]
pub fn connection_string_for(scheme: &str, host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("endpoint={scheme}://{host}:{port}/;accesskey={DEVELOPMENT_KEY}")
}

/// Returns the test issuer of an emulator, such as `http://127.0.0.1:7072/_emulator/oidc`.
#[must_use]
pub fn issuer(address: SocketAddr) -> String {
    format!("http://{address}/_emulator/oidc")
}

/// Returns the value of `IDENTITY_ENDPOINT` for an app that uses the emulated managed identity, such as
/// `http://127.0.0.1:7072/_emulator/msi/token`.
#[must_use]
pub fn identity_endpoint(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{address}/_emulator/msi/token")
}
