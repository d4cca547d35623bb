//! The web pages that may call: an allow-list of origins.

use std::str::FromStr;

use http::{HeaderValue, Uri};

/// The allowed origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// `*`: every page.
    Any,
    /// These.
    List(Vec<HeaderValue>),
}

/// The CORS settings (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// The allowed origins.
    pub origins: Origins,
    /// Whether the browser may send cookies. Never with [`Origins::Any`].
    pub credentials: bool,
}

/// The errors in a list of origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOrigins(pub Vec<String>);

impl FromStr for Origins {
    type Err = InvalidOrigins;

    /// Parses `*`, or origins separated by commas. Each must be written as browsers write it in `Origin`: the header is
    /// compared byte for byte.
    fn from_str(text: &str) -> Result<Self, InvalidOrigins> {
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        if items == ["*"] {
            return Ok(Self::Any);
        }
        let (mut origins, mut errors) = (Vec::new(), Vec::new());
        for (i, item) in items.into_iter().enumerate() {
            match origin(item) {
                Ok(origin) if origins.contains(&origin) => {
                    errors.push(format!("entry {} is a duplicate; remove it", i + 1));
                }
                Ok(origin) => origins.push(origin),
                Err(error) => errors.push(format!("entry {} {error}", i + 1)),
            }
        }
        if errors.is_empty() { Ok(Self::List(origins)) } else { Err(InvalidOrigins(errors)) }
    }
}

fn origin(text: &str) -> Result<HeaderValue, &'static str> {
    const SHAPE: &str =
        "is not an origin such as https://www.contoso.com; write it in lower case and without a path or default port";
    if text == "*" {
        return Err("is `*`, which must be the only entry");
    }
    let (scheme, authority) = text.split_once("://").ok_or(SHAPE)?;
    let uri: Uri = text.parse().map_err(|_| SHAPE)?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(SHAPE)?;
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err("has another scheme than https; use https"),
    };
    let plain = !authority.contains(['/', '?', '#', '@', '*']) && !text.bytes().any(|b| b.is_ascii_uppercase());
    // Browsers omit the default port.
    let port = authority.ends_with(':') || uri.port_u16() == Some(default_port);
    if !plain || port {
        return Err(SHAPE);
    }
    if scheme == "http" && !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        return Err("is plain http; use https, or a loopback address");
    }
    HeaderValue::from_str(text).map_err(|_| SHAPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_must_be_written_as_browsers_do() {
        let shape = "is not an origin such as https://www.contoso.com; write it in lower case and without a path or default port";
        for (text, errors) in [
            ("*", vec![]),
            ("https://a.example, https://a.example:8443,http://localhost:3000,http://[::1]:5173", vec![]),
            ("https://a.example,*", vec!["entry 2 is `*`, which must be the only entry".to_owned()]),
            ("https://a.example,https://a.example", vec!["entry 2 is a duplicate; remove it".to_owned()]),
            ("http://a.example", vec!["entry 1 is plain http; use https, or a loopback address".to_owned()]),
            ("ftp://a.example", vec!["entry 1 has another scheme than https; use https".to_owned()]),
            (
                "a.example,https://A.example,https://a.example/,https://a.example:443,https://u@a.example,https://*.example,null,",
                (1..=8).map(|i| format!("entry {i} {shape}")).collect(),
            ),
        ] {
            let found = text.parse::<Origins>().err().map(|error| error.0).unwrap_or_default();
            assert_eq!(found, errors, "{text}");
        }
    }
}
