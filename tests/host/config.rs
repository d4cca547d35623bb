//! host.json as the Functions host reads it: keys of any case, app settings on top, profiles below.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// App settings whose name starts so override host.json; `__` stands between keys.
const OVERRIDE: &str = "azurefunctionsjobhost__";

/// What the host takes from host.json.
pub struct Config {
    /// The program: found in the script root, else looked up on the PATH.
    pub executable: PathBuf,
    pub arguments: Vec<String>,
    pub working_directory: PathBuf,
    pub proxying: bool,
    pub forwarding: bool,
    /// The port the program is told; `None` is any free one.
    pub port: Option<u16>,
    pub initialization_timeout: Duration,
    /// `None` is no limit.
    pub function_timeout: Option<Duration>,
    /// Without slashes around it; empty for none.
    pub route_prefix: String,
    pub custom_headers: HeaderMap,
    /// `customHandler.http.routes`: route and authorization level.
    pub routes: Vec<(String, String)>,
    /// Names of the only functions to load, when given.
    pub functions: Option<Vec<String>>,
}

impl Config {
    /// Reads `host.json` in `root` under `settings`.
    ///
    /// # Errors
    /// The texts of the real host where they are known.
    pub fn read(root: &Path, settings: &[(String, String)]) -> Result<Self, String> {
        let text = fs::read_to_string(root.join("host.json")).map_err(|error| format!("host.json: {error}"))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| format!("host.json: {error}"))?;
        let keys = Keys::new(&json, settings)?;
        if keys.get("version") != Some("2.0") {
            return Err("host.json: version must be \"2.0\"".into());
        }
        if !keys.has("customhandler:description") {
            return Err("Missing worker Description.".into());
        }
        keys.config(root, settings)
    }
}

/// Configuration as .NET holds it: one text for each path of keys, such as `extensions:http:routeprefix`.
struct Keys(BTreeMap<String, String>);

impl Keys {
    fn new(json: &Value, settings: &[(String, String)]) -> Result<Self, String> {
        let mut keys = Self(BTreeMap::new());
        keys.flatten("", json);
        for (name, value) in settings {
            let name = name.to_ascii_lowercase();
            if let Some(path) = name.strip_prefix(OVERRIDE) {
                keys.0.insert(path.replace("__", ":"), value.clone());
            }
        }
        keys.apply_profile()?;
        Ok(keys)
    }

    fn flatten(&mut self, path: &str, value: &Value) {
        let below = |key: &str| if path.is_empty() { key.to_ascii_lowercase() } else { format!("{path}:{key}") };
        match value {
            Value::Object(object) => {
                object.iter().for_each(|(key, value)| self.flatten(&below(&key.to_ascii_lowercase()), value));
            }
            Value::Array(array) => {
                array.iter().enumerate().for_each(|(index, value)| self.flatten(&below(&index.to_string()), value));
            }
            Value::String(text) => drop(self.0.insert(path.to_owned(), text.clone())),
            other => drop(self.0.insert(path.to_owned(), other.to_string())),
        }
    }

