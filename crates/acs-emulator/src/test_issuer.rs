//! The test issuer: an OpenID Connect issuer that signs any claims.
//!
//! Every path at and below `/_emulator/oidc` is an issuer of its own. All of them have the same keys.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    api_error::ApiError,
    jwt::{Algorithm, PrivateKey},
};

/// The token that a request asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenSpec {
    /// Claims that replace the default ones (`iss`, `iat`, `nbf`, `exp`); null removes one.
    #[serde(default)]
    claims: Map<String, Value>,
    /// Header parameters that replace the default ones (`alg`, `kid`, `typ`); null removes one.
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default)]
    alg: Algorithm,
}

/// Numbers of requests for the issuer's documents.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Fetches {
    pub(crate) discovery: u64,
    pub(crate) keys: u64,
}

/// The state of the issuer.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(crate) struct TestIssuer {
    /// Number of key rotations, which is a part of the key ids. State files of earlier versions name it `rolls`.
    #[serde(alias = "rolls")]
    rotations: u32,
    /// `None` before the first use.
    pub(crate) keys: Option<Arc<IssuerKeys>>,
    #[serde(skip)]
    pub(crate) fetches: Fetches,
}

/// A key for each kind of algorithm.
#[derive(Serialize, Deserialize)]
pub(crate) struct IssuerKeys {
    rsa: PrivateKey,
    ec: PrivateKey,
    ed: PrivateKey,
}

impl IssuerKeys {
    /// Generates keys on a thread for blocking work.
    pub(crate) async fn generate() -> Result<Arc<Self>, ApiError> {
        let generate = || {
            let key = PrivateKey::generate;
            Some(Self { rsa: key(Algorithm::RS256)?, ec: key(Algorithm::ES256)?, ed: key(Algorithm::EdDSA)? })
        };
        let keys = tokio::task::spawn_blocking(generate).await.map_err(|_| ApiError::Internal)?;
        keys.map(Arc::new).ok_or(ApiError::Internal)
    }
}

impl TestIssuer {
    /// Replaces the keys. The new ones have other ids.
    pub(crate) fn rotate(&mut self, keys: Arc<IssuerKeys>) {
        self.rotations += 1;
        self.keys = Some(keys);
    }

    fn key(&self, algorithm: Algorithm) -> Result<(String, &PrivateKey), ApiError> {
        let keys = self.keys.as_ref().ok_or(ApiError::Internal)?;
        let (kind, key) = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => ("rsa", &keys.rsa),
            Algorithm::ES256 => ("ec", &keys.ec),
            Algorithm::EdDSA => ("ed", &keys.ed),
        };
        Ok((format!("emulator-{kind}-{}", self.rotations), key))
    }

    /// Returns the public keys as a JSON Web Key Set (RFC 7517).
    pub(crate) fn key_set(&self) -> Result<Value, ApiError> {
        let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
        let keys = algorithms.map(|algorithm| self.key(algorithm).map(|(id, key)| key.jwk(&id)));
        Ok(json!({ "keys": keys.into_iter().collect::<Result<Vec<_>, _>>()? }))
    }

    /// Returns a token as requested.
    pub(crate) fn token(&self, issuer: &str, spec: TokenSpec) -> Result<String, ApiError> {
        let (id, key) = self.key(spec.alg)?;
        let now = Timestamp::now().as_second();
        let header = json!({ "alg": spec.alg, "kid": id, "typ": "JWT" });
        let claims = json!({ "iss": issuer, "iat": now, "nbf": now, "exp": now + 3600 });
        key.sign(spec.alg, &replace(header, spec.header), &replace(claims, spec.claims))
    }

    /// Returns an RS256 token of this type (`typ`) with these claims only.
    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> Result<String, ApiError> {
        let (id, key) = self.key(Algorithm::RS256)?;
        key.sign(Algorithm::RS256, &json!({ "alg": Algorithm::RS256, "kid": id, "typ": typ }), claims)
    }

    /// Returns the claims of a token that [`Self::sign`] made with the present keys, or `None`. Does not check any claim.
    pub(crate) fn verify<C: DeserializeOwned>(&self, token: &str) -> Option<C> {
        let (id, key) = self.key(Algorithm::RS256).ok()?;
        key.verify(&id, token)
    }
}

/// Returns the discovery document of an issuer (OpenID Connect Discovery 1.0, section 3).
pub(crate) fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "end_session_endpoint": format!("{issuer}/logout"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": ["openid", "profile", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "claims_supported": ["iss", "aud", "sub", "iat", "exp", "auth_time", "nonce", "name", "preferred_username"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}

fn replace(mut defaults: Value, members: Map<String, Value>) -> Value {
    if let Value::Object(object) = &mut defaults {
        object.extend(members);
        object.retain(|_, value| !value.is_null());
    }
    defaults
}
