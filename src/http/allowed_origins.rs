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

/// Checks one origin. The error completes a sentence that begins with the entry.
fn origin(text: &str) -> Result<HeaderValue, &'static str> {
    const NOT_A_URL: &str = "is not an origin; write it as https://www.contoso.com";
    if text.is_empty() {
        return Err("is empty; remove the comma");
    }
    if text == "*" {
        return Err("is `*`, which must be the only entry");
    }
    if text == "null" {
        return Err("is `null`, which every sandboxed page sends; name the origin of your page");
    }
    if text.contains([';', ' ', '\t', '\n']) {
        return Err("has more than one origin; separate them by commas");
    }
    let (scheme, authority) = text.split_once("://").ok_or("has no scheme; write it as https://www.contoso.com")?;
    let default_port = match scheme.to_ascii_lowercase().as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return Err("has another scheme than https; use https"),
    };
    // The shapes in the order in which a reader finds them.
    for (is_wrong, error) in [
        (!text.is_ascii(), "has letters that browsers send in Punycode; write the host as xn--…"),
        (text.bytes().any(|b| b.is_ascii_uppercase()), "has capital letters; write it in lower case"),
        (authority.split_once('/').is_some_and(|(_, path)| path.is_empty()), "has a trailing slash; remove it"),
        (authority.contains(['/', '?', '#']), "has a path or a query; remove all after the host and the port"),
        (authority.contains('@'), "has a user name; remove it"),
        (authority.contains('*'), "has a wildcard; list each origin"),
        (authority.ends_with(default_port), "has the default port, which browsers omit; remove it"),
        (authority.ends_with(':'), "has no port after the colon; remove the colon"),
    ] {
        if is_wrong {
            return Err(error);
        }
    }
    let uri: Uri = text.parse().map_err(|_| NOT_A_URL)?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(NOT_A_URL)?;
    if scheme == "http" && !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        return Err("is plain http; use https, or a loopback address");
    }
    HeaderValue::from_str(text).map_err(|_| NOT_A_URL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_says_what_is_wrong_with_an_origin() {
        for (entry, error) in [
            ("", "is empty; remove the comma"),
            ("*", "is `*`, which must be the only entry"),
            ("null", "is `null`, which every sandboxed page sends; name the origin of your page"),
            ("https://a.example;https://c.example", "has more than one origin; separate them by commas"),
            ("https://a.example https://c.example", "has more than one origin; separate them by commas"),
            ("a.example", "has no scheme; write it as https://www.contoso.com"),
            ("ftp://a.example", "has another scheme than https; use https"),
            ("https://münchen.example", "has letters that browsers send in Punycode; write the host as xn--…"),
            ("https://A.example", "has capital letters; write it in lower case"),
            ("HTTPS://a.example", "has capital letters; write it in lower case"),
            ("https://a.example/", "has a trailing slash; remove it"),
            ("https://a.example:8443/", "has a trailing slash; remove it"),
            ("https://a.example/app", "has a path or a query; remove all after the host and the port"),
            ("https://a.example?a", "has a path or a query; remove all after the host and the port"),
            ("https://u@a.example", "has a user name; remove it"),
            ("https://*.example", "has a wildcard; list each origin"),
            ("https://a.example:443", "has the default port, which browsers omit; remove it"),
            ("http://localhost:80", "has the default port, which browsers omit; remove it"),
            ("https://a.example:", "has no port after the colon; remove the colon"),
            ("https://", "is not an origin; write it as https://www.contoso.com"),
            ("https://[a", "is not an origin; write it as https://www.contoso.com"),
            ("http://a.example", "is plain http; use https, or a loopback address"),
            ("https://b.example", "is a duplicate; remove it"),
        ] {
            let found = format!("https://b.example,{entry}").parse::<Origins>();
            assert_eq!(found, Err(InvalidOrigins(vec![format!("entry 2 {error}")])), "{entry}");
        }
    }

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        assert_eq!("*".parse(), Ok(Origins::Any));
        let list = ["https://a.example", "https://a.example:8443", "http://localhost:3000", "http://[::1]:5173"];
        let origins = list.map(HeaderValue::from_static).to_vec();
        assert_eq!(list.join(" , ").parse(), Ok(Origins::List(origins)));
        let errors = ["entry 1 has a trailing slash; remove it", "entry 3 is empty; remove the comma"];
        let found = "https://a.example/,https://b.example,".parse::<Origins>();
        assert_eq!(found, Err(InvalidOrigins(errors.map(str::to_owned).to_vec())));
    }
}
