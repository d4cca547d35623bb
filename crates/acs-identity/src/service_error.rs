//! ACS's errors, read from its answers.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;
use uuid::Uuid;

use super::error::{Kind, ServiceError};

#[derive(Deserialize)]
struct WireErrorResponse {
    error: WireError,
}

#[derive(Deserialize)]
struct WireError {
    code: String,
    message: String,
    target: Option<String>,
}

/// The error that an answer with these parts tells.
pub(super) fn service_error(status: StatusCode, headers: &HeaderMap, body: &[u8], request_id: Uuid) -> ServiceError {
    // Something between us and ACS may answer in its own words; then the status is all there is.
    let error = serde_json::from_slice::<WireErrorResponse>(body).ok().map(|response| response.error);
    let (code, message, target) = error.map_or_else(<_>::default, |error| (error.code, error.message, error.target));
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = Timestamp::now();
    ServiceError {
        status,
        kind: Kind::of(&code),
        code,
        message,
        target,
        ms_cv: text("ms-cv").map(str::to_owned),
        request_id,
        retry_after: retry_after(headers, now),
        clock_skew: text("date").and_then(http_date).map(|theirs| now.duration_since(theirs)),
        supported_versions: text("api-supported-versions").map(str::to_owned),
    }
}

/// `Retry-After` in its spellings: Azure's milliseconds first, then RFC 9110 section 10.2.3's seconds or date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let ms = ["retry-after-ms", "x-ms-retry-after-ms"].into_iter().find_map(text).and_then(|ms| ms.parse().ok());
    if let Some(ms) = ms {
        return Some(Duration::from_millis(ms));
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(Duration::try_from(http_date(value)?.duration_since(now)).unwrap_or_default())
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // A file for failed cases would dirty the tree; the failure prints its case.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn retry_after_is_a_time_to_wait(number in any::<u64>(), now in 0..4_000_000_000_i64, wait in -9999..99_999_i64) {
            let at = |second| Timestamp::from_second(second).unwrap();
            let found = |name: &'static str, value: &str| {
                retry_after(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]), at(now))
            };
            prop_assert_eq!(found("retry-after", &number.to_string()), Some(Duration::from_secs(number)));
            prop_assert_eq!(found("retry-after-ms", &number.to_string()), Some(Duration::from_millis(number)));
            let date = crate::signature::http_date(at(now + wait));
            let expected = Duration::from_secs(wait.try_into().unwrap_or(0));
            prop_assert_eq!(found("retry-after", &date), Some(expected));
        }

        #[test]
        fn no_retry_after_breaks_us(name in "(x-ms-)?retry-after(-ms)?", value in "[0-9]{0,30}[ -~]{0,12}", now in any::<i64>()) {
            let now = Timestamp::from_nanosecond(now.into()).unwrap();
            let headers: HeaderMap = [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect();
            let digits = !value.trim().is_empty() && value.trim().bytes().all(|b| b.is_ascii_digit());
            let found = retry_after(&headers, now);
            prop_assert!(!digits || name == "x-ms-retry-after" || found.is_some() == value.trim().parse::<u64>().is_ok());
        }
    }

    #[test]
    fn reads_retry_after_in_its_spellings() {
        let now: Timestamp = "2022-04-13T18:09:12Z".parse().unwrap();
        for (name, value, wait) in [
            ("retry-after", "7", Some(Duration::from_secs(7))),
            ("retry-after", "Wed, 13 Apr 2022 18:09:42 GMT", Some(Duration::from_secs(30))),
            ("retry-after", "Wed, 13 Apr 2022 18:09:02 GMT", Some(Duration::ZERO)),
            ("retry-after-ms", "250", Some(Duration::from_millis(250))),
            ("x-ms-retry-after-ms", "1500", Some(Duration::from_millis(1500))),
            ("retry-after", "soon", None),
            ("retry-after", "-1", None),
        ] {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), wait, "{name}: {value}");
        }
    }
}
