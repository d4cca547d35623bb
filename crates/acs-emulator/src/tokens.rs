//! Tokens of ACS and of the emulated Entra tenant: RS256 tokens, signed with one RSA key under two key ids.

use std::sync::{Arc, LazyLock, OnceLock};

use acs_identity::types::format_timestamp;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned, ser::Error as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    api_error::ApiError,
    jwe,
    jwt::{Algorithm, PrivateKey},
};

/// The key of all emulators in this process that have no state file, since generating one is slow.
static SHARED: LazyLock<Signer> = LazyLock::new(|| Signer(Arc::default()));

/// The issuer of a token. Each has its own key id, so that a token of one is not valid for the other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Issuer {
    Acs,
    Entra,
}

impl Issuer {
    /// Returns the key id. Real ids are thumbprints in hexadecimal; these cannot be mistaken for one.
    const fn key_id(self) -> &'static str {
        match self {
            Self::Acs => "00000000000000000000000000000000EMULATOR",
            Self::Entra => "0000000000000000000000000ENTRA0EMULATOR0",
        }
    }
}

/// A token and its expiry, as the REST API writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenBody {
    pub(crate) token: String,
    pub(crate) expires_on: String,
}

/// An identity, as the REST API writes it.
#[derive(Serialize)]
pub(crate) struct IdentityBody {
    pub(crate) id: String,
}

/// An identity and its token, as the REST API writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateBody {
    pub(crate) identity: IdentityBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_token: Option<TokenBody>,
}

/// The claims of a token of ACS. Their order is that of a token of 2022 in the tests of Azure/azure-cli-extensions
/// (`src/communication`), with `rgn` and `resourceLocation` where a printed token of 2025 has them. `scp` is 1792 in
/// both. No token of a Teams user is known; that `tid` is there and where is a guess.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AcsClaims<'a> {
    skypeid: &'a str,
    scp: u16,
    csi: String,
    exp: i64,
    rgn: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<Uuid>,
    acs_scope: &'a str,
    resource_id: Uuid,
    resource_location: &'static str,
    iat: i64,
}

#[derive(Serialize)]
struct Header {
    alg: Algorithm,
    kid: &'static str,
    x5t: &'static str,
    typ: &'static str,
}

/// Signs and verifies tokens. Its key is generated on first use, unless it comes from a state file.
#[derive(Clone, Deserialize)]
#[serde(from = "PrivateKey")]
pub(crate) struct Signer(Arc<OnceLock<Option<PrivateKey>>>);

impl Signer {
    /// Returns the signer of this process, and starts to generate its key in the background.
    pub(crate) fn shared() -> Self {
        if SHARED.0.get().is_none() {
            std::thread::spawn(|| SHARED.force());
        }
        SHARED.clone()
    }

    /// Returns a signer with a new key.
    pub(crate) fn generate() -> Option<Self> {
        PrivateKey::generate(Algorithm::RS256).map(Self::from)
    }

    fn force(&self) -> Option<&PrivateKey> {
        self.0.get_or_init(|| PrivateKey::generate(Algorithm::RS256)).as_ref()
    }

    async fn key(&self) -> Result<&PrivateKey, ApiError> {
        if self.0.get().is_none() {
            let signer = self.clone();
            let generated = tokio::task::spawn_blocking(move || signer.force().is_some()).await;
            generated.map_err(|_| ApiError::Internal)?;
        }
        self.0.get().and_then(Option::as_ref).ok_or(ApiError::Internal)
    }

    /// Returns a signed token with these claims, in the order of their fields.
    pub(crate) async fn sign(&self, issuer: Issuer, claims: &impl Serialize) -> Result<String, ApiError> {
        let (alg, kid) = (Algorithm::RS256, issuer.key_id());
        let header = Header { alg, kid, x5t: "AAAAAAAAAAAAAAAAAAAAAAAAAAA", typ: "JWT" };
        self.key().await?.sign(alg, &header, claims)
    }

    /// Returns a token of ACS. `tenant` is that of a Teams user; `scopes` are separated by commas.
    pub(crate) async fn acs_token(
        &self,
        resource: Uuid,
        skypeid: &str,
        tid: Option<Uuid>,
        scopes: &str,
        issued_at: Timestamp,
        expires_on: Timestamp,
    ) -> Result<TokenBody, ApiError> {
        let claims = AcsClaims {
            skypeid,
            scp: 1792,
            csi: issued_at.as_second().to_string(),
            exp: expires_on.as_second(),
            rgn: "amer",
            tid,
            acs_scope: scopes,
            resource_id: resource,
            resource_location: "unitedstates",
            iat: issued_at.as_second(),
        };
        Ok(TokenBody { token: self.sign(Issuer::Acs, &claims).await?, expires_on: format_timestamp(expires_on) })
    }

    /// Returns the claims of a token that this signer issued for `issuer`, or `None`. Does not check the expiry.
    pub(crate) async fn verify<C: DeserializeOwned>(&self, issuer: Issuer, token: &str) -> Option<C> {
        let key = self.key().await.ok()?;
        let decrypted = jwe::decrypt(key.secret(), token);
        key.verify(issuer.key_id(), decrypted.as_deref().unwrap_or(token))
    }

    /// Returns a token in encrypted form. [`Self::verify`] decrypts it.
    pub(crate) async fn encrypt(&self, token: &str) -> Result<String, ApiError> {
        jwe::encrypt(self.key().await?.secret(), token).ok_or(ApiError::Internal)
    }

    /// Returns the public keys of both issuers as a JSON Web Key Set (RFC 7517).
    pub(crate) async fn key_set(&self) -> Result<Value, ApiError> {
        let key = self.key().await?;
        let keys = [Issuer::Acs, Issuer::Entra].map(|issuer| {
            let mut jwk = key.jwk(issuer.key_id());
            jwk["alg"] = json!(Algorithm::RS256);
            jwk
        });
        Ok(json!({ "keys": keys }))
    }
}

impl From<PrivateKey> for Signer {
    fn from(key: PrivateKey) -> Self {
        Self(Arc::new(OnceLock::from(Some(key))))
    }
}

impl Serialize for Signer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.force().ok_or_else(|| S::Error::custom("the key cannot be generated"))?.serialize(serializer)
    }
}

/// Returns the claims that all Entra access tokens (version 1.0) of the emulator have. `object` is the user or app that
/// the token is about, and `app` the client that requested it.
pub(crate) fn entra_claims(
    audience: &str,
    tenant: Uuid,
    app: Uuid,
    object: Uuid,
    issued_at: Timestamp,
    expires_on: Timestamp,
) -> Value {
    json!({
        "aud": audience,
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": issued_at.as_second(),
        "nbf": issued_at.as_second(),
        "exp": expires_on.as_second(),
        "appid": app,
        "oid": object,
        "tid": tenant,
        "ver": "1.0",
    })
}
