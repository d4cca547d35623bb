//! Every recorded exchange, played against the emulator.

use acs_tokens::emulator::DEVELOPMENT_RESOURCE;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Server, managed_identity, target, tls::TlsServer};
use crate::recorded::{Credential, Exchange, Recorded, Recording, SupportedVersions};

const APP: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
const USER: &str = "32c0a5db-05ec-78ea-51ab-3f06b329397e";

/// The stable versions of the recordings that have a public specification. Recorded lists also have previews, and
/// 2021-11-01 and 2023-08-01, which were never specified.
const SPECIFIED: [&str; 5] = ["2021-03-07", "2022-06-01", "2022-10-01", "2023-10-01", "2025-06-30"];

/// The emulator over http, and over https for the managed identity. Both have the same key for tokens.
struct Emulators {
    http: Server,
    https: TlsServer,
    bearer: String,
}

/// An answer of the emulator, and what is needed to compare it.
struct Played {
    answer: Answer,
    request_id: String,
    url: String,
    secure: bool,
    sent: Timestamp,
    received: Timestamp,
    lifetime: Option<SignedDuration>,
}

impl Emulators {
    async fn start() -> Self {
        let (http, https) = (Server::start().await, TlsServer::generated().await);
        let request = managed_identity::token_request(&http, managed_identity::TOKEN);
        let token = http.send(&request).await.json()["access_token"].as_str().unwrap().to_owned();
        Self { http, https, bearer: format!("Bearer {token}") }
    }

    /// Returns a new identity. Each emulator has its own.
    async fn identity(&self, secure: bool) -> String {
        if !secure {
            return self.http.identity().await;
        }
        let request = self.https.server.request("POST", super::CREATE, "{}");
        let answer = self.https.send("localhost", &request).await.unwrap();
        answer.json()["identity"]["id"].as_str().unwrap().to_owned()
    }

    /// Replaces the values in braces of a request.
    async fn fill(&self, text: &str, secure: bool) -> String {
        let other = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000";
        let mut text = text
            .replace("{app}", APP)
            .replace("{user}", USER)
            .replace("{other GUID}", "00000000-0000-0000-0000-000000000001")
            .replace("{other identity}", other)
            .replace("{custom id}", "bob@contoso.com")
            .replace("{time}", "2020-09-14T18:00:00Z");
        for (name, seconds) in [("{Entra token}", 3600), ("{expired Entra token}", -1)] {
            if text.contains(name) {
                let spec = json!({"appId": APP, "userId": USER, "expiresInSeconds": seconds});
                text = text.replace(name, self.http.post("entra/tokens", &spec).await["token"].as_str().unwrap());
            }
        }
        if text.contains("{deleted identity}") {
            let id = self.http.identity().await;
            self.http.call("DELETE", &target(&id, ""), "").await;
            text = text.replace("{deleted identity}", &id);
        }
        if text.contains('{') && text.starts_with('/') {
            let id = self.identity(secure).await;
            text = text.replace("{identity}", &id).replace("{identity with custom id}", &id);
        }
        text
    }

    async fn play(&self, exchange: &Exchange, recording: &Recording) -> Played {
        let secure = recording.credential == Credential::ManagedIdentity;
        let path = self.fill(&exchange.request.path, secure).await;
        let body = match &exchange.request.body {
            Value::Null => String::new(),
            body => self.fill(&body.to_string(), secure).await,
        };
        let server = if secure { &self.https.server } else { &self.http };
        let target = format!("{path}?api-version={}", recording.emulated_version());
        let mut request = server.signed(&exchange.request.method, &target, &body, |signing| {
            if recording.credential == Credential::WrongKey {
                signing.key = b"another key".to_vec();
            }
        });
        let request_id = Uuid::new_v4().to_string();
        request.set("x-ms-client-request-id", &request_id);
        if secure {
            request.set("Authorization", &self.bearer);
        }
        let sent = Timestamp::now();
        let answer =
            if secure { self.https.send("localhost", &request).await.unwrap() } else { server.send(&request).await };
        Played {
            answer,
            request_id,
            url: format!("http://{}{path}", server.address),
            secure,
            sent,
            received: Timestamp::now(),
            lifetime: exchange.answer.lifetime_minutes.map(SignedDuration::from_mins),
        }
    }
}

