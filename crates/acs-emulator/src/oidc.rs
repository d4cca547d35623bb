//! A test issuer behind the control: discovery, keys, tokens with any claims, new keys on request.
//!
//! It stands under `/_emulator/oidc`, and under every path below that as another issuer with the same keys, so that
//! tenants can be played.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaEncoding,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{keeper::StateFile, pkcs8::Pkcs8};

/// What a token is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Order {
    /// They come over those that every token has (`iss`, `iat`, `nbf`, `exp`); null takes one away.
    #[serde(default)]
    claims: Map<String, Value>,
    /// The same for the header (`alg`, `kid`, `typ`).
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default)]
    alg: Algorithm,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
enum Algorithm {
    #[default]
    RS256,
    PS256,
    ES256,
    EdDSA,
}

/// How often the issuer was asked for something.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Fetches {
    discovery: u64,
    keys: u64,
}

/// The issuer.
#[derive(Default)]
pub(super) struct Oidc {
    state: Mutex<State>,
    keeper: StateFile,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<Keys>>,
    /// How often the keys were changed: a part of their ids.
    rolls: u32,
    fetches: Fetches,
}

struct Keys {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    roll: u32,
}

/// What is kept of the issuer.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    rolls: u32,
    keys: Option<KeptKeys>,
}

/// The same, ready for use.
pub(super) struct Restored {
    keys: Option<Arc<Keys>>,
    rolls: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptKeys {
    rsa: Pkcs8,
    ec: Pkcs8,
    ed: Pkcs8,
}

/// Cryptography failed, for which there is no reason.
pub(super) struct Failed;

impl Oidc {
    /// The issuer with what was kept of it. Changes are noted with the keeper.
    pub(super) fn with(kept: Restored, keeper: StateFile) -> Self {
        let Restored { keys, rolls } = kept;
        Self { state: Mutex::new(State { keys, rolls, fetches: Fetches::default() }), keeper }
    }

    /// What is to be kept.
    pub(super) fn to_kept(&self) -> Kept {
        let state = self.state();
        Kept { rolls: state.rolls, keys: state.keys.as_ref().and_then(|keys| keys.to_kept()) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was asked.
    pub(super) fn fetches(&self) -> Fetches {
        self.state().fetches
    }

    /// The discovery document of the issuer with this name.
    pub(super) fn discovery(&self, issuer: &str, keys: &str) -> Value {
        self.state().fetches.discovery += 1;
        json!({
            "issuer": issuer,
            "jwks_uri": keys,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        })
    }

    /// The public keys, as RFC 7517 writes them.
    pub(super) async fn key_set(&self) -> Result<Value, Failed> {
        self.state().fetches.keys += 1;
        self.keys().await?.public()
    }

    /// Forgets the keys; the next ones have other ids.
    pub(super) fn roll(&self) {
        {
            let mut state = self.state();
            state.keys = None;
            state.rolls += 1;
        }
        self.keeper.note();
    }

    /// A token as ordered.
    pub(super) async fn token(&self, issuer: &str, order: Order) -> Result<String, Failed> {
        let keys = self.keys().await?;
        let now = Timestamp::now().as_second();
        let header = json!({ "alg": order.alg.name(), "kid": keys.id(order.alg), "typ": "JWT" });
        let claims = json!({ "iss": issuer, "iat": now, "nbf": now, "exp": now + 3600 });
        let signed = format!("{}.{}", part(header, order.header), part(claims, order.claims));
        let signature = keys.sign(order.alg, signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    async fn keys(&self) -> Result<Arc<Keys>, Failed> {
        loop {
            let (known, roll) = {
                let state = self.state();
                (state.keys.clone(), state.rolls)
            };
            if let Some(keys) = known {
                return Ok(keys);
            }
            let made = tokio::task::spawn_blocking(move || Keys::generate(roll)).await.map_err(|_| Failed)??;
            let mut state = self.state();
            // Of two who made keys at once the first one's stay; and none do that were rolled away meanwhile.
            if state.rolls == roll {
                state.keys.get_or_insert(Arc::new(made));
                drop(state);
                self.keeper.note();
            }
        }
    }
}

impl Kept {
    pub(super) fn restore(&self) -> Result<Restored, Failed> {
        let keys = self.keys.as_ref().map(|keys| Keys::from_kept(keys, self.rolls)).transpose()?;
        Ok(Restored { keys: keys.map(Arc::new), rolls: self.rolls })
    }
}

impl Algorithm {
    const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl Keys {
    fn generate(roll: u32) -> Result<Self, Failed> {
        Ok(Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Failed)?,
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| Failed)?,
            ed: Ed25519KeyPair::generate().map_err(|_| Failed)?,
            roll,
        })
    }

    fn from_kept(kept: &KeptKeys, roll: u32) -> Result<Self, Failed> {
        Ok(Self {
            rsa: RsaKeyPair::from_pkcs8(&kept.rsa.0).map_err(|_| Failed)?,
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &kept.ec.0).map_err(|_| Failed)?,
            ed: Ed25519KeyPair::from_pkcs8(&kept.ed.0).map_err(|_| Failed)?,
            roll,
        })
    }

    fn to_kept(&self) -> Option<KeptKeys> {
        let rsa: Pkcs8V1Der<'static> = self.rsa.as_der().ok()?;
        Some(KeptKeys {
            rsa: Pkcs8(rsa.as_ref().to_vec()),
            ec: Pkcs8(self.ec.to_pkcs8v1().ok()?.as_ref().to_vec()),
            ed: Pkcs8(self.ed.to_pkcs8v1().ok()?.as_ref().to_vec()),
        })
    }

    /// Plainly none of a real issuer's.
    fn id(&self, algorithm: Algorithm) -> String {
        let kind = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => "rsa",
            Algorithm::ES256 => "ec",
            Algorithm::EdDSA => "ed",
        };
        format!("emulator-{kind}-{}", self.roll)
    }

