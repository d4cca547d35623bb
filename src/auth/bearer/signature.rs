//! The signatures of tokens, checked with ring. `jsonwebtoken` provides them only with other cryptography libraries.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{Error, Verifier},
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

/// The functions for keys are not used: keys come as numbers, see [`super::key_set`].
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| Ok(Box::new(Signature::new(*algorithm, key)?)),
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::InvalidAlgorithm.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::InvalidAlgorithm.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
        compute_digest: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    },
};

/// Makes `jsonwebtoken` check signatures with ring. Call it before the first check: without a provider, it panics.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    // The error is that another provider is installed, which only the code of this process can do.
    INSTALLED.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

/// An algorithm with a key for it.
struct Signature {
    algorithm: Algorithm,
    check: Check,
    key: DecodingKey,
}

enum Check {
    Rsa(&'static RsaParameters),
    Other(&'static dyn VerificationAlgorithm),
}

impl Signature {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        let check = match algorithm {
            Algorithm::RS256 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::PS256 => Check::Rsa(&RSA_PSS_2048_8192_SHA256),
            Algorithm::ES256 => Check::Other(&ECDSA_P256_SHA256_FIXED),
            Algorithm::EdDSA => Check::Other(&ED25519),
            _ => return Err(ErrorKind::InvalidAlgorithm.into()),
        };
        if key.family() != algorithm.family() {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        Ok(Self { algorithm, check, key: key.clone() })
    }
}

impl Verifier<Vec<u8>> for Signature {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        match (&self.check, self.key.kind()) {
            (Check::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (Check::Other(algorithm), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(*algorithm, key).verify(message, signature)
            }
            // A key in another form. `KeySet` has none.
            _ => return Err(Error::new()),
        }
        .map_err(|_| Error::new())
    }
}

impl JwtVerifier for Signature {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
