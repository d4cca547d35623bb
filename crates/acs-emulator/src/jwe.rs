//! Encrypted tokens: JSON Web Encryption (RFC 7516) in five parts, around a signed token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{Context, SHA256},
    rand::{SecureRandom as _, SystemRandom},
};

/// The protected header. The key is used directly (`dir`), so that the second part is empty.
const HEADER: &str = r#"{"alg":"dir","enc":"A256GCM","cty":"JWT","kid":"EMULATOR"}"#;

/// Returns the key for a secret.
fn key(secret: &[u8]) -> Option<LessSafeKey> {
    let mut digest = Context::new(&SHA256);
    digest.update(b"acs-tokens emulator: encrypted tokens");
    digest.update(secret);
    UnboundKey::new(&AES_256_GCM, digest.finish().as_ref()).map(LessSafeKey::new).ok()
}

/// Encrypts a token with a key that is derived from `secret`.
pub(crate) fn encrypt(secret: &[u8], token: &str) -> Option<String> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).ok()?;
    let (header, mut text) = (URL_SAFE_NO_PAD.encode(HEADER), token.as_bytes().to_vec());
    let sealed = Nonce::assume_unique_for_key(nonce);
    let tag = key(secret)?.seal_in_place_separate_tag(sealed, Aad::from(&header), &mut text).ok()?;
    let [nonce, text, tag] = [&nonce[..], &text, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
    Some(format!("{header}..{nonce}.{text}.{tag}"))
}

/// Returns the token in an encrypted one, `None` if it was not encrypted with this secret.
pub(crate) fn decrypt(secret: &[u8], token: &str) -> Option<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, "", nonce, text, tag] = parts[..] else { return None };
    let nonce = Nonce::try_assume_unique_for_key(&URL_SAFE_NO_PAD.decode(nonce).ok()?).ok()?;
    let mut text = [URL_SAFE_NO_PAD.decode(text).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?].concat();
    let token = key(secret)?.open_in_place(nonce, Aad::from(header), &mut text).ok()?;
    String::from_utf8(token.to_vec()).ok()
}
