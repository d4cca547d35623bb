//! The functions of an app: `<name>/function.json` in direct children of its folder.

use std::{fs, path::Path};

use hyper::Method;
use serde_json::Value;

use super::route::Route;

/// The authorization level of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Anonymous,
    Function,
}

/// One function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The folder's name.
    pub name: String,
    pub level: Level,
    methods: Vec<String>,
    route: Route,
}

/// Finds the functions of the app in `root`, the most specific route first.
pub fn discover(root: &Path, route_prefix: &str) -> Result<Vec<Function>, String> {
    let mut functions = Vec::new();
    for folder in fs::read_dir(root).map_err(|error| format!("{}: {error}", root.display()))?.flatten() {
        let path = folder.path().join("function.json");
        let name = folder.file_name().to_string_lossy().into_owned();
        if path.is_file() {
            let function = read(&name, &path, route_prefix);
            functions.push(function.map_err(|error| format!("The '{name}' function is in error: {error}"))?);
        }
    }
    functions.sort_by_key(|function| function.route.precedence());
    Ok(functions)
}

/// Returns the function that serves a request. A path whose functions do not list the method is not found, as on the
/// real host.
pub fn find<'a>(functions: &'a [Function], method: &Method, path: &str) -> Option<&'a Function> {
    let allows = |function: &&Function| function.methods.iter().any(|name| name.eq_ignore_ascii_case(method.as_str()));
    functions.iter().filter(allows).find(|function| function.route.matches(path))
}

fn read(name: &str, path: &Path, route_prefix: &str) -> Result<Function, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let json: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let [trigger, output] = json["bindings"].as_array().map_or(&[][..], |bindings| bindings) else {
        return Err("the stand-in knows one httpTrigger and one http output only".into());
    };
    if trigger["type"] != "httpTrigger" || output["type"] != "http" {
        return Err("the stand-in knows one httpTrigger and one http output only".into());
    }
    let level = match trigger["authLevel"].as_str() {
        Some("anonymous") => Level::Anonymous,
        Some("function") => Level::Function,
        other => return Err(format!("the stand-in does not know the authLevel {other:?}")),
    };
    let methods = trigger["methods"].as_array().ok_or("no methods")?;
    Ok(Function {
        name: name.to_owned(),
        level,
        methods: methods.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        route: Route::parse(route_prefix, trigger["route"].as_str().unwrap_or(name)),
    })
}
