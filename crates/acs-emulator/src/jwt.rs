//! JSON Web Tokens (RFC 7519), and the keys that sign them: for identities, Entra test users and the test issuer.
//!
//! Some SDKs decode a payload with plain base64 and read `exp` with a regular expression. Payloads are therefore
//! compact ASCII JSON without `>`, `?`, `~` and DEL, so that their base64url contains neither `-` nor `_`.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, UnparsedPublicKey,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned, ser::Error as _};
use serde_json::{Value, json};

use crate::{answer::to_bytes, api_error::ApiError};

/// A signature algorithm, by its name in RFC 7518 or RFC 8037.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    #[default]
    RS256,
    PS256,
    ES256,
    EdDSA,
}

/// A private key. In the state file it is PKCS #8 in base64.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum PrivateKey {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl PrivateKey {
    /// Generates a key for an algorithm. An RSA key takes up to a second on a small machine.
    pub(crate) fn generate(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rsa).ok(),
            Algorithm::ES256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Ec).ok(),
            Algorithm::EdDSA => Ed25519KeyPair::generate().map(Self::Ed).ok(),
        }
    }

    fn from_pkcs8(document: &[u8]) -> Option<Self> {
        let rsa = || RsaKeyPair::from_pkcs8(document).map(Self::Rsa).ok();
        let ec = || EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).map(Self::Ec).ok();
        rsa().or_else(ec).or_else(|| Ed25519KeyPair::from_pkcs8(document).map(Self::Ed).ok())
    }

    fn to_pkcs8(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).ok().map(|der| der.as_ref().to_vec()),
            Self::Ec(pair) => pair.to_pkcs8v1().ok().map(|der| der.as_ref().to_vec()),
            Self::Ed(pair) => pair.to_pkcs8v1().ok().map(|der| der.as_ref().to_vec()),
        }
    }

    /// Returns the public key as a JSON Web Key (RFC 7517).
    pub(crate) fn jwk(&self, id: &str) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let modulus = encode(pair.public_key().modulus().big_endian_without_leading_zero());
                let exponent = encode(pair.public_key().exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "use": "sig", "kid": id, "n": modulus, "e": exponent })
            }
            Self::Ec(pair) => {
                // SEC 1, section 2.3.3: one byte for "uncompressed", then both coordinates.
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..65]));
                json!({ "kty": "EC", "use": "sig", "kid": id, "crv": "P-256", "x": x, "y": y })
            }
            Self::Ed(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({ "kty": "OKP", "use": "sig", "kid": id, "crv": "Ed25519", "x": x })
            }
        }
    }

    fn signature(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let padding = if let Algorithm::PS256 = algorithm { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ec(pair) => pair.sign(&random, message).ok().map(|signature| signature.as_ref().to_vec()),
            Self::Ed(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }

    /// Returns a signed token. Members of header and claims keep their order.
    pub(crate) fn sign(
        &self,
        algorithm: Algorithm,
        header: &impl Serialize,
        claims: &impl Serialize,
    ) -> Result<String, ApiError> {
        let [header, claims] = [to_bytes(header), to_bytes(claims)].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signed = format!("{header}.{claims}");
        let signature = self.signature(algorithm, signed.as_bytes()).ok_or(ApiError::Internal)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Returns the claims of a token that this RSA key signed with RS256 under this key id, or `None`. Does not check
    /// any claim.
    pub(crate) fn verify<C: DeserializeOwned>(&self, id: &str, token: &str) -> Option<C> {
        let Self::Rsa(pair) = self else { return None };
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        (header["kid"] == id).then(|| serde_json::from_slice(&claims).ok())?
    }
}

impl TryFrom<String> for PrivateKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        STANDARD.decode(text).ok().and_then(|document| Self::from_pkcs8(&document)).ok_or("not a private key")
    }
}

impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = self.to_pkcs8().ok_or_else(|| S::Error::custom("the key cannot be exported"))?;
        serializer.serialize_str(&STANDARD.encode(document))
    }
}
