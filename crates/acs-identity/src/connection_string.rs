//! The connection string of an ACS resource: `endpoint=https://<resource>.communication.azure.com/;accesskey=<base64>`.
//!
//! The official SDKs differ in what they accept. This parser accepts what any of them does: pairs in any order, names in
//! any case, surrounding white space, and a `;` at the end. Errors do not quote the text, which may contain a key.

use std::str::FromStr;

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

/// The error for an invalid connection string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnectionString {
    /// A part has no name or no `=`.
    #[error("part {0} of the connection string is not name=value")]
    NotAPair(usize),
    /// The name of a part is neither `endpoint` nor `accesskey`.
    #[error("part {0} of the connection string is neither endpoint nor accesskey")]
    UnknownName(usize),
    /// A name is used twice.
    #[error("the connection string contains {0} twice")]
    Repeated(&'static str),
    /// A name or its value is missing.
    #[error(
        "the connection string has no {0}; it looks like endpoint=https://<resource>.communication.azure.com/;accesskey=<key>"
    )]
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
        let (mut endpoint, mut access_key) = (None, None);
        let text = text.trim();
        for (i, part) in text.strip_suffix(';').unwrap_or(text).split(';').enumerate() {
            // Only the first `=` separates: base64 may end with others.
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
    use super::{InvalidConnectionString as Error, *};

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
    fn other_texts_are_rejected_without_quoting_them() {
        for (text, expected) in [
            ("", Error::NotAPair(1)),
            ("cHc=", Error::UnknownName(1)),
            ("endpoint=https://a.example/;c2VjcmV0", Error::NotAPair(2)),
            ("endpoint=https://a.example/;c2VjcmV0==", Error::UnknownName(2)),
            ("endpoint=https://a.example/;;accesskey=cHc=", Error::NotAPair(2)),
            (";endpoint=https://a.example/;accesskey=cHc=", Error::NotAPair(1)),
            ("endpoint=https://a.example/;=cHc=", Error::NotAPair(2)),
            ("endpoint=https://a.example/;accesskey=cHc=;accesskey=cHc=", Error::Repeated("accesskey")),
            ("endpoint=https://a.example/", Error::Missing("accesskey")),
            ("endpoint=https://a.example/;accesskey=", Error::Missing("accesskey")),
            ("accesskey=cHc=", Error::Missing("endpoint")),
            ("endpoint=http://a.example/;accesskey=cHc=", Error::Endpoint(InvalidEndpoint::PlainHttp)),
            ("endpoint=https://a.example/x;accesskey=cHc=", Error::Endpoint(InvalidEndpoint::NotBare)),
            ("endpoint=https://a.example/;accesskey=c2Vj cmV0!", Error::AccessKey(InvalidAccessKey)),
        ] {
            let error = text.parse::<ConnectionString>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!format!("{error} {error:?}").contains("c2Vj"), "{error}");
        }
    }
}
