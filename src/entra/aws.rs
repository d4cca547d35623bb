//! A web identity token of AWS for the Lambda function's role, which Entra accepts instead of a secret.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html>, signed as
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html> says.

use acs_identity::{
    Endpoint,
    http::{read_body, retry_after},
};
use azure_core::{
    Error,
    error::ErrorKind,
    http::{ClientMethodOptions, StatusCode},
};
use azure_identity::ClientAssertion;
use jiff::Timestamp;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::answered;

const FORM: &str = "application/x-www-form-urlencoded";

/// The request to STS. The audience is the one that Entra requires.
const REQUEST: &str = "Action=GetWebIdentityToken&Version=2011-06-15&\
                       Audience.member.1=api%3A%2F%2FAzureADTokenExchange&DurationSeconds=300&SigningAlgorithm=RS256";

/// The longest response body, in bytes. Real ones have about 2 KiB.
const MAX_BODY: usize = 64 * 1024;

/// The role of the Lambda function, from its environment.
#[derive(Debug, Clone)]
pub struct Role {
    /// The regional endpoint of AWS's Security Token Service; the global one does not have this operation.
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

/// A role, and the HTTP client that fetches its tokens.
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

    /// Fetches a web identity token for Entra, valid for 5 minutes.
    async fn web_identity_token(&self, http: &reqwest::Client) -> azure_core::Result<String> {
        let request = http.post(self.sts.url().clone()).headers(self.signed_headers()?).body(REQUEST);
        let unreached = |_| Error::with_message(ErrorKind::Connection, "AWS's STS was not reached");
        let response = request.send().await.map_err(unreached)?;
        let (status, wait) = (response.status(), retry_after(response.headers(), Timestamp::now()));
        let text = read_body(response, MAX_BODY).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        if let Some(token) = element(&text, "WebIdentityToken").filter(|_| status.is_success()) {
            return Ok(token.to_owned());
        }
        // For example AccessDenied or OutboundWebIdentityFederationDisabled. The message of STS contains the role's name.
        let code = element(&text, "Code").filter(|code| code.len() < 64).unwrap_or("no code");
        let message = format!("AWS's STS answered {}, {code}", status.as_u16());
        // AWS's query APIs answer 400 to requests beyond a limit.
        // https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
        let throttled = code.starts_with("Throttling") || code == "RequestLimitExceeded";
        let status = if throttled { StatusCode::TooManyRequests } else { StatusCode::from(status.as_u16()) };
        Err(answered(status, Some(code.to_owned()), wait, message))
    }

    /// Returns the headers of the signed request.
    fn signed_headers(&self) -> azure_core::Result<HeaderMap> {
        let credential = AwsCredential {
            key_id: self.access_key_id.clone(),
            secret_key: self.secret_access_key.expose_secret().to_owned(),
            token: Some(self.session_token.expose_secret().to_owned()),
        };
        // The signer panics on values that cannot be header values.
        let values = [&self.region, &credential.key_id, self.session_token.expose_secret()];
        if values.iter().any(|value| HeaderValue::from_str(value).is_err()) {
            return Err(unsigned());
        }
        let request = http::Request::post(self.sts.url().as_str()).header(CONTENT_TYPE, FORM);
        let mut request = request.body(REQUEST.to_owned().into()).map_err(|_| unsigned())?;
        let signer = AwsAuthorizer::new(&credential, "sts", &self.region);
        signer.try_authorize(&mut request, None).map_err(|_| unsigned())?;
        Ok(request.into_parts().0.headers)
    }
}

fn unsigned() -> Error {
    Error::with_message(ErrorKind::Credential, "the request to AWS's STS could not be signed")
}

/// Returns the text of the first XML element with this name. The elements of STS have no attributes and no entities.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    // tests/it/lambda/federation.rs checks the signed request.
    #[test]
    fn values_that_cannot_be_headers_are_not_signed() {
        let role = |key_id: &str| Role {
            sts: "https://sts.eu-central-1.amazonaws.com".parse().unwrap(),
            region: "eu-central-1".to_owned(),
            access_key_id: key_id.to_owned(),
            secret_access_key: "secret".into(),
            session_token: "session".into(),
        };
        assert!(role("AKIDEXAMPLE").signed_headers().is_ok());
        assert!(role("two\nlines").signed_headers().is_err());
    }

    #[test]
    fn element_returns_the_text_of_a_complete_element() {
        let xml = "<R xmlns=\"x\"><WebIdentityToken>\n e.y.J </WebIdentityToken></R>";
        assert_eq!(element(xml, "WebIdentityToken"), Some("e.y.J"));
        assert_eq!(element(xml, "Code"), None);
        assert_eq!(element("<Code>cut", "Code"), None);
    }
}
