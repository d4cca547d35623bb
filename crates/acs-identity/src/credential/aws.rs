//! A token of AWS for the role that this runs under, which Entra takes in place of a secret.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html>, signed as
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html> says.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HOST};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use azure_core::{
    Error,
    error::ErrorKind,
    http::{ClientMethodOptions, StatusCode},
};
use azure_identity::ClientAssertion;

use crate::endpoint::Endpoint;

const FORM: &str = "application/x-www-form-urlencoded";

/// Everything that STS is to be told, the time of day excepted. The audience is the one that Entra asks for.
const REQUEST: &str = "Action=GetWebIdentityToken&Version=2011-06-15&\
                       Audience.member.1=api%3A%2F%2FAzureADTokenExchange&DurationSeconds=300&SigningAlgorithm=RS256";

/// The role that this runs under, as Lambda puts it into the environment.
#[derive(Debug, Clone)]
pub struct Role {
    /// Where AWS's Security Token Service answers; its global endpoint does not know this operation.
    pub sts: Endpoint,
    /// The region of `sts`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: SecretString,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: SecretString,
}

/// A role, and the client to ask for its tokens with.
#[derive(Debug)]
pub(super) struct Assertion {
    role: Role,
    http: reqwest::Client,
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.role.web_identity_token(&self.http).await
    }
}

impl Role {
    pub(super) const fn with(self, http: reqwest::Client) -> Assertion {
        Assertion { role: self, http }
    }

    /// A token that says which role this is, for Entra, for 5 minutes.
    async fn web_identity_token(&self, http: &reqwest::Client) -> azure_core::Result<String> {
        let at = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let request = http
            .post(self.sts.url().clone())
            .header(CONTENT_TYPE, FORM)
            .header("x-amz-date", &at)
            .header("x-amz-security-token", self.session_token.expose_secret())
            .header("authorization", self.authorization(&at))
            .body(REQUEST);
        let unreached = |_| Error::with_message(ErrorKind::Connection, "AWS's STS was not reached");
        let response = request.send().await.map_err(unreached)?;
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        if let Some(token) = element(&text, "WebIdentityToken").filter(|_| status.is_success()) {
            return Ok(token.to_owned());
        }
        // Such as AccessDenied, or OutboundWebIdentityFederationDisabled; STS's own words name the role.
        let code = element(&text, "Code").filter(|code| code.len() < 64).unwrap_or("no code");
        let kind = ErrorKind::HttpResponse {
            status: StatusCode::from(status.as_u16()),
            error_code: Some(code.to_owned()),
            raw_response: None,
        };
        Err(Error::with_message(kind, format!("AWS's STS answered {}, {code}", status.as_u16())))
    }

    fn authorization(&self, at: &str) -> String {
        let headers = [
            (CONTENT_TYPE.as_str(), FORM),
            (HOST.as_str(), &*self.sts.host()),
            ("x-amz-date", at),
            ("x-amz-security-token", self.session_token.expose_secret()),
        ];
        authorization(&self.access_key_id, &self.secret_access_key, (&self.region, "sts"), &headers, REQUEST)
    }
}

/// The text of the first XML element of this name. STS's answers have neither attributes nor entities in those asked for.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

/// Signature Version 4 of a POST to `/`. `headers` are in the order of their names; `x-amz-date` is one of them.
fn authorization(
    access_key_id: &str,
    secret: &SecretString,
    (region, service): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let at = headers.iter().find(|(name, _)| *name == "x-amz-date").map_or("", |(_, value)| value);
    let date = at.split('T').next().unwrap_or_default();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = "POST\n/\n\n".to_owned();
    for (name, value) in headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(body)));
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let first = format!("AWS4{}", secret.expose_secret()).into_bytes();
    let key = [date, region, service, "aws4_request"].iter().fold(first, |key, text| mac(&key, text));
    let signature = hex(&mac(&key, &to_sign));
    format!("AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}")
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes a key of any length, so the error branch cannot be reached.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&<_>::default()));
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // AWS's Signature Version 4 test suite, post-x-www-form-urlencoded.
    #[test]
    fn signs_as_the_test_suite_of_aws() {
        let headers = [("content-type", FORM), ("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let secret = SecretString::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let found = authorization("AKIDEXAMPLE", &secret, ("us-east-1", "service"), &headers, "Param1=value1");
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                        SignedHeaders=content-type;host;x-amz-date, \
                        Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        assert_eq!(found, expected);
    }

    #[test]
    fn finds_elements() {
        let xml = "<R xmlns=\"x\"><WebIdentityToken>\n e.y.J </WebIdentityToken></R>";
        assert_eq!(element(xml, "WebIdentityToken"), Some("e.y.J"));
        assert_eq!(element(xml, "Code"), None);
        assert_eq!(element("<Code>cut", "Code"), None);
    }
}
