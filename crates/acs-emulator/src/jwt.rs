//! JSON Web Tokens (RFC 7519), and the keys that sign them: for identities, Entra test users and the test issuer.
//!
//! Some SDKs decode a payload with plain base64 and read `exp` with a regular expression. Payloads are therefore
//! compact ASCII JSON without `>`, `?`, `~` and DEL, so that their base64url contains neither `-` nor `_`.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, UnparsedPublicKey,
    },
};
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{answer::to_bytes, api_error::ApiError, rsa};

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
pub(crate) struct PrivateKey {
    /// PKCS #8. ring does not export a key.
    document: Vec<u8>,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl PrivateKey {
    /// Generates a key for an algorithm. An RSA key takes up to a second on a small machine.
    pub(crate) fn generate(algorithm: Algorithm) -> Option<Self> {
        let random = SystemRandom::new();
        Self::from_pkcs8(match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => rsa::generate()?,
            Algorithm::ES256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).ok()?.as_ref().to_vec()
            }
            Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8(&random).ok()?.as_ref().to_vec(),
        })
    }

    fn from_pkcs8(document: Vec<u8>) -> Option<Self> {
        let (curve, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let rsa = || RsaKeyPair::from_pkcs8(&document).map(Pair::Rsa).ok();
        let ec = || EcdsaKeyPair::from_pkcs8(curve, &document, &random).map(Pair::Ec).ok();
        // State files of earlier versions do not contain the public key.
        let ed = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).map(Pair::Ed).ok();
        let pair = rsa().or_else(ec).or_else(ed)?;
        Some(Self { document, pair })
    }

    /// Returns the secret from which other keys are derived.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.document
    }

    /// Returns the public key as a JSON Web Key (RFC 7517).
    pub(crate) fn jwk(&self, id: &str) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public_key().into();
                json!({ "kty": "RSA", "use": "sig", "kid": id, "n": encode(&n), "e": encode(&e) })
            }
            Pair::Ec(pair) => {
                // SEC 1, section 2.3.3: one byte for "uncompressed", then both coordinates.
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..65]));
                json!({ "kty": "EC", "use": "sig", "kid": id, "crv": "P-256", "x": x, "y": y })
            }
            Pair::Ed(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({ "kty": "OKP", "use": "sig", "kid": id, "crv": "Ed25519", "x": x })
            }
        }
    }

    fn signature(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &dyn RsaEncoding =
                    if let Algorithm::PS256 = algorithm { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ec(pair) => pair.sign(&random, message).ok().map(|signature| signature.as_ref().to_vec()),
            Pair::Ed(pair) => Some(pair.sign(message).as_ref().to_vec()),
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
        let Pair::Rsa(pair) = &self.pair else { return None };
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
        STANDARD.decode(text).ok().and_then(Self::from_pkcs8).ok_or("not a private key")
    }
}

impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.document))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The state files of earlier versions have Ed25519 keys in this form. The example is from RFC 8410, sections 10.1 and 10.3.
    #[test]
    fn a_key_without_its_public_key_is_read() {
        let text = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
        let key: PrivateKey = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(key.jwk("")["x"], "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE");
        assert_eq!(json!(key), text);
    }
}
