//! Guest passes: opaque texts for invitation links, which carry signed claims.
//!
//! A pass is `<pass id>.<signature>`. The pass id contains all claims and check bytes, so a record in the directory is
//! found by it. The signature makes it a pass: a back end can keep the id to end the pass, and the id gives no access.

use std::{fmt, sync::Arc};

use acs_identity::{
    signature::hmac_sha256,
    types::{Scope, TokenLifetime},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac as _;
use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretSlice};

/// Random bytes in a pass id, which make it unique and unguessable.
const RANDOM: usize = 12;

/// Length of the claims: random bytes, expiry, uses, minutes of a token, scopes.
const CLAIMS: usize = RANDOM + 4 + 2 + 2 + 1;

/// Length of a pass id: claims, and check bytes that tell a mistyped id from a real one.
const ID: usize = CLAIMS + 6;

/// Length of a signature: HMAC-SHA256.
const SIGNATURE: usize = 32;

/// Separates check bytes from signatures, which have the same key.
const ID_PURPOSE: &[u8] = b"id";
const SIGNATURE_PURPOSE: &[u8] = b"pass";

/// The text of a pass has two parts.
const SEPARATOR: char = '.';

/// The claims of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassClaims {
    /// The scopes of the guests' tokens.
    pub scopes: Vec<Scope>,
    /// The lifetime of the guests' tokens.
    pub lifetime: TokenLifetime,
    /// The number of guests.
    pub uses: u16,
    /// The time from which the pass is refused, a whole minute.
    pub expires: Timestamp,
}

/// The id of a pass, with its claims. It gives no access.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PassId([u8; ID]);

/// A pass whose signature was verified. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct GuestPass {
    id: PassId,
    claims: PassClaims,
    signature: [u8; SIGNATURE],
}

/// A guest of a pass, as a keyed hash of the text by which the guest's browser names itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct GuestHash([u8; 16]);

/// The reason why a text is refused as a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassError {
    /// The text is not a pass, or its signature is not made with one of the keys.
    Invalid,
    /// The pass has expired.
    Expired,
}

/// The keys that sign passes: the first one, and a second one while it is being replaced.
#[derive(Debug, Clone)]
pub struct PassKeys(Arc<[SecretSlice<u8>]>);

impl PassKeys {
    /// Creates the keys. The first one signs new passes.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self(keys.into_iter().map(|key| SecretSlice::from(key.to_vec())).collect())
    }

    /// Creates a pass. Returns `None` if the system provides no random bytes, or if the expiry is in the distant past or
    /// future.
    #[must_use]
    pub fn issue(&self, claims: PassClaims) -> Option<GuestPass> {
        let key = self.0.first()?.expose_secret();
        let mut random = [0; RANDOM];
        SystemRandom::new().fill(&mut random).ok()?;
        let minute = u32::try_from(claims.expires.as_second() / 60).ok()?;
        let scopes = claims.scopes.iter().fold(0, |mask, scope| mask | bit(*scope));
        let mut id = [
            &random[..],
            &minute.to_be_bytes(),
            &claims.uses.to_be_bytes(),
            &claims.lifetime.minutes().to_be_bytes(),
            &[scopes],
        ]
        .concat();
        let check = hmac_sha256(key, ID_PURPOSE).chain_update(&id).finalize().into_bytes();
        id.extend_from_slice(&check[..ID - CLAIMS]);
        let id = PassId(id.try_into().ok()?);
        Some(GuestPass { id, claims, signature: sign(key, &id).finalize().into_bytes().into() })
    }

    /// Verifies a pass.
    ///
    /// # Errors
    /// See [`PassError`].
    pub fn verify(&self, text: &str, now: Timestamp) -> Result<GuestPass, PassError> {
        let (id, signature) = text.split_once(SEPARATOR).ok_or(PassError::Invalid)?;
        let id = PassId(decode(id).ok_or(PassError::Invalid)?);
        let signature: [u8; SIGNATURE] = decode(signature).ok_or(PassError::Invalid)?;
        // In constant time.
        let is_of = |key: &SecretSlice<u8>| sign(key.expose_secret(), &id).verify_slice(&signature).is_ok();
        if !self.0.iter().any(is_of) {
            return Err(PassError::Invalid);
        }
        let claims = id.claims().ok_or(PassError::Invalid)?;
        if now < claims.expires { Ok(GuestPass { id, claims, signature }) } else { Err(PassError::Expired) }
    }

    /// Reads the id of a pass. Returns `None` if its check bytes are not made with one of the keys.
    #[must_use]
    pub fn read_id(&self, text: &str) -> Option<PassId> {
        let id = PassId(decode(text)?);
        let (claims, check) = id.0.split_at(CLAIMS);
        let is_of = |key: &SecretSlice<u8>| {
            let hmac = hmac_sha256(key.expose_secret(), ID_PURPOSE).chain_update(claims);
            hmac.verify_truncated_left(check).is_ok()
        };
        (self.0.iter().any(is_of) && id.claims().is_some()).then_some(id)
    }
}