    /// What `configurationProfile` stands for, below what host.json and settings say themselves.
    fn apply_profile(&mut self) -> Result<(), String> {
        match self.get("configurationprofile").unwrap_or_default() {
            "" | "default" => return Ok(()),
            "mcp-custom-handler" | "web-app-custom-handler" => {}
            other => return Err(format!("configuration profile '{other}' is not supported")),
        }
        for (key, value) in [
            ("customhandler:enableproxyinghttprequest", "true"),
            ("extensions:http:routeprefix", ""),
            ("customhandler:http:routes:0:route", "{*route}"),
        ] {
            self.0.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
        Ok(())
    }

    fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    fn flag(&self, path: &str) -> bool {
        self.get(path).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn has(&self, section: &str) -> bool {
        self.children(section).next().is_some()
    }

    /// What stands below `section`: the rest of each path, and its value.
    fn children<'a>(&'a self, section: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter_map(move |(key, value)| Some((key.strip_prefix(section)?.strip_prefix(':')?, value.as_str())))
    }

    fn list(&self, path: &str) -> Vec<String> {
        (0..).map_while(|index| self.get(&format!("{path}:{index}")).map(str::to_owned)).collect()
    }

    fn duration(&self, path: &str, default: Duration) -> Result<Option<Duration>, String> {
        match self.get(path) {
            None => Ok(Some(default)),
            Some("-1") => Ok(None),
            Some(text) => time_span(text).map(Some).ok_or_else(|| format!("host.json: {path}: {text} is no time span")),
        }
    }

    fn config(&self, root: &Path, settings: &[(String, String)]) -> Result<Config, String> {
        let description = |key: &str| self.get(&format!("customhandler:description:{key}")).unwrap_or_default();
        let expand = |text: &str| expand(text, settings);
        let path = expand(description("defaultexecutablepath"));
        if path.is_empty() {
            return Err("WorkerDescription DefaultExecutablePath cannot be empty".into());
        }
        let beside = root.join(description("workerdirectory")).join(&path);
        // Joined by spaces and split again, as an unquoted command line is.
        let mut line = self.list("customhandler:description:arguments");
        line.push(description("defaultworkerpath").to_owned());
        line.extend(self.list("customhandler:description:workerarguments"));
        let port = self.get("customhandler:port").map(|port| match port.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(format!("Unable to bind to port {port} specified in configuration.")),
        });
        Ok(Config {
            executable: if beside.is_file() { beside } else { path.into() },
            arguments: expand(&line.join(" ")).split_whitespace().map(str::to_owned).collect(),
            working_directory: root.join(description("workingdirectory")),
            proxying: self.flag("customhandler:enableproxyinghttprequest"),
            forwarding: self.flag("customhandler:enableforwardinghttprequest"),
            port: port.transpose()?,
            initialization_timeout: self
                .duration("customhandler:initializationtimeout", Duration::from_secs(30))?
                .unwrap_or(Duration::MAX),
            function_timeout: self.duration("functiontimeout", Duration::from_secs(30 * 60))?,
            route_prefix: self.get("extensions:http:routeprefix").unwrap_or("api").trim_matches('/').to_owned(),
            custom_headers: self.custom_headers()?,
            routes: self.routes(),
            functions: Some(self.list("functions")).filter(|names| !names.is_empty()),
        })
    }

    fn custom_headers(&self) -> Result<HeaderMap, String> {
        let header = |(name, value): (&str, &str)| {
            let header = (HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
            Some(header)
        };
        let headers = self.children("extensions:http:customheaders");
        headers.map(|pair| header(pair).ok_or_else(|| format!("customHeaders: {} is no header", pair.0))).collect()
    }

    fn routes(&self) -> Vec<(String, String)> {
        let default = self.get("customhandler:http:defaultauthorizationlevel").unwrap_or("Function");
        let route = |index| {
            let route = self.get(&format!("customhandler:http:routes:{index}:route"))?;
            let level = self.get(&format!("customhandler:http:routes:{index}:authorizationlevel")).unwrap_or(default);
            Some((route.to_owned(), level.to_owned()))
        };
        (0..).map_while(route).collect()
    }
}

/// Puts app settings in place of `%NAME%`; one that is not set is empty.
fn expand(text: &str, settings: &[(String, String)]) -> String {
    let value = |name: &str| settings.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let mut parts = text.split('%');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    while let Some(name) = parts.next() {
        match parts.next() {
            Some(rest) => expanded.extend([value(name), rest]),
            None => expanded.extend(["%", name]),
        }
    }
    expanded
}

/// A .NET `TimeSpan` of the form `[d.]hh:mm:ss[.fff]`.
fn time_span(text: &str) -> Option<Duration> {
    let [first, minutes, seconds] = text.split(':').collect::<Vec<_>>()[..] else { return None };
    let (days, hours) = first.split_once('.').unwrap_or(("0", first));
    let number = |text: &str| text.parse::<u64>().ok();
    let whole = (number(days)? * 24 + number(hours)?) * 3600 + number(minutes)? * 60;
    Some(Duration::from_secs(whole) + Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_read_as_dotnet_does() {
        assert_eq!(time_span("00:01:00"), Some(Duration::from_secs(60)));
        assert_eq!(time_span("1.02:00:03"), Some(Duration::from_secs(26 * 3600 + 3)));
        assert_eq!(time_span("00:00:00.25"), Some(Duration::from_millis(250)));
        assert_eq!(time_span("60"), None);
    }

    #[test]
    fn settings_stand_where_percent_signs_name_them() {
        let settings = [("A".to_owned(), "x".to_owned())];
        assert_eq!(expand("1%A%2%B%3%", &settings), "1x23%");
    }
}
