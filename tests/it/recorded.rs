//! The exchanges that Microsoft's tests recorded of ACS: the data of tests/recorded.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Deserialize;
use serde_json::Value;

/// A distinct request with its answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) request: Request,
    pub(crate) answer: Answer,
    pub(crate) not_reproduced: Option<String>,
    pub(crate) recordings: Vec<Recording>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) body: Value,
    pub(crate) lifetime_minutes: Option<i64>,
}

/// A recording of an exchange.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Recording {
    version: String,
    played_as: Option<String>,
    pub(crate) credential: Credential,
    headers: Option<String>,
    pub(crate) content_length: Option<usize>,
    pub(crate) supported_versions: Option<SupportedVersions>,
    date: Option<String>,
    repository: String,
    file: Option<String>,
    commit: Option<String>,
    #[serde(default)]
    issues: Vec<u32>,
    note: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Credential {
    Key,
    #[serde(rename = "managed identity")]
    ManagedIdentity,
    #[serde(rename = "wrong key")]
    WrongKey,
}

/// The header `api-supported-versions` of an answer.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(crate) enum SupportedVersions {
    Absent,
    List(String),
}

impl From<String> for SupportedVersions {
    fn from(text: String) -> Self {
        if text == "none" { Self::Absent } else { Self::List(text) }
    }
}

/// A set of headers that several recordings have.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HeaderSet {
    pub(crate) present: BTreeMap<String, String>,
    pub(crate) absent: Vec<String>,
    #[serde(default)]
    pub(crate) superseded: BTreeMap<String, String>,
    pub(crate) not_compared: Option<String>,
}

/// All recorded exchanges and their header sets.
pub(crate) struct Recorded {
    pub(crate) exchanges: Vec<Exchange>,
    header_sets: BTreeMap<String, HeaderSet>,
    unknown_headers: HeaderSet,
}

impl Recorded {
    pub(crate) fn load() -> Self {
        Self {
            exchanges: serde_json::from_str(include_str!("../recorded/exchanges.json")).unwrap(),
            header_sets: serde_json::from_str(include_str!("../recorded/headers.json")).unwrap(),
            unknown_headers: HeaderSet::default(),
        }
    }

    /// Returns every recording with its exchange.
    pub(crate) fn recordings(&self) -> impl Iterator<Item = (&Exchange, &Recording)> {
        self.exchanges
            .iter()
            .flat_map(|exchange| exchange.recordings.iter().map(move |recording| (exchange, recording)))
    }

    pub(crate) fn headers(&self, recording: &Recording) -> &HeaderSet {
        recording.headers.as_ref().map_or(&self.unknown_headers, |name| &self.header_sets[name])
    }
}

impl Recording {
    /// Returns the api-version of a request to the emulator.
    pub(crate) fn emulated_version(&self) -> &str {
        self.played_as.as_ref().unwrap_or(&self.version)
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, repository, commit, .. } = self;
        write!(f, "{version}, {repository} {}", commit.as_deref().unwrap_or_default())
    }
}

#[test]
fn every_recording_has_its_source() {
    for (exchange, recording) in Recorded::load().recordings() {
        let name = format!("{}, {recording}", exchange.name);
        let Recording { repository, file, commit, issues, note, date, .. } = recording;
        assert!(repository.split('/').filter(|part| !part.is_empty()).count() == 2, "{name}");
        let has_file = file.is_some() && commit.as_ref().is_some_and(|commit| commit.len() == 8);
        assert!(has_file || !issues.is_empty() || note.is_some(), "{name}: no source");
        match date {
            Some(date) => assert!(date.parse::<jiff::civil::Date>().is_ok(), "{name}: {date}"),
            None => assert!(note.is_some(), "{name}: no date"),
        }
    }
}

#[test]
fn exchanges_are_distinct_and_use_every_header_set() {
    let recorded = Recorded::load();
    let (mut names, mut requests) = (BTreeSet::new(), BTreeSet::new());
    for exchange in &recorded.exchanges {
        assert!(names.insert(&exchange.name), "{} is there twice", exchange.name);
        assert!(!exchange.recordings.is_empty(), "{} has no recording", exchange.name);
        if exchange.not_reproduced.is_none() {
            let Request { method, path, body } = &exchange.request;
            // Only an unsupported version and a wrong key change the answer to the same request.
            let of_all = exchange.answer.status.is_none_or(|status| status < 400);
            assert!(!of_all || requests.insert((method, path, body.to_string())), "{} is there twice", exchange.name);
        }
    }
    let used: BTreeSet<_> = recorded.recordings().filter_map(|(_, recording)| recording.headers.as_ref()).collect();
    assert_eq!(used, recorded.header_sets.keys().collect());
}
