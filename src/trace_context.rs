//! W3C trace context: the trace of a request, which is passed on to ACS with every call.
//!
//! <https://www.w3.org/TR/trace-context/>

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header with the ids of the trace and the span.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header with vendor-specific data.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The flags of the specification: sampled, and random (level 2).
const KNOWN_FLAGS: u8 = 0b11;

/// The longest `tracestate` that is passed on, in characters: every implementation supports this (section 3.3.1.5).
const MAX_STATE: usize = 512;

/// A span of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    parent_id: Option<u64>,
    flags: u8,
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// Starts a trace.
    #[must_use]
    pub fn start() -> Self {
        // Samplers use the right half of the id, so the fixed bits at the start of that half of a GUID are moved.
        let trace_id = Uuid::new_v4().as_u128().rotate_left(64);
        Self { trace_id, span_id: new_span_id(), parent_id: None, flags: 1, state: None }
    }

    /// Returns the span of a request with these headers: in the caller's trace, or in a new one without a valid header.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else { return Self::start() };
        let Some((trace_id, parent_id, flags)) = parent.to_str().ok().and_then(parse_parent) else {
            return Self::start();
        };
        Self { trace_id, span_id: new_span_id(), parent_id: Some(parent_id), flags, state: state(headers) }
    }

    /// Returns a child span.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: new_span_id(), parent_id: Some(self.span_id), ..self.clone() }
    }

    /// Returns the trace id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// Returns the span id: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// Returns the id of the parent span: 16 hexadecimal digits.
    #[must_use]
    pub fn parent_id(&self) -> Option<String> {
        self.parent_id.map(|id| format!("{id:016x}"))
    }

    /// Returns the flags: two hexadecimal digits. `01` means that the caller may have sampled the trace.
    #[must_use]
    pub fn flags(&self) -> String {
        format!("{:02x}", self.flags)
    }

    /// Returns the headers of a call that is this span.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let parent = format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags);
        let parent = HeaderValue::try_from(parent).ok().map(|value| (TRACEPARENT, value));
        parent.into_iter().chain(self.state.clone().map(|state| (TRACESTATE, state))).collect()
    }
}

fn new_span_id() -> u64 {
    // The half with the version is never zero.
    Uuid::new_v4().as_u64_pair().0
}

/// Parses `00-<trace id>-<parent id>-<flags>`. Later versions may have more fields.
fn parse_parent(text: &str) -> Option<(u128, u64, u8)> {
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let mut parts = text.trim_matches([' ', '\t']).split('-');
    let mut part = |length| parts.next().filter(|part| part.len() == length && hex(part));
    let (version, trace_id, parent_id, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    let more = parts.next().is_some();
    if version == "ff" || (version == "00" && more) {
        return None;
    }
    let trace_id = u128::from_str_radix(trace_id, 16).ok().filter(|id| *id != 0)?;
    let parent_id = u64::from_str_radix(parent_id, 16).ok().filter(|id| *id != 0)?;
    Some((trace_id, parent_id, u8::from_str_radix(flags, 16).ok()? & KNOWN_FLAGS))
}

/// Returns the `tracestate` to pass on: all headers joined, without parsing. `None` if there is none, or if it is too long.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let values: Vec<&[u8]> = headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes).collect();
    let state = values.join(&b","[..]);
    if state.is_empty() || state.len() > MAX_STATE { None } else { HeaderValue::from_bytes(&state).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn of(headers: &[(HeaderName, &str)]) -> TraceContext {
        TraceContext::from_headers(
            &headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect(),
        )
    }

    #[test]
    fn valid_traceparent_continues_the_trace() {
        for (parent, flags) in [
            (PARENT.to_owned(), "01"),
            (PARENT.replace("-01", "-00"), "00"),
            (PARENT.replace("-01", "-ff"), "03"),
            (PARENT.replace("00-0a", "cc-0a"), "01"),
            (format!("{}-a-later-field", PARENT.replace("00-0a", "cc-0a")), "01"),
            (format!(" {PARENT} "), "01"),
        ] {
            let context = of(&[(TRACEPARENT, &parent)]);
            assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c", "{parent}");
            assert_eq!((context.parent_id().as_deref(), &*context.flags()), (Some("b7ad6b7169203331"), flags));
            assert_ne!(context.span_id(), "b7ad6b7169203331");
        }
    }

    #[test]
    fn invalid_traceparent_starts_a_trace() {
        for parent in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        ] {
            let context = of(&[(TRACEPARENT, parent), (TRACESTATE, "a=1")]);
            assert_ne!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c", "{parent}");
            assert_eq!((context.parent_id(), context.state), (None, None), "{parent}");
        }
        let twice = of(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)]);
        assert_eq!(twice.parent_id(), None);
        assert_ne!(TraceContext::start().trace_id(), TraceContext::start().trace_id());
    }

    #[test]
    fn tracestate_is_passed_on_unparsed() {
        let (longest, longer) = ("x".repeat(512), "x".repeat(513));
        for (states, passed) in [
            (&["congo=t61rcWkgMzE, rojo=00f067aa0ba902b7"][..], Some("congo=t61rcWkgMzE, rojo=00f067aa0ba902b7")),
            (&["a=1", "b=2"], Some("a=1,b=2")),
            (&["no member"], Some("no member")),
            (&[], None),
            (&[""], None),
            (&[&longest], Some(&longest)),
            (&[&longer], None),
            (&[&longest, ""], None),
        ] {
            let headers = states.iter().map(|state| (TRACESTATE, *state));
            let context = of(&std::iter::once((TRACEPARENT, PARENT)).chain(headers).collect::<Vec<_>>());
            assert_eq!(context.state.as_ref().map(|state| state.to_str().unwrap()), passed, "{states:?}");
        }
    }

    #[test]
    fn call_is_a_child_span() {
        let request = of(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=1")]);
        let call = request.child();
        assert_eq!(call.parent_id(), Some(request.span_id()));
        let headers = call.headers();
        let parent = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", call.span_id());
        assert_eq!((headers[TRACEPARENT].to_str().unwrap(), headers[TRACESTATE].to_str().unwrap()), (&*parent, "a=1"));
    }
}
