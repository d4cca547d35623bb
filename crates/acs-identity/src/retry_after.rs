//! Reads `Retry-After` of a response.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Reads `Retry-After`: the milliseconds of Azure's headers first, then the seconds or date of RFC 9110 section 10.2.3.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
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

pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_has_four_forms() {
        let now: Timestamp = "2022-04-13T18:09:12Z".parse().unwrap();
        for (name, value, wait) in [
            ("retry-after", "7", Some(Duration::from_secs(7))),
            ("retry-after", "Wed, 13 Apr 2022 18:09:42 GMT", Some(Duration::from_secs(30))),
            ("retry-after", "Wed, 13 Apr 2022 18:09:02 GMT", Some(Duration::ZERO)),
            ("retry-after-ms", "250", Some(Duration::from_millis(250))),
            ("x-ms-retry-after-ms", "1500", Some(Duration::from_millis(1500))),
            ("retry-after", "soon", None),
            ("retry-after", "-1", None),
            ("retry-after", "99999999999999999999", None),
            ("retry-after-ms", "x", None),
        ] {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), wait, "{name}: {value}");
        }
    }
}
