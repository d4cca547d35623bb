//! The grants of a sign-in: authorization codes, and the tokens that the token endpoint issues for them.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    api_error::ApiError,
    sign_in::{Authorization, Params},
    test_issuer::TestIssuer,
};

/// The lifetime of a code. RFC 6749, section 4.1.2, recommends ten minutes at most.
const CODE_SECONDS: i64 = 60;

/// The lifetime of access tokens and ID tokens.
const TOKEN_SECONDS: i64 = 3600;

/// The lifetime of refresh tokens, which is that of Entra for single-page apps.
const REFRESH_SECONDS: i64 = 24 * 3600;

/// A user who has signed in to a client.
struct SignIn {
    issuer: String,
    client: String,
    user: String,
    scope: String,
    nonce: Option<String>,
    at: i64,
}

/// A code that has not been exchanged yet.
struct Grant {
    sign_in: SignIn,
    redirect_uri: String,
    challenge: String,
}

/// The codes that have not been exchanged yet.
#[derive(Default)]
pub(crate) struct Codes(HashMap<String, Grant>);

/// The API for which the issuer issues access tokens.
pub(crate) struct Api {
    /// The value of `iss`.
    pub(crate) issuer: String,
    /// The value of `aud`; `None` for the client itself.
    pub(crate) audience: Option<String>,
}

/// The reason why no token is issued.
pub(crate) enum Denied {
    /// An error code of RFC 6749, section 5.2, and its description.
    Client(&'static str, String),
    Failed(ApiError),
}

impl From<ApiError> for Denied {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

fn invalid_grant(description: &str) -> Denied {
    Denied::Client("invalid_grant", description.to_owned())
}

/// The claims of a refresh token.
#[derive(Deserialize)]
struct RefreshClaims {
    aud: String,
    client_id: String,
    sub: String,
    scope: String,
    auth_time: i64,
    exp: i64,
}

impl Codes {
    /// Returns a new code for a user who signs in at an issuer.
    pub(crate) fn add(&mut self, issuer: &str, request: Authorization, user: String, now: Timestamp) -> String {
        let at = now.as_second();
        self.0.retain(|_, grant| grant.sign_in.at + CODE_SECONDS > at);
        let code = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let Authorization { client, redirect_uri, scope, nonce, challenge, .. } = request;
        let sign_in = SignIn { issuer: issuer.to_owned(), client, user, scope, nonce, at };
        self.0.insert(code.clone(), Grant { sign_in, redirect_uri, challenge });
        code
    }

    /// Answers a token request with tokens that the keys of the test issuer sign.
    pub(crate) fn exchange(
        &mut self,
        keys: &TestIssuer,
        issuer: &str,
        api: &Api,
        params: &Params,
        now: Timestamp,
    ) -> Result<Value, Denied> {
        let now = now.as_second();
        params.check_repeated().map_err(|error| Denied::Client("invalid_request", error))?;
        let sign_in = match params.get("grant_type") {
            Some("authorization_code") => self.redeem(issuer, params, now)?,
            Some("refresh_token") => refresh(keys, issuer, params, now)?,
            Some(_) => {
                let error = "grant_type must be authorization_code or refresh_token".to_owned();
                return Err(Denied::Client("unsupported_grant_type", error));
            }
            None => return Err(Denied::Client("invalid_request", "the parameter grant_type is missing".to_owned())),
        };
        Ok(tokens(keys, &sign_in, api, now)?)
    }