    fn public(&self) -> Result<Value, Failed> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let rsa = self.rsa.public_key();
        let (n, e) =
            (rsa.modulus().big_endian_without_leading_zero(), rsa.exponent().big_endian_without_leading_zero());
        // SEC 1 section 2.3.3: a byte that says "uncompressed", and two coordinates.
        let (x, y) = self.ec.public_key().as_ref().get(1..65).ok_or(Failed)?.split_at(32);
        let ed = self.ed.public_key().as_ref();
        Ok(json!({ "keys": [
            { "kty": "RSA", "use": "sig", "kid": self.id(Algorithm::RS256), "n": encode(n), "e": encode(e) },
            { "kty": "EC", "use": "sig", "kid": self.id(Algorithm::ES256), "crv": "P-256", "x": encode(x), "y": encode(y) },
            { "kty": "OKP", "use": "sig", "kid": self.id(Algorithm::EdDSA), "crv": "Ed25519", "x": encode(ed) },
        ] }))
    }

    fn sign(&self, algorithm: Algorithm, signed: &[u8]) -> Result<Vec<u8>, Failed> {
        let random = SystemRandom::new();
        let rsa = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(padding, &random, signed, &mut signature).map(|()| signature)
        };
        let signature = match algorithm {
            Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::PS256 => rsa(&RSA_PSS_SHA256),
            Algorithm::ES256 => self.ec.sign(&random, signed).map(|signature| signature.as_ref().to_vec()),
            Algorithm::EdDSA => Ok(self.ed.sign(signed).as_ref().to_vec()),
        };
        signature.map_err(|_| Failed)
    }
}

/// A part of a token: what it usually says, and what was ordered over it.
fn part(usual: Value, ordered: Map<String, Value>) -> String {
    let Value::Object(mut object) = usual else { return String::new() };
    object.extend(ordered);
    object.retain(|_, value| !value.is_null());
    URL_SAFE_NO_PAD.encode(super::answer::to_bytes(&object))
}
