//! Tests of passes: what they carry, and which texts are refused.

use proptest::{prelude::*, sample::subsequence};

use super::*;

fn keys(bytes: &[u8]) -> PassKeys {
    PassKeys::new(bytes.iter().map(|byte| [*byte; 32]))
}

fn claims() -> PassClaims {
    PassClaims {
        scopes: vec![Scope::VoipJoin],
        lifetime: TokenLifetime::MIN,
        uses: 1,
        expires: "2026-12-01T12:34:00Z".parse().unwrap(),
    }
}

fn before() -> Timestamp {
    "2026-12-01T12:33:59.999Z".parse().unwrap()
}

#[test]
fn pass_is_verified_until_it_expires() {
    let pass = keys(&[1]).issue(claims()).unwrap();
    let text = pass.expose();
    assert_eq!(keys(&[1]).verify(&text, before()), Ok(pass.clone()));
    assert_eq!(keys(&[1]).verify(&text, claims().expires), Err(PassError::Expired));
    assert_eq!(text.len(), 36 + 1 + 43);
    assert_eq!(keys(&[1]).read_id(&pass.id().to_string()), Some(pass.id()));
    assert_ne!(keys(&[1]).issue(claims()).unwrap(), pass, "each pass is unique");
}

#[test]
fn either_key_verifies_and_the_first_signs() {
    let (old, both) = (keys(&[1]), keys(&[2, 1]));
    let (first, second) = (old.issue(claims()).unwrap(), both.issue(claims()).unwrap());
    for pass in [&first, &second] {
        assert_eq!(both.verify(&pass.expose(), before()).as_ref(), Ok(pass));
        assert_eq!(both.read_id(&pass.id().to_string()), Some(pass.id()));
    }
    assert_eq!(keys(&[2]).verify(&first.expose(), before()), Err(PassError::Invalid));
    assert_eq!(keys(&[2]).read_id(&first.id().to_string()), None);
    assert_eq!(keys(&[2]).verify(&second.expose(), before()), Ok(second));
}

#[test]
fn guests_have_hashes_of_their_own_in_each_pass() {
    let [one, other] = [(); 2].map(|()| keys(&[1]).issue(claims()).unwrap());
    let hashes = [one.guest(None), one.guest(Some("")), one.guest(Some("a")), one.guest(Some("b")), other.guest(None)];
    for (i, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..i].contains(hash), "{i}");
        assert_eq!(GuestHash::from_hex(&hash.to_hex()), Some(*hash));
    }
}

#[test]
fn debug_output_shows_nothing() {
    let pass = keys(&[1]).issue(claims()).unwrap();
    let shown = format!("{pass:?} {:?} {:?} {:?}", pass.id(), pass.guest(Some("a guest")), keys(&[1]));
    assert_eq!(shown, "GuestPass(…) PassId(…) GuestHash(…) PassKeys([SecretBox<[u8]>([REDACTED])])");
}

#[test]
fn texts_that_are_no_passes_are_refused() {
    let keys = keys(&[1]);
    let [pass, other] = [(); 2].map(|()| keys.issue(claims()).unwrap().expose());
    let ((id, signature), (other_id, _)) = (pass.split_once('.').unwrap(), other.split_once('.').unwrap());
    for text in [
        "",
        ".",
        id,
        signature,
        &format!("{id}."),
        &format!("{id}.{id}"),
        &format!("{signature}.{id}"),
        &format!("{other_id}.{signature}"),
        &format!("{pass}."),
        &format!("{pass}A"),
        &format!(" {pass}"),
        &format!("{pass}="),
    ] {
        assert_eq!(keys.verify(text, before()), Err(PassError::Invalid), "{text}");
        assert_eq!(keys.read_id(text), if text == id { keys.read_id(id) } else { None });
    }
}

proptest! {
    // No file with failed cases: the failure prints the case.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pass_carries_its_claims_and_any_changed_bit_is_refused(
        scopes in subsequence(Scope::ALL.to_vec(), 1..=Scope::ALL.len()),
        minutes in 60..=1440i64,
        uses in 1..=u16::MAX,
        expiry in 1..=4_000_000_000u32,
        bit in 0..8 * (ID + SIGNATURE),
    ) {
        let expires = Timestamp::from_second(i64::from(expiry) * 60).unwrap();
        let claims = PassClaims { scopes, lifetime: TokenLifetime::from_minutes(minutes).unwrap(), uses, expires };
        let keys = keys(&[1]);
        let pass = keys.issue(claims.clone()).unwrap();
        let read = keys.verify(&pass.expose(), Timestamp::UNIX_EPOCH).unwrap();
        prop_assert_eq!(read.claims(), &claims);
        prop_assert_eq!(read.id().claims(), Some(claims));

        let mut bytes = [pass.id.bytes(), &pass.signature].concat();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (id, signature) = bytes.split_at(ID);
        let changed = [id, signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        prop_assert_eq!(keys.verify(&changed, Timestamp::UNIX_EPOCH), Err(PassError::Invalid));
        prop_assert_eq!(keys.read_id(&URL_SAFE_NO_PAD.encode(id)).is_some(), id == pass.id.bytes());
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "[A-Za-z0-9_.-]{0,100}") {
        prop_assert!(keys(&[1]).verify(&text, before()).is_err());
        prop_assert!(keys(&[1]).read_id(&text).is_none());
    }
}
