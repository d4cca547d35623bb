//! The connection string of an ACS resource: `endpoint=https://<host name>/;accesskey=<base64>`.
//!
//! The official SDKs differ in what they accept. This parser accepts what any of them does: pairs in any order, names in
//! any case, surrounding white space, and a `;` at the end. Errors do not quote the text, which may contain a key.

use std::{fmt, str::FromStr};

use crate::{
    endpoint::{Endpoint, InvalidEndpoint},
    signature::{AccessKey, InvalidAccessKey},
};

/// The endpoint and an access key of an ACS resource.
#[derive(Debug, Clone)]
pub struct ConnectionString {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The access key.
    pub access_key: AccessKey,
}

/// The error for an invalid connection string: everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConnectionString(pub Vec<ConnectionStringFault>);

impl std::error::Error for InvalidConnectionString {}

impl fmt::Display for InvalidConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// A fault in a connection string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionStringFault {
    /// A part has no name or no `=`.
    #[error("part {0} of the connection string is not name=value")]
    NotAPair(usize),
    /// The name of a part is neither `endpoint` nor `accesskey`.
    #[error(
        "part {0} of the connection string is neither endpoint nor accesskey; copy it from the Keys page of the ACS resource"
    )]
    UnknownName(usize),
    /// A name is used twice.
    #[error("the connection string contains {0} twice")]
    Repeated(&'static str),
    /// A name or its value is missing.
    #[error("the connection string has no {0}; it looks like endpoint=https://<host name>/;accesskey=<key>")]
    Missing(&'static str),
    /// The endpoint is invalid.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// The access key is invalid.
    #[error(transparent)]
    AccessKey(#[from] InvalidAccessKey),
}

impl FromStr for ConnectionString {
    type Err = InvalidConnectionString;

    fn from_str(text: &str) -> Result<Self, InvalidConnectionString> {
        let (mut endpoint, mut access_key, mut faults) = (None, None, Vec::new());
        let text = text.trim();
        for (i, part) in text.strip_suffix(';').unwrap_or(text).split(';').enumerate() {
            // Only the first `=` separates: base64 may end with others.
            let (name, value) = part.split_once('=').unwrap_or_default();
            let (slot, name) = match name.trim().to_ascii_lowercase().as_str() {
                "endpoint" => (&mut endpoint, "endpoint"),
                "accesskey" => (&mut access_key, "accesskey"),
                "" => {
                    faults.push(ConnectionStringFault::NotAPair(i + 1));
                    continue;
                }
                _ => {
                    faults.push(ConnectionStringFault::UnknownName(i + 1));
                    continue;
                }
            };
            if slot.replace(value.trim()).is_some() {
                faults.push(ConnectionStringFault::Repeated(name));
            }
        }
        let endpoint: Option<Endpoint> = parse("endpoint", endpoint, str::parse, &mut faults);
        let access_key = parse("accesskey", access_key, AccessKey::from_base64, &mut faults);
        match (endpoint, access_key) {
            (Some(endpoint), Some(access_key)) if faults.is_empty() => Ok(Self { endpoint, access_key }),
            _ => Err(InvalidConnectionString(faults)),
        }
    }
}

/// Parses the value of a part. Records a fault and returns `None` if it is missing or invalid.
fn parse<T, E: Into<ConnectionStringFault>>(
    name: &'static str,
    value: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
    faults: &mut Vec<ConnectionStringFault>,
) -> Option<T> {
    let value = value.filter(|value| !value.is_empty()).ok_or(ConnectionStringFault::Missing(name));
    value.and_then(|value| parse(value).map_err(Into::into)).map_err(|fault| faults.push(fault)).ok()
}

#[cfg(test)]
mod tests {
    use super::{ConnectionStringFault as Fault, *};

    #[test]
    fn all_forms_of_the_official_sdks_are_accepted() {
        for text in [
            "endpoint=https://contoso.communication.azure.com/;accesskey=cHc=",
            "endpoint=https://contoso.communication.azure.com;accesskey=cHc=",
            "Endpoint=https://contoso.communication.azure.com/;AccessKey=cHc=;",
            "accesskey=cHc=;endpoint=https://contoso.communication.azure.com:443/",
            "  endpoint = https://contoso.communication.azure.com/ ; accesskey = cHc=  ",
        ] {
            let parsed: ConnectionString = text.parse().unwrap();
            assert_eq!(parsed.endpoint.to_string(), "https://contoso.communication.azure.com/", "{text}");
            assert_eq!(parsed.access_key.sign("x"), AccessKey::from_base64("cHc=").unwrap().sign("x"), "{text}");
        }
    }

    #[test]
    fn all_faults_are_reported_at_once_without_quoting_the_text() {
        let missing = [Fault::Missing("endpoint"), Fault::Missing("accesskey")];
        for (text, expected) in [
            ("", &[Fault::NotAPair(1), missing[0], missing[1]][..]),
            ("cHc=", &[Fault::UnknownName(1), missing[0], missing[1]]),
            ("endpoint=https://a.example/;c2VjcmV0", &[Fault::NotAPair(2), missing[1]]),
            ("endpoint=https://a.example/;c2VjcmV0==", &[Fault::UnknownName(2), missing[1]]),
            ("endpoint=https://a.example/;;accesskey=cHc=", &[Fault::NotAPair(2)]),
            (";endpoint=https://a.example/;accesskey=cHc=", &[Fault::NotAPair(1)]),
            ("endpoint=https://a.example/;=cHc=", &[Fault::NotAPair(2), missing[1]]),
            ("endpoint=https://a.example/;accesskey=cHc=;accesskey=cHc=", &[Fault::Repeated("accesskey")]),
            ("endpoint=https://a.example/", &[missing[1]]),
            ("endpoint=https://a.example/;accesskey=", &[missing[1]]),
            ("accesskey=cHc=", &[missing[0]]),
            ("endpoint=https://a.example/x;accesskey=cHc=", &[Fault::Endpoint(InvalidEndpoint::NotBare)]),
            ("endpoint=https://a.example/;accesskey=c2Vj cmV0!", &[Fault::AccessKey(InvalidAccessKey)]),
            (
                "Endpoint=http://a.example/;SharedAccessKeyName=c2VjcmV0;accesskey=c2Vj cmV0!",
                &[
                    Fault::UnknownName(2),
                    Fault::Endpoint(InvalidEndpoint::PlainHttp),
                    Fault::AccessKey(InvalidAccessKey),
                ],
            ),
        ] {
            let error = text.parse::<ConnectionString>().unwrap_err();
            assert_eq!(error.0, expected, "{text}");
            assert!(!format!("{error} {error:?}").contains("c2Vj"), "{error}");
        }
    }
}
