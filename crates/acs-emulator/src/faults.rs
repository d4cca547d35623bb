//! Faults: calls that fail because the control was told to make them.

use std::{collections::VecDeque, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};

use super::route::Operation;

/// A fault as it is ordered. All but the effect may be left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Order {
    /// Only calls of this operation; of any where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    /// So many calls pass unharmed first.
    #[serde(default)]
    skip: u32,
    /// So many calls fail then.
    #[serde(default = "once")]
    times: u32,
    /// Whether the operation is carried out before the fault sets in. By default only if its answer is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carried_out: Option<bool>,
    /// Waits so long before it goes on, in milliseconds.
    #[serde(default)]
    delay_ms: u64,
    /// Resets the connection instead of answering.
    #[serde(default)]
    reset: bool,
    /// Answers this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<OrderedAnswer>,
    /// Breaks the answer's body off after so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut_after_bytes: Option<usize>,
}

const fn once() -> u32 {
    1
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrderedAnswer {
    status: u16,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// A fault that can be carried out.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    order: Order,
    pub(super) carried_out: bool,
    pub(super) delay: Duration,
    pub(super) effect: Effect,
}

/// What the caller sees of it.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    /// The connection is reset.
    Reset,
    /// An answer: the ordered one, or the operation's own; broken off after so many bytes if at all.
    Answer { instead: Option<(StatusCode, HeaderMap, Bytes)>, cut: Option<usize> },
}

impl TryFrom<Order> for Fault {
    type Error = String;

    fn try_from(order: Order) -> Result<Self, String> {
        if order.times == 0 {
            return Err("'times' must be at least 1".to_owned());
        }
        let effect = match (&order.answer, order.reset, order.cut_after_bytes) {
            (None, true, None) => Effect::Reset,
            (_, true, _) => return Err("'reset' goes with neither 'answer' nor 'cutAfterBytes'".to_owned()),
            (None, false, None) if order.delay_ms == 0 => {
                return Err("name an effect: 'reset', 'answer', 'cutAfterBytes' or 'delayMs'".to_owned());
            }
            (answer, false, cut) => {
                Effect::Answer { instead: answer.as_ref().map(OrderedAnswer::parse).transpose()?, cut }
            }
        };
        let needs_answer = matches!(effect, Effect::Answer { instead: None, .. });
        if needs_answer && order.carried_out == Some(false) {
            return Err("without 'answer' or 'reset' the operation is carried out: its answer is needed".to_owned());
        }
        let carried_out = order.carried_out.unwrap_or(needs_answer);
        Ok(Self { carried_out, delay: Duration::from_millis(order.delay_ms), effect, order })
    }
}

impl OrderedAnswer {
    fn parse(&self) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let status = StatusCode::from_u16(self.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
        let status = status.ok_or("'status' must be 200 to 599")?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let header: HeaderName = name.parse().map_err(|_| format!("'{name}' is no header name"))?;
            if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(&header) {
                return Err(format!("'{name}' is the emulator's own to set"));
            }
            let value =
                HeaderValue::from_str(value).map_err(|_| format!("the value of '{name}' is no header value"))?;
            headers.insert(header, value);
        }
        let body = match (&self.body, &self.body_base64) {
            (Some(_), Some(_)) => return Err("give 'body' or 'bodyBase64', not both".to_owned()),
            (Some(text), None) => text.clone().into(),
            (None, Some(text)) => STANDARD.decode(text).map_err(|_| "'bodyBase64' is not base64")?.into(),
            (None, None) => {
                headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
                let code = status.canonical_reason().unwrap_or("Unknown").replace(' ', "");
                let error = serde_json::json!({ "code": code, "message": "A fault requested through the emulator's control API." });
                serde_json::json!({ "error": error }).to_string().into()
            }
        };
        Ok((status, headers, body))
    }
}

/// The faults to come, in the order in which they were ordered.
#[derive(Debug, Default)]
pub(super) struct Faults(VecDeque<Fault>);

impl Faults {
    pub(super) fn add(&mut self, faults: Vec<Fault>) {
        self.0.extend(faults);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is still to come, with what is left of `skip` and `times`.
    pub(super) fn orders(&self) -> Vec<&Order> {
        self.0.iter().map(|fault| &fault.order).collect()
    }

    /// The fault that falls upon a call of this operation. Only the first that fits counts it; those behind it wait.
    pub(super) fn next(&mut self, operation: Option<Operation>) -> Option<Fault> {
        let at = self.0.iter().position(|fault| fault.order.operation.is_none_or(|only| Some(only) == operation))?;
        let order = &mut self.0[at].order;
        if order.skip > 0 {
            order.skip -= 1;
            return None;
        }
        order.times -= 1;
        if order.times == 0 { self.0.remove(at) } else { Some(self.0[at].clone()) }
    }
}
