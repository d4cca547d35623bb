//! The connection string as the portal shows it: `endpoint=https://<resource>.communication.azure.com/;accesskey=<base64>`.
//!
//! The official SDKs differ in what they let pass. This parser takes what all of them mean: pairs in any order, names
//! in any case, white space around them, one `;` at the end. Faults name no part of the text, since a key that lost
//! its `accesskey=` would be in it.

use std::str::FromStr;

use crate::{
    endpoint::{Endpoint, InvalidEndpoint},
    signature::{AccessKey, InvalidAccessKey},
};

/// An endpoint and its key.
#[derive(Debug, Clone)]
pub struct ConnectionString {
    /// Where the resource answers.
    pub endpoint: Endpoint,
    /// The key to sign with.
    pub access_key: AccessKey,
}

/// What is wrong with a connection string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnectionString {
    /// A part between two `;` has no `=`, or nothing before it.
    #[error("part {0} of the connection string is not name=value")]
    NotAPair(usize),
    /// A name that is neither `endpoint` nor `accesskey`.
    #[error("part {0} of the connection string is neither endpoint nor accesskey")]
    UnknownName(usize),
    /// A name stands there twice.
    #[error("{0} stands twice in the connection string")]
    Repeated(&'static str),
    /// A name is missing, or has no value.
    #[error(
        "{0} is missing in the connection string; it looks like endpoint=https://<resource>.communication.azure.com/;accesskey=<key>"
    )]
    Missing(&'static str),
    /// The endpoint's value is wrong.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// The key's value is wrong.
    #[error(transparent)]
    AccessKey(#[from] InvalidAccessKey),
}

impl FromStr for ConnectionString {
    type Err = InvalidConnectionString;

    fn from_str(text: &str) -> Result<Self, InvalidConnectionString> {
        let (mut endpoint, mut access_key) = (None, None);
        let text = text.trim();
        for (i, part) in text.strip_suffix(';').unwrap_or(text).split(';').enumerate() {
            // Only the first `=` divides: base64 ends in some.
            let (name, value) = part.split_once('=').ok_or(InvalidConnectionString::NotAPair(i + 1))?;
            let (slot, name) = match name.trim().to_ascii_lowercase().as_str() {
                "endpoint" => (&mut endpoint, "endpoint"),
                "accesskey" => (&mut access_key, "accesskey"),
                "" => return Err(InvalidConnectionString::NotAPair(i + 1)),
                _ => return Err(InvalidConnectionString::UnknownName(i + 1)),
            };
            if slot.replace(value.trim()).is_some() {
                return Err(InvalidConnectionString::Repeated(name));
            }
        }
        let given = |value: Option<&'_ str>, name| match value {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            _ => Err(InvalidConnectionString::Missing(name)),
        };
        let (endpoint, access_key) = (given(endpoint, "endpoint")?, given(access_key, "accesskey")?);
        Ok(Self { endpoint: endpoint.parse()?, access_key: AccessKey::from_base64(&access_key)? })
    }
}

#[cfg(test)]
mod tests {
    use crate::{InvalidConnectionString as Fault, *};

    #[test]
    fn takes_what_the_sdks_take() {
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
    fn says_what_is_wrong_otherwise() {
        for (text, fault) in [
            ("", Fault::NotAPair(1)),
            ("cHc=", Fault::UnknownName(1)),
            ("endpoint=https://a.example/;c2VjcmV0", Fault::NotAPair(2)),
            ("endpoint=https://a.example/;c2VjcmV0==", Fault::UnknownName(2)),
            ("endpoint=https://a.example/;;accesskey=cHc=", Fault::NotAPair(2)),
            (";endpoint=https://a.example/;accesskey=cHc=", Fault::NotAPair(1)),
            ("endpoint=https://a.example/;=cHc=", Fault::NotAPair(2)),
            ("endpoint=https://a.example/;accesskey=cHc=;accesskey=cHc=", Fault::Repeated("accesskey")),
            ("endpoint=https://a.example/", Fault::Missing("accesskey")),
            ("endpoint=https://a.example/;accesskey=", Fault::Missing("accesskey")),
            ("accesskey=cHc=", Fault::Missing("endpoint")),
            ("endpoint=http://a.example/;accesskey=cHc=", Fault::Endpoint(InvalidEndpoint::PlainHttp)),
            ("endpoint=https://a.example/x;accesskey=cHc=", Fault::Endpoint(InvalidEndpoint::NotBare)),
            ("endpoint=https://a.example/;accesskey=c2Vj cmV0!", Fault::AccessKey(InvalidAccessKey)),
        ] {
            let found = text.parse::<ConnectionString>().unwrap_err();
            assert_eq!(found, fault, "{text}");
            assert!(
                !found.to_string().contains("c2Vj") && !format!("{found:?}").contains("c2Vj"),
                "{found} shows the key"
            );
        }
    }
}
