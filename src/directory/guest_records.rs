//! The names of guests' records, and the folders that they are in.

use std::{fmt, str::FromStr};

use futures_util::{Stream, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use object_store::ObjectStore as _;
use sha2::{Digest as _, Sha256};

use super::{
    RecordName, StoreError,
    store::{RecordStore, in_time},
};
use crate::guest_pass::PassId;

/// The folder of guests' records.
pub(super) const FOLDER: &str = "guests";

const HOUR: i64 = 60 * 60;

/// The time that a call with a pass may take after the pass has expired, and the difference between clocks.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// The form of an hour in names, in UTC: `2026112610`.
const FORM: &str = "%Y%m%d%H";

/// The hour from which the record of a guest is of no use: the pass has expired, and so have its last tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct EndHour(i64);

impl EndHour {
    /// Returns the end of the records of a pass.
    fn of(pass: &PassId) -> Self {
        let last_token = pass.claims().map_or(0, |claims| {
            let minutes = SignedDuration::from_mins(i64::from(claims.lifetime.minutes()));
            claims.expires.as_second() + (minutes + MARGIN).as_secs()
        });
        Self(last_token.div_euclid(HOUR) + 1)
    }

    /// Returns the hour of a time, which is the last one that is over then.
    pub(super) fn at(time: Timestamp) -> Self {
        Self(time.as_second().div_euclid(HOUR))
    }
}

impl fmt::Display for EndHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = Timestamp::from_second(self.0 * HOUR).unwrap_or(Timestamp::MAX);
        write!(f, "{}", start.strftime(FORM))
    }
}

impl FromStr for EndHour {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        let start = DateTime::strptime(FORM, text)?;
        Ok(Self(Offset::UTC.to_timestamp(start)?.as_second().div_euclid(HOUR)))
    }
}

/// Returns the name of the record of a pass, which exists if the pass was ended.
pub(super) fn pass_record(pass: &PassId) -> RecordName {
    name(pass, b"acs-tokens: an ended guest pass", 0)
}

/// Returns the name of the record of a use. It needs no key, because a pass id cannot be guessed.
pub(super) fn slot_record(pass: &PassId, slot: u16) -> RecordName {
    name(pass, b"acs-tokens: a use of a guest pass", slot)
}

fn name(pass: &PassId, purpose: &[u8], slot: u16) -> RecordName {
    let hash = Sha256::new().chain_update(purpose).chain_update(pass.bytes()).chain_update(slot.to_be_bytes());
    RecordName::of_guest(EndHour::of(pass), hash.finalize().into())
}

impl RecordStore {
    /// Returns the hours that are over and have records of guests, the earliest first.
    pub(super) async fn over_hours(&self, now: EndHour) -> Result<Vec<EndHour>, StoreError> {
        let folder = self.prefix.clone().join(FOLDER);
        let listed = in_time(async { Ok(self.objects.list_with_delimiter(Some(&folder)).await?) }).await?;
        let hours = listed.common_prefixes.iter().filter_map(|folder| folder.filename()?.parse().ok());
        let mut over: Vec<EndHour> = hours.filter(|hour| *hour <= now).collect();
        over.sort_unstable();
        Ok(over)
    }

    /// Returns the names of the guests' records of an hour, unordered. Skips objects with other names.
    pub(super) fn names_of_hour(&self, end: EndHour) -> impl Stream<Item = Result<RecordName, StoreError>> {
        let folder = self.prefix.clone().join(FOLDER).join(end.to_string());
        self.objects.list(Some(&folder)).map_err(StoreError::from).try_filter_map(move |meta| async move {
            let hash = meta.location.filename().and_then(|name| name.strip_suffix(".json")?.parse::<RecordName>().ok());
            Ok(hash.map(|name| RecordName::of_guest(end, *name.bytes())))
        })
    }
}

#[cfg(test)]
mod tests {
    use acs_identity::types::{Scope, TokenLifetime};

    use super::*;
    use crate::guest_pass::{PassClaims, PassKeys};

    fn pass(expires: &str, minutes: i64) -> PassId {
        let lifetime = TokenLifetime::from_minutes(minutes).unwrap();
        let claims = PassClaims { scopes: vec![Scope::VoipJoin], lifetime, uses: 1, expires: expires.parse().unwrap() };
        PassKeys::new([[1; 32]]).issue(claims).unwrap().id()
    }

    #[test]
    fn records_end_after_the_last_token() {
        for (expires, minutes, end) in [
            ("2026-11-26T10:00:00Z", 60, "2026112612"),
            ("2026-11-26T10:54:00Z", 60, "2026112612"),
            ("2026-11-26T10:55:00Z", 60, "2026112613"),
            ("2026-12-31T23:00:00Z", 1440, "2027010200"),
        ] {
            let hour = EndHour::of(&pass(expires, minutes));
            assert_eq!(hour.to_string(), end);
            assert_eq!(end.parse::<EndHour>().unwrap(), hour);
        }
        for text in ["", "2026", "20261126", "2026112625", "2026112610.json", "users"] {
            assert!(text.parse::<EndHour>().is_err(), "{text}");
        }
    }

    #[test]
    fn records_have_names_of_their_own() {
        let (one, other) = (pass("2026-11-26T10:00:00Z", 60), pass("2026-11-26T10:00:00Z", 60));
        let names = [pass_record(&one), slot_record(&one, 0), slot_record(&one, 1), slot_record(&other, 0)];
        for (i, name) in names.iter().enumerate() {
            assert!(!names[..i].contains(name), "{i}");
            let text = name.to_string();
            assert!(text.starts_with("guests/2026112612/") && text.len() == 82, "{text}");
        }
    }
}
