//! host.json as the Functions host reads it, with app settings over it.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// The prefix of app settings that override host.json. `__` separates keys.
const OVERRIDE: &str = "azurefunctionsjobhost__";

/// The settings of host.json that the stand-in uses.
pub struct Config {
    /// The program, relative to the app's folder.
    pub executable: String,
    pub proxying: bool,
    pub forwarding: bool,
    pub function_timeout: Duration,
    /// Without slashes around it.
    pub route_prefix: String,
    pub custom_headers: HeaderMap,
}

impl Config {
    /// Reads `host.json` in `root` under `settings`.
    pub fn read(root: &Path, settings: &[(String, String)]) -> Result<Self, String> {
        let text = fs::read_to_string(root.join("host.json")).map_err(|error| format!("host.json: {error}"))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| format!("host.json: {error}"))?;
        let mut keys = BTreeMap::new();
        flatten(&mut keys, String::new(), &json);
        for (name, value) in settings {
            if let Some(path) = name.to_ascii_lowercase().strip_prefix(OVERRIDE) {
                keys.insert(path.replace("__", ":"), value.clone());
            }
        }
        let get = |path: &str| keys.get(path).map(String::as_str);
        if get("version") != Some("2.0") {
            return Err("host.json: version must be \"2.0\"".into());
        }
        let executable = get("customhandler:description:defaultexecutablepath").ok_or("Missing worker Description.")?;
        let is_true = |path| get(path).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let timeout = get("functiontimeout").unwrap_or("00:30:00");
        let headers = keys.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix("extensions:http:customheaders:")?;
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        });
        Ok(Self {
            executable: executable.to_owned(),
            proxying: is_true("customhandler:enableproxyinghttprequest"),
            forwarding: is_true("customhandler:enableforwardinghttprequest"),
            function_timeout: time_span(timeout).ok_or_else(|| format!("host.json: {timeout} is not a time span"))?,
            route_prefix: get("extensions:http:routeprefix").unwrap_or("api").trim_matches('/').to_owned(),
            custom_headers: headers.collect(),
        })
    }
}

/// Flattens JSON as .NET does: one text for each path of keys in lower case, such as `extensions:http:routeprefix`.
fn flatten(keys: &mut BTreeMap<String, String>, path: String, value: &Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let key = key.to_ascii_lowercase();
                flatten(keys, if path.is_empty() { key } else { format!("{path}:{key}") }, value);
            }
        }
        Value::String(text) => drop(keys.insert(path, text.clone())),
        other => drop(keys.insert(path, other.to_string())),
    }
}

/// Parses a .NET `TimeSpan` of the form `hh:mm:ss`.
fn time_span(text: &str) -> Option<Duration> {
    let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str| text.parse::<u64>().ok();
    Some(Duration::from_secs((number(hours)? * 60 + number(minutes)?) * 60 + number(seconds)?))
}
