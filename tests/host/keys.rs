//! Function keys: `x-functions-key` first, then `?code=`. Neither is taken out of the request.

use hyper::Request;
use hyper::body::Incoming;

use super::functions::{Function, Level};
use super::wire;

/// The keys of an app.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Opens everything.
    pub master: String,
    /// Opens every function that is not for admins.
    pub host: Vec<String>,
    /// A function's name, and a key to it.
    pub functions: Vec<(String, String)>,
}

impl Keys {
    /// Whether `request` may call `function`.
    pub fn allow(&self, function: &Function, request: &Request<Incoming>) -> bool {
        if function.level == Level::Anonymous {
            return true;
        }
        let header =
            request.headers().get("x-functions-key").map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        let query =
            || wire::query(request.uri().query()).into_iter().find(|(name, _)| name == "code").map(|(_, key)| key);
        let Some(key) = header.or_else(query).filter(|key| !key.is_empty()) else { return false };
        let own = self.functions.iter().any(|(name, known)| *name == function.name && *known == key);
        key == self.master || function.level == Level::Function && (own || self.host.contains(&key))
    }
}
