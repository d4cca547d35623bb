//! One caller: it creates, uses and deletes identities, and records the answers.

use std::{collections::BTreeMap, fmt};

use acs_identity::http::client_builder;
use serde_json::Value;

use crate::fault_plan::Random;

/// The number of operations by status and problem code.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<(&'static str, u16, String), u64>);

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        for (end, count) in &other.0 {
            *self.0.entry(end.clone()).or_default() += count;
        }
    }

    pub(crate) fn operations(&self) -> u64 {
        self.0.values().sum()
    }

    /// Returns the number of creations with an unknown outcome, which the answer reports as such.
    pub(crate) fn unknown_creations(&self) -> u64 {
        let unknown =
            self.0.iter().filter(|((operation, status, _), _)| *operation == "create" && [502, 504].contains(status));
        unknown.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "operation  status  code                  times")?;
        self.0.iter().try_for_each(|((operation, status, code), count)| {
            writeln!(f, "{operation:<9}  {status:<6}  {code:<18}  {count:>7}")
        })
    }
}

/// A caller and its identities.
pub(crate) struct Caller {
    base: String,
    http: reqwest::Client,
    random: Random,
    pub(crate) tally: Tally,
    /// Identities that were returned and not deleted.
    pub(crate) alive: Vec<String>,
    /// Identities with an unknown outcome of their deletion.
    pub(crate) unsure: Vec<String>,
}

impl Caller {
    pub(crate) fn new(base: String, random: Random) -> Self {
        let http = client_builder().build().unwrap();
        Self { base, http, random, tally: Tally::default(), alive: Vec::new(), unsure: Vec::new() }
    }

    /// Makes a number of calls, one after another.
    pub(crate) async fn call(mut self, times: u64) -> Self {
        for _ in 0..times {
            let any = usize::try_from(self.random.below(1 << 20)).unwrap() % self.alive.len().max(1);
            match (self.random.below(10), self.alive.get(any).cloned()) {
                (0..3, _) | (_, None) => self.create().await,
                (3..7, Some(id)) => self.issue(&id).await,
                (7, Some(id)) => self.revoke(&id).await,
                (_, Some(id)) => self.delete(id).await,
            }
        }
        self
    }

    async fn create(&mut self) {
        let body = if self.random.below(2) == 0 { "{}" } else { r#"{"createTokenWithScopes":["voip"]}"# };
        let (status, answer) = self.send("create", "POST", "identities", body).await;
        if status == 201 {
            let id = answer["identity"]["id"].as_str().unwrap();
            assert_eq!(body == "{}", answer.get("accessToken").is_none());
            self.alive.push(id.to_owned());
        }
    }

    async fn issue(&mut self, id: &str) {
        let (status, answer) =
            self.send("issue", "POST", &format!("identities/{id}/tokens"), r#"{"scopes":["chat"]}"#).await;
        assert_ne!(status, 404, "{id} was returned and does not exist");
        assert!(status != 200 || answer["token"].as_str().unwrap().starts_with("eyJ"));
    }

    async fn revoke(&mut self, id: &str) {
        let (status, _) = self.send("revoke", "DELETE", &format!("identities/{id}/tokens"), "").await;
        assert_ne!(status, 404, "{id} was returned and does not exist");
    }

    async fn delete(&mut self, id: String) {
        let (status, _) = self.send("delete", "DELETE", &format!("identities/{id}"), "").await;
        // 404: the first attempt deleted it, and its answer was lost. After any other problem, also a throttled last
        // attempt, an earlier attempt may have deleted it.
        if ![204, 404].contains(&status) {
            self.unsure.push(id.clone());
        }
        self.alive.retain(|other| *other != id);
    }

    /// Makes one call. Panics if the answer is not one that the functions document.
    async fn send(&mut self, operation: &'static str, method: &str, path: &str, body: &'static str) -> (u16, Value) {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}/{path}", self.base));
        let request = request.header("content-type", "application/json").body(body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let retry_after = response.headers().contains_key("retry-after");
        let bytes = response.bytes().await.unwrap();
        let answer: Value = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        let code = answer["code"].as_str().unwrap_or_default().to_owned();
        let documented = match status {
            200 | 201 | 204 => code.is_empty(),
            404 => code == "identity-not-found" && operation == "delete",
            429 => code == "throttled" && retry_after,
            502 => code == "upstream-failed",
            504 => code == "upstream-timeout",
            _ => false,
        };
        assert!(documented, "{operation}: {status} {answer}");
        *self.tally.0.entry((operation, status, code)).or_default() += 1;
        (status, answer)
    }
}