fn sign(key: &[u8], id: &PassId) -> hmac::Hmac<sha2::Sha256> {
    hmac_sha256(key, SIGNATURE_PURPOSE).chain_update(id.0)
}

/// Reads base64url without padding. Each value has one text.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Returns the bit of a scope in a pass. It never changes.
const fn bit(scope: Scope) -> u8 {
    match scope {
        Scope::Chat => 1,
        Scope::ChatJoin => 2,
        Scope::ChatJoinLimited => 4,
        Scope::Voip => 8,
        Scope::VoipJoin => 16,
    }
}

impl PassId {
    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the claims. `None` if no pass has such an id.
    pub(crate) fn claims(&self) -> Option<PassClaims> {
        let (_, [e0, e1, e2, e3, u0, u1, m0, m1, mask, ..]) = self.0.split_first_chunk::<RANDOM>()? else {
            return None;
        };
        let scopes = Scope::ALL.into_iter().filter(|scope| mask & bit(*scope) != 0).collect();
        let minutes = u16::from_be_bytes([*m0, *m1]);
        let expiry = u32::from_be_bytes([*e0, *e1, *e2, *e3]);
        Some(PassClaims {
            scopes,
            lifetime: TokenLifetime::from_minutes(i64::from(minutes)).ok()?,
            uses: Some(u16::from_be_bytes([*u0, *u1])).filter(|uses| *uses > 0)?,
            expires: Timestamp::from_second(i64::from(expiry) * 60).ok()?,
        })
    }
}

impl fmt::Display for PassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for PassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassId(…)")
    }
}

impl GuestPass {
    /// Returns the id of the pass.
    #[must_use]
    pub const fn id(&self) -> PassId {
        self.id
    }

    /// Returns the claims.
    #[must_use]
    pub const fn claims(&self) -> &PassClaims {
        &self.claims
    }

    /// Returns the text of the pass, which gives access.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{}{SEPARATOR}{}", self.id, URL_SAFE_NO_PAD.encode(self.signature))
    }

    /// Returns the hash of a guest's text, or of a guest without one. Its key is the signature, which does not change when
    /// the keys are replaced.
    #[must_use]
    pub fn guest(&self, text: Option<&str>) -> GuestHash {
        let purpose: &[u8] = if text.is_some() { b"guest" } else { b"only guest" };
        let hash = hmac_sha256(&self.signature, purpose).chain_update(text.unwrap_or_default());
        let mut guest = [0; 16];
        guest.copy_from_slice(&hash.finalize().into_bytes()[..16]);
        GuestHash(guest)
    }
}

impl fmt::Debug for GuestPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuestPass(…)")
    }
}

impl GuestHash {
    /// Returns a number that chooses the first slot for the guest.
    pub(crate) fn number(&self) -> u32 {
        self.0.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    pub(crate) fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 16];
        hex::decode_to_slice(text, &mut hash).ok()?;
        Some(Self(hash))
    }
}

impl fmt::Debug for GuestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuestHash(…)")
    }
}

#[cfg(test)]
mod tests;
