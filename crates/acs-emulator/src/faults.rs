//! Faults: requests that fail because the control API was told so.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    answer::{Answer, to_bytes},
    operation::Operation,
};

/// A fault as the control API takes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FaultSpec {
    /// The operation to fail; any if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    /// Number of requests that succeed first.
    #[serde(default)]
    skip: u32,
    /// Number of requests that fail after that.
    #[serde(default = "once")]
    times: u32,
    /// Whether the operation is carried out first. By default only if its answer is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carried_out: Option<bool>,
    /// A delay before the answer or the reset.
    #[serde(default)]
    delay_ms: u64,
    /// Whether the connection is reset.
    #[serde(default)]
    reset: bool,
    /// An answer in place of the operation's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerSpec>,
    /// The number of bytes after which the body breaks off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut_after_bytes: Option<usize>,
}

const fn once() -> u32 {
    1
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnswerSpec {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// A validated fault.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    spec: FaultSpec,
    pub(crate) carried_out: bool,
    pub(crate) delay: Duration,
    pub(crate) effect: Effect,
}

/// The effect of a fault on the caller.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// The connection is reset.
    Reset,
    /// The caller gets this answer or the operation's own, complete or cut off.
    Answer { instead: Option<Answer>, cut_after: Option<usize> },
}

impl TryFrom<FaultSpec> for Fault {
    type Error = String;

    fn try_from(spec: FaultSpec) -> Result<Self, String> {
        if spec.times == 0 {
            return Err("'times' must be at least 1".to_owned());
        }
        let effect = match (&spec.answer, spec.reset, spec.cut_after_bytes) {
            (None, true, None) => Effect::Reset,
            (_, true, _) => return Err("'reset' excludes 'answer' and 'cutAfterBytes'".to_owned()),
            (None, false, None) if spec.delay_ms == 0 => {
                return Err("the fault has no effect: add 'reset', 'answer', 'cutAfterBytes' or 'delayMs'".to_owned());
            }
            (answer, false, cut_after) => {
                Effect::Answer { instead: answer.as_ref().map(AnswerSpec::parse).transpose()?, cut_after }
            }
        };
        let needs_answer = matches!(effect, Effect::Answer { instead: None, .. });
        if needs_answer && spec.carried_out == Some(false) {
            return Err("'carriedOut' must not be false without 'answer' or 'reset'".to_owned());
        }
        let carried_out = spec.carried_out.unwrap_or(needs_answer);
        Ok(Self { carried_out, delay: Duration::from_millis(spec.delay_ms), effect, spec })
    }
}

impl AnswerSpec {
    fn parse(&self) -> Result<Answer, String> {
        let status = StatusCode::from_u16(self.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
        let status = status.ok_or("'status' must be 200 to 599")?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let header: HeaderName = name.parse().map_err(|_| format!("'{name}' is not a header name"))?;
            if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(&header) {
                return Err(format!("'{name}' is set by the emulator; remove it"));
            }
            let value = HeaderValue::from_str(value).map_err(|_| format!("the value of '{name}' is invalid"))?;
            headers.insert(header, value);
        }
        let body: Bytes = match (&self.body, &self.body_base64) {
            (Some(_), Some(_)) => return Err("'body' excludes 'bodyBase64'".to_owned()),
            (Some(text), None) => text.clone().into(),
            (None, Some(text)) => STANDARD.decode(text).map_err(|_| "'bodyBase64' is not base64")?.into(),
            (None, None) => {
                headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
                let code = status.canonical_reason().unwrap_or("Unknown").replace(' ', "");
                let message = "A fault requested through the emulator's control API.";
                to_bytes(&json!({ "error": { "code": code, "message": message } }))
            }
        };
        Ok(Answer { headers, body, ..Answer::empty(status) })
    }
}

/// The pending faults, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, faults: Vec<Fault>) {
        self.0.extend(faults);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the pending faults, with the rest of `skip` and `times`.
    pub(crate) fn pending(&self) -> Vec<&FaultSpec> {
        self.0.iter().map(|fault| &fault.spec).collect()
    }

    /// Returns the fault for a request. Only the first matching fault counts the request.
    pub(crate) fn next(&mut self, operation: Option<Operation>) -> Option<Fault> {
        let at = self.0.iter().position(|fault| fault.spec.operation.is_none_or(|only| Some(only) == operation))?;
        let spec = &mut self.0[at].spec;
        if spec.skip > 0 {
            spec.skip -= 1;
            return None;
        }
        spec.times -= 1;
        if spec.times == 0 { self.0.remove(at) } else { Some(self.0[at].clone()) }
    }
}