impl Played {
    /// Returns what differs from the recording.
    fn differences(&self, recorded: &Recorded, exchange: &Exchange, recording: &Recording) -> Vec<String> {
        let mut found = Vec::new();
        let Answer { status, body, .. } = &self.answer;
        if exchange.answer.status.is_some_and(|recorded| recorded != *status) {
            found.push(format!("the status is {status}"));
        }
        let json = if body.is_empty() { Value::Null } else { self.answer.json() };
        if !self.fits(&exchange.answer.body, &json) {
            found.push(format!("the body is {json}"));
        }
        let header = |name: &str| self.answer.header(name);
        if recording.content_length.is_some_and(|length| header("content-length") != Some(&length.to_string())) {
            found.push(format!("the length is {:?}", header("content-length")));
        }
        let set = recorded.headers(recording);
        if set.not_compared.is_none() {
            for (name, value) in &set.present {
                let value = set.superseded.get(name).unwrap_or(value);
                if !self.header_fits(name, value) {
                    found.push(format!("{name} is {:?}", header(name)));
                }
            }
            found.extend(set.absent.iter().filter(|name| header(name).is_some()).map(|name| format!("it has {name}")));
        }
        let versions = header("api-supported-versions");
        match &recording.supported_versions {
            None => {}
            Some(SupportedVersions::Absent) => {
                found.extend(versions.map(|versions| format!("it lists versions: {versions}")));
            }
            Some(SupportedVersions::List(list)) => {
                let specified: Vec<_> = list.split(", ").filter(|version| SPECIFIED.contains(version)).collect();
                if !versions.is_some_and(|versions| versions.starts_with(&specified.join(", "))) {
                    found.push(format!("it lists the versions {versions:?}"));
                }
            }
        }
        found
    }

    fn header_fits(&self, name: &str, recorded: &str) -> bool {
        let value = self.answer.header(name);
        match recorded {
            // A browser that trusts the certificate would reject http on every port of localhost.
            _ if self.secure && name == "strict-transport-security" => value.is_none(),
            "*" => value.is_some_and(|value| !value.is_empty()),
            "{echo}" => value == Some(&self.request_id),
            "{ms}" => value.and_then(|value| value.strip_suffix("ms")?.parse::<u32>().ok()).is_some(),
            recorded => value == Some(recorded),
        }
    }

    /// Compares a part of the body with a recorded part.
    fn fits(&self, recorded: &Value, actual: &Value) -> bool {
        match (recorded, actual) {
            (Value::Object(recorded), Value::Object(actual)) => {
                recorded.len() == actual.len()
                    && recorded.iter().all(|(name, part)| actual.get(name).is_some_and(|other| self.fits(part, other)))
            }
            (Value::String(recorded), Value::String(actual)) => match &**recorded {
                "{any}" => true,
                "{identity}" => actual.starts_with(&format!("8:acs:{DEVELOPMENT_RESOURCE}_")),
                "{token}" => actual.starts_with("eyJ"),
                "{time}" => self.time_fits(actual),
                "{time with decimals}" => actual.contains('.') && self.time_fits(actual),
                recorded => recorded.replace("{url}", &self.url) == *actual,
            },
            (recorded, actual) => recorded == actual,
        }
    }

    /// Returns whether a time has the form of ACS and the lifetime of the recording.
    fn time_fits(&self, text: &str) -> bool {
        let Some((date, zone)) = text.split_at_checked(19) else { return false };
        let Some(decimals) = zone.strip_suffix("+00:00") else { return false };
        let decimals_fit = match decimals.strip_prefix('.') {
            Some(digits) => (1..=7).contains(&digits.len()) && !digits.ends_with('0'),
            None => decimals.is_empty(),
        };
        let Ok(time) = format!("{date}{decimals}Z").parse::<Timestamp>() else { return false };
        // Seven decimals are whole multiples of 100 ns.
        let lifetime_fits = self.lifetime.is_none_or(|lifetime| {
            let issued = time - lifetime;
            self.sent - SignedDuration::from_nanos(100) <= issued && issued <= self.received
        });
        decimals_fit && lifetime_fits
    }
}

#[tokio::test]
async fn the_emulator_answers_as_recorded() {
    let (emulators, recorded) = (Emulators::start().await, Recorded::load());
    let (mut failures, mut not_reproduced) = (Vec::new(), Vec::new());
    for (exchange, recording) in recorded.recordings() {
        let differences = emulators.play(exchange, recording).await.differences(&recorded, exchange, recording);
        match &exchange.not_reproduced {
            None if differences.is_empty() => {}
            None => failures.push(format!("{} ({recording}): {}", exchange.name, differences.join(", "))),
            Some(_) if differences.is_empty() => failures.push(format!("{} is reproduced", exchange.name)),
            Some(reason) => not_reproduced.push((&*exchange.name, reason.split([':', ',', ';']).next().unwrap())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    not_reproduced.dedup();
    let preview = "an answer of a version before 2021-03-07 or of a preview";
    let custom_id = "customId is in the preview versions only";
    assert_eq!(
        not_reproduced,
        [
            ("create-null-refused", "superseded"),
            ("create-1441-minutes-first-text", "superseded"),
            ("issue-59-minutes-first-text", "superseded"),
            ("delete-failure", "a failure of ACS"),
            ("custom-id-new", custom_id),
            ("custom-id-token", custom_id),
            ("custom-id-get", custom_id),
            ("teams-token-only", preview),
            ("teams-empty-object-2021", preview),
            ("teams-empty-token-2021", preview),
            ("teams-expired-2021", preview),
            ("create-2020", preview),
            ("issue-2020", preview),
            ("revoke-2020", preview),
        ]
    );
}