    /// Removes a code, so that it is used once, and checks that this client asked for it (RFC 6749, section 4.1.3, and
    /// RFC 7636, section 4.6).
    fn redeem(&mut self, issuer: &str, params: &Params, now: i64) -> Result<SignIn, Denied> {
        let require = |name| params.require(name).map_err(|error| Denied::Client("invalid_request", error));
        let (code, client) = (require("code")?, require("client_id")?);
        let (redirect_uri, verifier) = (require("redirect_uri")?, require("code_verifier")?);
        let grant = self.0.remove(code).ok_or_else(|| invalid_grant("the code is unknown, used or expired"))?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        for (is_valid, error) in [
            (grant.sign_in.at + CODE_SECONDS > now, "the code is unknown, used or expired"),
            (grant.sign_in.issuer == issuer, "the code is of another issuer"),
            (grant.sign_in.client == client, "the code was issued to another client_id"),
            (grant.redirect_uri == redirect_uri, "redirect_uri differs from that of the authorization request"),
            (grant.challenge == challenge, "code_verifier does not match the code_challenge"),
        ] {
            if !is_valid {
                return Err(invalid_grant(error));
            }
        }
        Ok(grant.sign_in)
    }
}

/// Returns the sign-in that a refresh token continues.
fn refresh(keys: &TestIssuer, issuer: &str, params: &Params, now: i64) -> Result<SignIn, Denied> {
    let require = |name| params.require(name).map_err(|error| Denied::Client("invalid_request", error));
    let (token, client) = (require("refresh_token")?, require("client_id")?);
    let claims = keys.verify::<RefreshClaims>(token).filter(|claims| claims.aud == refresh_audience(issuer));
    let claims = claims.filter(|claims| claims.client_id == client && claims.exp > now);
    let claims = claims.ok_or_else(|| invalid_grant("the refresh token is expired, or of another client or issuer"))?;
    // Like Entra, and unlike RFC 6749, section 6: MSAL refreshes for scopes that the first request did not have.
    let scope = params.get("scope").map_or(claims.scope, str::to_owned);
    let (issuer, client) = (issuer.to_owned(), claims.client_id);
    Ok(SignIn { issuer, client, user: claims.sub, scope, nonce: None, at: claims.auth_time })
}

/// Returns an access token (RFC 9068), a refresh token, and for the scope `openid` an ID token.
fn tokens(keys: &TestIssuer, sign_in: &SignIn, api: &Api, now: i64) -> Result<Value, ApiError> {
    let SignIn { issuer, client, user, scope, nonce, at } = sign_in;
    let access = keys.sign(
        "at+jwt",
        &json!({
            "iss": api.issuer, "aud": api.audience.as_ref().unwrap_or(client), "sub": user, "client_id": client,
            "iat": now, "nbf": now, "exp": now + TOKEN_SECONDS, "jti": Uuid::new_v4(), "auth_time": at,
            "scope": scope, "name": user, "preferred_username": user,
        }),
    )?;
    let refresh = json!({
        "iss": issuer, "aud": refresh_audience(issuer), "sub": user, "client_id": client,
        "iat": now, "exp": now + REFRESH_SECONDS, "auth_time": at, "scope": scope,
    });
    let mut answer = json!({
        "access_token": access, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": scope,
        "refresh_token": keys.sign("JWT", &refresh)?,
    });
    if scope.split(' ').any(|scope| scope == "openid") {
        let mut claims = json!({
            "iss": issuer, "aud": client, "sub": user, "iat": now, "exp": now + TOKEN_SECONDS, "auth_time": at,
            "name": user, "preferred_username": user,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        answer["id_token"] = json!(keys.sign("JWT", &claims)?);
    }
    Ok(answer)
}

/// Returns the audience of refresh tokens, which no API accepts.
fn refresh_audience(issuer: &str) -> String {
    format!("{issuer}/token")
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_code_expires_after_a_minute() {
        let issuer = "http://127.0.0.1:7072/_emulator/oidc";
        let (verifier, start) = ("v", Timestamp::UNIX_EPOCH);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let query = format!(
            "client_id=spa&redirect_uri=http://localhost/&response_type=code&code_challenge_method=S256&code_challenge={challenge}"
        );
        let mut codes = Codes::default();
        let add = |codes: &mut Codes, at| {
            let request = Authorization::read(&Params::parse(query.as_bytes()), &[]).unwrap();
            codes.add(issuer, request, "alice".to_owned(), at)
        };
        for (seconds, is_valid) in [(59, true), (60, false)] {
            let code = add(&mut codes, start);
            let body = format!("client_id=spa&redirect_uri=http://localhost/&code_verifier={verifier}&code={code}");
            assert_eq!(codes.redeem(issuer, &Params::parse(body.as_bytes()), seconds).is_ok(), is_valid, "{seconds}");
        }
        add(&mut codes, start);
        add(&mut codes, start + SignedDuration::from_secs(60));
        assert_eq!(codes.0.len(), 1); // the expired one is dropped
    }
}
