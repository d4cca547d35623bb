//! Any text as a guest pass: exactly the text of a signed pass is accepted, and exactly the text of a real pass id.
//!
//! A fuzzer cannot guess signatures, so an input has placeholders: `{id}` and `{signature}` for the two parts of a pass,
//! and `{other}` for the id of another one.

#![no_main]

use acs_tokens::guest_pass::{PassError, PassKeys};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

/// Two passes under the key of 32 bytes 7, which expire in 2026.
const PASS: &str = "Z3vQ4Iolie13MS0KAcjEgAABADwQifITP-Ov.JvTZcCf8w6BjXlLmg0KUxZ5El21cUSOdYQM8qXv9z1k";
const OTHER: &str = "yg1J6PVT5EmlrzaKAcjEgAAyADwQSUJNTa49.3NA86zaMkancs5DEqxfNDHMNxsGdyEt0YZZtoZi88R0";

fuzz_target!(|input: &str| {
    let keys = PassKeys::new([[7; 32]]);
    let ((id, signature), (other, _)) = (PASS.split_once('.').unwrap(), OTHER.split_once('.').unwrap());
    let text = input.replace("{id}", id).replace("{signature}", signature).replace("{other}", other);
    let (before, after) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
    let is_pass = text == PASS || text == OTHER;
    match keys.verify(&text, before) {
        Ok(pass) => assert!(is_pass && pass.expose() == text && pass.claims().uses > 0, "accepted {text}"),
        Err(error) => assert!(!is_pass && error == PassError::Invalid, "refused {text}"),
    }
    let expired = keys.verify(&text, after).expect_err("a pass expires");
    assert_eq!(expired == PassError::Expired, is_pass, "{text}");
    let read = keys.read_id(&text).map(|id| id.to_string());
    assert_eq!(read.as_deref(), Some(&*text).filter(|text| [id, other].contains(text)), "{text}");
});
