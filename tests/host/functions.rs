//! The functions of an app: one level of function.json, or the routes of host.json.

use std::fs;
use std::path::Path;

use hyper::Method;
use serde_json::Value;

use super::config::Config;
use super::route::Route;

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Anonymous,
    Function,
    Admin,
}

/// One function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The folder's name.
    pub name: String,
    pub level: Level,
    /// Empty for all.
    methods: Vec<String>,
    route: Route,
    /// The name of the trigger binding, `req` as a rule.
    pub request: String,
    /// The name of the http output binding.
    pub response: String,
    /// One httpTrigger in, one http out, nothing else: only these are proxied or forwarded.
    pub http_only: bool,
}

/// Finds the functions of the app in `root`. One that is wrong is left out, with an error among the second part, and
/// the others load.
///
/// # Errors
/// For what keeps the real host from starting.
pub fn discover(root: &Path, config: &Config, custom: bool) -> Result<(Vec<Function>, Vec<String>), String> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root).map_err(|error| format!("{}: {error}", root.display()))?.flatten() {
        let path = folder.path().join("function.json");
        let name = folder.file_name().to_string_lossy().into_owned();
        if path.is_file() && config.functions.as_ref().is_none_or(|names| names.contains(&name)) {
            found.push((name.clone(), read(&name, &path, config)));
        }
    }
    if !config.routes.is_empty() {
        if !custom {
            return Err("Routes configuration is only allowed for worker runtime: custom".into());
        }
        if !found.is_empty() {
            return Err("Detected both function.json files and custom handler HTTP route configuration definition \
                        in host.json"
                .into());
        }
        found = from_routes(config);
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let mut functions = Vec::new();
    let mut faults = Vec::new();
    for (name, function) in found {
        match function {
            Ok(function) => functions.push(function),
            Err(fault) => faults.push(format!("The '{name}' function is in error: {fault}")),
        }
    }
    functions.sort_by_key(|function| function.route.precedence());
    Ok((functions, faults))
}

/// The function for a request, and the values of its route's parameters.
pub fn find<'a>(
    functions: &'a [Function],
    method: &Method,
    path: &str,
) -> Option<(&'a Function, Vec<(String, String)>)> {
    let allowed = |function: &Function| {
        function.methods.is_empty() || function.methods.iter().any(|name| name.eq_ignore_ascii_case(method.as_str()))
    };
    functions
        .iter()
        .filter(|function| allowed(function))
        .find_map(|function| Some((function, function.route.matches(path)?)))
}

fn from_routes(config: &Config) -> Vec<(String, Result<Function, String>)> {
    let function = |(index, (route, level)): (usize, &(String, String))| {
        let name = format!("http-handler{}", index + 1);
        let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
        let trigger = serde_json::json!({ "type": "httpTrigger", "name": "req", "authLevel": level, "methods": methods, "route": route });
        let out = serde_json::json!({ "type": "http", "direction": "out", "name": "res" });
        let function = if route.is_empty() { Err("empty route".into()) } else { build(&name, &[trigger, out], config) };
        (name, function)
    };
    config.routes.iter().enumerate().map(function).collect()
}

fn read(name: &str, path: &Path, config: &Config) -> Result<Function, String> {
    if !is_name(name) {
        return Err(format!("'{name}' is not a valid function name"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let json: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let bindings = json["bindings"].as_array().ok_or("no bindings")?;
    build(name, bindings, config)
}

/// `^[a-z][a-z0-9_\-]{0,127}$(?<!^host$)`, ignoring case.
fn is_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(rest)
        && !name.eq_ignore_ascii_case("host")
}

fn build(name: &str, bindings: &[Value], config: &Config) -> Result<Function, String> {
    let of_type = |kind: &'static str| {
        bindings
            .iter()
            .filter(move |binding| binding["type"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(kind)))
    };
    let trigger = of_type("httpTrigger").next().ok_or("no httpTrigger")?;
    let level = match trigger["authLevel"].as_str().unwrap_or("function").to_ascii_lowercase().as_str() {
        "anonymous" => Level::Anonymous,
        "function" => Level::Function,
        "admin" => Level::Admin,
        other => return Err(format!("the stand-in does not know the authLevel '{other}'")),
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let methods = trigger["methods"].as_array().map(|methods| methods.iter().filter_map(text).collect());
    let response = of_type("http").next().and_then(|binding| text(&binding["name"]));
    Ok(Function {
        name: name.to_owned(),
        level,
        methods: methods.unwrap_or_default(),
        route: Route::parse(&config.route_prefix, trigger["route"].as_str().unwrap_or(name))?,
        request: text(&trigger["name"]).ok_or("a binding without a name")?,
        http_only: bindings.len() == 2 && response.is_some(),
        response: response.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_is_a_letter_and_then_letters_digits_and_dashes() {
        for (name, good) in [
            ("issue-token", true),
            ("A_1", true),
            ("1a", false),
            ("host", false),
            ("HOST", false),
            ("hosts", true),
            ("a.b", false),
            ("", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(is_name(&"a".repeat(128)) && !is_name(&"a".repeat(129)));
    }
}
