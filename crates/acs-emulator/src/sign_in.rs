//! Authorization requests to the test issuer: the code flow of OpenID Connect Core, section 3.1, with PKCE (RFC 7636).
//!
//! A name signs in without a password. There is no session, so each request asks for the name.

use url::{Host, Url, form_urlencoded};

/// The longest name of a user.
const MAX_NAME: usize = 200;

/// The parameters of a query or a form. One without a value counts as missing (RFC 6749, section 3.1).
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text).into_owned();
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, String> {
        self.get(name).ok_or_else(|| format!("the parameter {name} is missing"))
    }

    /// Rejects a parameter that is there twice (RFC 6749, section 3.1).
    pub(crate) fn check_repeated(&self) -> Result<(), String> {
        let repeated =
            self.0.iter().enumerate().find(|(i, (name, _))| self.0[..*i].iter().any(|(other, _)| other == name));
        repeated.map_or(Ok(()), |(_, (name, _))| Err(format!("the parameter {name} is there twice")))
    }
}

/// A valid authorization request.
pub(crate) struct Authorization {
    pub(crate) client: String,
    /// As the client sent it: the token request must have the same text.
    pub(crate) redirect_uri: String,
    pub(crate) reply: Reply,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: String,
    /// The name that the form shows first.
    pub(crate) login_hint: Option<String>,
}

/// An authorization request that is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// With a message for the user. The redirect URI is not safe, so the client is not told.
    Shown(String),
    /// With a redirect to the client.
    Sent(String),
}

impl Authorization {
    /// Validates a request. `origins` are those that may sign users in, besides loopback.
    pub(crate) fn read(params: &Params, origins: &[String]) -> Result<Self, Refusal> {
        params.check_repeated().map_err(Refusal::Shown)?;
        let client = params.require("client_id").map_err(Refusal::Shown)?;
        let redirect_uri = params.require("redirect_uri").map_err(Refusal::Shown)?;
        let target = redirect_target("redirect_uri", redirect_uri, origins).map_err(Refusal::Shown)?;
        let in_fragment = params.get("response_mode") == Some("fragment");
        let reply = Reply { target, in_fragment, state: params.get("state").map(str::to_owned) };
        let challenge = match check(params) {
            Ok(challenge) => challenge,
            Err((code, description)) => return Err(Refusal::Sent(reply.error(code, &description))),
        };
        Ok(Self {
            client: client.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            reply,
            scope: params.get("scope").unwrap_or_default().to_owned(),
            nonce: params.get("nonce").map(str::to_owned),
            challenge,
            login_hint: params.get("login_hint").map(str::to_owned),
        })
    }

    /// Returns the user of a name that was entered in the form. A user of the same name as the client would look like an
    /// application: `sub` would be `client_id` (RFC 9068, section 2.2).
    pub(crate) fn user(&self, name: Option<&str>) -> Result<String, &'static str> {
        let name = name.unwrap_or_default().trim();
        match name {
            "" => Err("Enter a name."),
            _ if name.chars().count() > MAX_NAME => Err("The name is too long. Enter at most 200 characters."),
            _ if name.contains(char::is_control) => Err("The name has a control character. Remove it."),
            _ if name == self.client => Err("The name is that of the client. Enter another one."),
            _ => Ok(name.to_owned()),
        }
    }
}

/// Checks what the client is told by a redirect: an error code of RFC 6749, section 4.1.2.1, or of OpenID Connect Core,
/// section 3.1.2.6. Returns the code challenge.
fn check(params: &Params) -> Result<String, (&'static str, String)> {
    let invalid = |description| Err(("invalid_request", description));
    if !matches!(params.get("response_mode"), None | Some("query" | "fragment")) {
        return invalid("response_mode must be query or fragment".to_owned());
    }
    for (name, code) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
        if params.get(name).is_some() {
            return Err((code, format!("{name} is not supported; send the parameters themselves")));
        }
    }
    match params.get("response_type") {
        Some("code") => {}
        None => return invalid("the parameter response_type is missing".to_owned()),
        Some(_) => return Err(("unsupported_response_type", "response_type must be code".to_owned())),
    }
    if params.get("code_challenge_method") != Some("S256") {
        return invalid("PKCE is required: code_challenge_method must be S256".to_owned());
    }
    // 32 bytes in base64url.
    let is_challenge = |text: &&str| text.len() == 43 && text.bytes().all(is_base64url);
    let Some(challenge) = params.get("code_challenge").filter(is_challenge) else {
        return invalid("PKCE is required: code_challenge must be a SHA-256 hash in base64url".to_owned());
    };
    if params.get("prompt").is_some_and(|prompt| prompt.split(' ').any(|value| value == "none")) {
        return Err(("login_required", "the issuer has no sessions, so each sign-in shows the form".to_owned()));
    }
    Ok(challenge.to_owned())
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The way back to the client.
#[derive(Clone)]
pub(crate) struct Reply {
    target: Url,
    in_fragment: bool,
    state: Option<String>,
}

impl Reply {
    /// Returns the origin of the client's page.
    pub(crate) fn origin(&self) -> String {
        self.target.origin().ascii_serialization()
    }

    /// Returns the address that carries a code to the client.
    pub(crate) fn code(&self, code: &str) -> String {
        self.location(&[("code", code)])
    }

    fn error(&self, code: &str, description: &str) -> String {
        self.location(&[("error", code), ("error_description", description)])
    }

    fn location(&self, pairs: &[(&str, &str)]) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let pairs = pairs.iter().copied().chain(state);
        let mut url = self.target.clone();
        if self.in_fragment {
            let fragment = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            url.set_fragment(Some(&fragment));
        } else {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        url.into()
    }
}

/// Returns the address to which a sign-out redirects, or `None` without a `post_logout_redirect_uri` (OpenID Connect
/// RP-Initiated Logout 1.0, section 2).
pub(crate) fn after_sign_out(params: &Params, origins: &[String]) -> Result<Option<String>, String> {
    const NAME: &str = "post_logout_redirect_uri";
    params.check_repeated()?;
    let Some(uri) = params.get(NAME) else { return Ok(None) };
    let mut url = redirect_target(NAME, uri, origins)?;
    if let Some(state) = params.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Ok(Some(url.into()))
}

/// Parses a redirect URI. A code in another page's hands would sign its user in there, so only pages of this machine and
/// of the allowed origins get one. A loopback address may have any port (RFC 8252, section 7.3).
fn redirect_target(name: &str, uri: &str, origins: &[String]) -> Result<Url, String> {
    let url = Url::parse(uri).map_err(|_| format!("{name} is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{name} is neither http nor https"));
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{name} has a fragment or a user name; remove it"));
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let origin = url.origin().ascii_serialization();
    if is_loopback || origins.contains(&origin) {
        Ok(url)
    } else {
        Err(format!("{name} is neither on this machine nor of an allowed origin; add {origin} to CORS_ALLOWED_ORIGINS"))
    }
}
