//! An OpenID Connect issuer: its name in tokens, and the address of its discovery document.

use acs_identity::http::is_loopback;
use reqwest::Url;
use uuid::Uuid;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The hosts whose issuers of version 2 end with `/<tenant>/v2.0`, in all clouds. `login.windows.net` is a former name.
const ENTRA_HOSTS: [&str; 5] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.windows.net",
    "login.microsoft.com",
];

/// The hosts of the issuers of version 1.
const ENTRA_V1_HOSTS: [&str; 2] = ["sts.windows.net", "sts.chinacloudapi.cn"];

/// An OpenID Connect issuer, such as `https://login.microsoftonline.com/<tenant>/v2.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    name: String,
    metadata: Url,
    tenant: Option<String>,
}

/// The reason why a text is not an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuer {
    /// It does not parse as a URL.
    #[error("is not a URL; copy the `iss` of a token, such as https://login.microsoftonline.com/<tenant id>/v2.0")]
    NotAUrl,
    /// It has other separators than commas.
    #[error("has a semicolon, white space or a control character; separate issuers with commas")]
    Separator,
    /// It has one slash or several after the scheme, which a URL parser repairs silently.
    #[error("does not have exactly two slashes after `https:`; no token has such an `iss`")]
    Slashes,
    /// It is neither https nor http on a loopback address.
    #[error("is not https; plain http is allowed for loopback addresses only")]
    Scheme,
    /// It has a user name, a query or a fragment.
    #[error("has more than a host, a port and a path; a discovery address with a query belongs in `metadata`")]
    NotBare,
    /// It is the address of a discovery document.
    #[error("is the address of a discovery document; remove the part from /.well-known on, or set it as `metadata`")]
    WellKnown,
    /// It stands for many tenants.
    #[error("stands for many tenants, so it is in no token; replace the name by {{tenantid}} and set OIDC_TENANTS")]
    ManyTenants,
    /// It is on a host of Entra, but not spelled as in tokens.
    #[error(
        "is in no token; use https://login.microsoftonline.com/<tenant id>/v2.0, https://sts.windows.net/<tenant id>/ for \
         version 1, or https://<tenant id>.ciamlogin.com/<tenant id>/v2.0 for External ID"
    )]
    Entra,
    /// It is on a host of Azure AD B2C, but not spelled as in tokens.
    #[error(
        "is in no token; use https://<name>.b2clogin.com/<tenant id>/v2.0/ and set the discovery address \
         of the policy as `metadata`"
    )]
    B2c,
}

impl Issuer {
    /// Creates an issuer. If `tenant` is given, it is an issuer of Entra, and its tokens must have this `tid`. The tenant
    /// of an issuer that is spelled as Entra's is found without it.
    ///
    /// # Errors
    /// [`InvalidIssuer`] if no token can have this `iss`.
    pub fn new(name: &str, tenant: Option<&str>) -> Result<Self, InvalidIssuer> {
        if name.contains(|c: char| c == ';' || c.is_whitespace() || c.is_control()) {
            return Err(InvalidIssuer::Separator);
        }
        let url = Url::parse(name).map_err(|_| InvalidIssuer::NotAUrl)?;
        if !is_allowed(&url) {
            return Err(InvalidIssuer::Scheme);
        }
        let rest = name.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with(['/', '\\'])) {
            return Err(InvalidIssuer::Slashes);
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidIssuer::NotBare);
        }
        if name.contains("/.well-known") {
            return Err(InvalidIssuer::WellKnown);
        }
        let found = microsoft_tenant(&url)?;
        let mut metadata = url.clone();
        metadata.set_path(&format!("{}{WELL_KNOWN}", url.path().trim_end_matches('/')));
        let tenant = tenant.map(str::to_owned).or(found);
        Ok(Self { name: name.to_owned(), metadata, tenant })
    }

    /// Sets the address of the discovery document, for issuers that do not have it below their own URL.
    ///
    /// # Errors
    /// [`InvalidIssuer`] if it is not the URL of a document.
    pub fn with_metadata(self, address: &str) -> Result<Self, InvalidIssuer> {
        let metadata = Url::parse(address).map_err(|_| InvalidIssuer::NotAUrl)?;
        if is_allowed(&metadata) { Ok(Self { metadata, ..self }) } else { Err(InvalidIssuer::Scheme) }
    }

    /// Returns the value of `iss` in its tokens. It is compared exactly, so a slash at the end matters.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address of the discovery document.
    #[must_use]
    pub fn metadata(&self) -> &Url {
        &self.metadata
    }

    /// Returns the Entra tenant whose tokens it issues, or `None` if it is not an issuer of Entra.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Returns whether it belongs to Microsoft: Entra, External ID or Azure AD B2C.
    #[must_use]
    pub fn is_microsoft(&self) -> bool {
        let is_b2c = |url: Url| url.host_str().is_some_and(|host| host.ends_with(".b2clogin.com"));
        self.tenant.is_some() || Url::parse(&self.name).is_ok_and(is_b2c)
    }
}

/// Returns whether documents may be fetched from this URL.
pub(super) fn is_allowed(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
}

/// Returns the tenant in the URL of an issuer of Entra: `/<tenant>/v2.0` at the end of the path, or `/<tenant>/` on the
/// host of version 1. The issuers of B2C end with a slash; they identify users by `sub`.
///
/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats>
fn microsoft_tenant(url: &Url) -> Result<Option<String>, InvalidIssuer> {
    let host = url.host_str().unwrap_or_default();
    let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    let guid = |text: &str| Uuid::try_parse(text).ok().map(|_| text.to_owned());
    let external = host.strip_suffix(".ciamlogin.com");
    let is_entra = ENTRA_HOSTS.contains(&host) || external.is_some();
    let is_v1 = ENTRA_V1_HOSTS.contains(&host);
    if (is_entra || is_v1) && segments.iter().any(|name| ["common", "organizations", "consumers"].contains(name)) {
        return Err(InvalidIssuer::ManyTenants);
    }
    if host.ends_with(".b2clogin.com") && !segments.iter().any(|segment| guid(segment).is_some()) {
        return Err(InvalidIssuer::B2c);
    }
    let found = match segments[..] {
        [tenant, ""] if is_v1 => guid(tenant),
        [tenant, "v2.0"] if external.is_none_or(|name| name.eq_ignore_ascii_case(tenant)) && is_entra => guid(tenant),
        [.., tenant, "v2.0"] if !is_entra && !is_v1 => guid(tenant),
        _ => None,
    };
    if found.is_none() && (is_entra || is_v1) { Err(InvalidIssuer::Entra) } else { Ok(found) }
}
