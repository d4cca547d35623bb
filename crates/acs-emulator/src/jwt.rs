//! The tokens' form: RS256 JWTs in the shape of the real ones, and the key that signs them.
//!
//! Some SDKs decode the payload with plain base64 and read `exp` by a regular expression, so a payload is compact ASCII
//! JSON without `>`, `?`, `~` and DEL: then its base64url has neither `-` nor `_`.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKey},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use super::{answer::to_bytes, api_error::ApiError, pkcs8::Pkcs8};

/// One key for all emulators of a process that keep none: making one takes a good part of a second on a small machine.
static KEY: OnceLock<Option<KeyPair>> = OnceLock::new();

/// Whose tokens: a key id each, so that nobody takes one for the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Issuer {
    /// ACS.
    Acs,
    /// The Entra tenant of the test users.
    Entra,
}

impl Issuer {
    /// Real ones are thumbprints in hexadecimal; nobody will take these for one.
    const fn key_id(self) -> &'static str {
        match self {
            Self::Acs => "00000000000000000000000000000000EMULATOR",
            Self::Entra => "0000000000000000000000000ENTRA0EMULATOR0",
        }
    }
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    kid: &'static str,
    x5t: &'static str,
    typ: &'static str,
}

fn make_key() -> Option<&'static KeyPair> {
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).ok()).as_ref()
}

/// What signs an emulator's tokens: a key that is kept with its state, else the process's.
#[derive(Clone, Default)]
pub(super) struct Signer(Option<Arc<KeyPair>>);

impl Signer {
    /// The process's. Its key is being made, so that the first token need not wait for it.
    pub(super) fn of_the_process() -> Self {
        std::thread::spawn(make_key);
        Self::default()
    }

    /// With a new key to keep.
    pub(super) fn generate() -> Option<Self> {
        Some(Self(Some(Arc::new(KeyPair::generate(KeySize::Rsa2048).ok()?))))
    }

    /// With a key that was kept.
    pub(super) fn from_kept(key: &Pkcs8) -> Option<Self> {
        Some(Self(Some(Arc::new(KeyPair::from_pkcs8(&key.0).ok()?))))
    }

    /// The key to keep; nothing where it is the process's.
    pub(super) fn to_kept(&self) -> Option<Pkcs8> {
        let der: Pkcs8V1Der<'static> = self.0.as_ref()?.as_der().ok()?;
        Some(Pkcs8(der.as_ref().to_vec()))
    }

    async fn key(&self) -> Result<&KeyPair, ApiError> {
        if let Some(key) = &self.0 {
            return Ok(key);
        }
        let made = match KEY.get() {
            Some(made) => made.as_ref(),
            None => tokio::task::spawn_blocking(make_key).await.unwrap_or_default(),
        };
        made.ok_or(ApiError::Internal)
    }

    /// A token with these claims, in the order of their fields.
    pub(super) async fn sign(&self, issuer: Issuer, claims: &impl Serialize) -> Result<String, ApiError> {
        let key = self.key().await?;
        let header = Header { alg: "RS256", kid: issuer.key_id(), x5t: "AAAAAAAAAAAAAAAAAAAAAAAAAAA", typ: "JWT" };
        let mut token = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|_| ApiError::Internal)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The claims of a token that this issuer signed here; `None` for everything else. Times are not looked at.
    pub(super) async fn verify<C: DeserializeOwned>(&self, issuer: Issuer, token: &str) -> Option<C> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.public_key().await.ok()?.as_ref());
        public.verify(signed.as_bytes(), &signature).ok()?;
        let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header["kid"] != issuer.key_id() {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    async fn public_key(&self) -> Result<&PublicKey, ApiError> {
        Ok(self.key().await?.public_key())
    }

    /// The public keys, as RFC 7517 writes them.
    pub(super) async fn key_set(&self) -> Result<serde_json::Value, ApiError> {
        let public = self.public_key().await?;
        let modulus = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let exponent = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        let keys = [Issuer::Acs, Issuer::Entra].map(|issuer| {
            serde_json::json!({
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": issuer.key_id(), "n": modulus, "e": exponent
            })
        });
        Ok(serde_json::json!({ "keys": keys }))
    }
}

fn encode(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(to_bytes(part))
}
