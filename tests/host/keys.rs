//! Function keys: `x-functions-key` first, then `?code=`. Both stay in the request.

use hyper::{Request, body::Incoming};

use super::{
    functions::{Function, Level},
    wire,
};

/// The keys of an app.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Opens every function.
    pub master: String,
    /// Each opens every function.
    pub host: Vec<String>,
}

impl Keys {
    /// Returns whether `request` may call `function`.
    pub fn allow(&self, function: &Function, request: &Request<Incoming>) -> bool {
        if function.level == Level::Anonymous {
            return true;
        }
        let header = request.headers().get("x-functions-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        let query =
            || wire::query(request.uri().query()).into_iter().find(|(name, _)| name == "code").map(|(_, key)| key);
        let key = header.or_else(query).filter(|key| !key.is_empty());
        key.is_some_and(|key| key == self.master || self.host.contains(&key))
    }
}
