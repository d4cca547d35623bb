//! W3C trace context: the trace of a request, passed on to ACS with each call.
//!
//! <https://www.w3.org/TR/trace-context/>

use std::future::Future;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header with the trace id and the span id.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header with data of tracing systems.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The flags of the specification: sampled, and random (level 2).
const KNOWN_FLAGS: u8 = 0b11;

/// The longest `tracestate` that is passed on, in characters. Section 3.3.1.5 requires support of this length.
const MAX_STATE: usize = 512;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// A span: its ids, and the flags and state of its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    parent_id: Option<u64>,
    flags: u8,
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// Starts a new trace and returns its first span.
    #[must_use]
    pub fn start() -> Self {
        // A version 4 UUID has six fixed bits. Samplers decide by the right half of a trace id, so its first bits must be
        // random ones.
        let trace_id = Uuid::new_v4().as_u128().rotate_left(64);
        Self { trace_id, span_id: new_span_id(), parent_id: None, flags: 1, state: None }
    }

    /// Returns the span of a request: in the trace of its headers, or in a new trace if they have no valid one.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else { return Self::start() };
        let Some((trace_id, parent_id, flags)) = parent.to_str().ok().and_then(parse_parent) else {
            return Self::start();
        };
        Self { trace_id, span_id: new_span_id(), parent_id: Some(parent_id), flags, state: state(headers) }
    }

    /// Returns a child of this span.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: new_span_id(), parent_id: Some(self.span_id), ..self.clone() }
    }

    /// Returns a child of the current span, or the first span of a new trace.
    #[must_use]
    pub fn child_of_current() -> Self {
        CURRENT.try_with(Self::child).unwrap_or_else(|_| Self::start())
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

    /// Returns the flags: two hexadecimal digits. `01` means that the trace may be recorded.
    #[must_use]
    pub fn flags(&self) -> String {
        format!("{:02x}", self.flags)
    }

    /// Returns the headers of a request that is this span.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let parent = format!("00-{}-{}-{}", self.trace_id(), self.span_id(), self.flags());
        let parent = HeaderValue::try_from(parent).ok().map(|value| (TRACEPARENT, value));
        parent.into_iter().chain(self.state.clone().map(|state| (TRACESTATE, state))).collect()
    }

    /// Runs a future in this span: its calls to ACS are children of the span.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }
}

/// Returns the future in the current span, for `tokio::spawn`.
pub fn in_current<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let current = CURRENT.try_with(Clone::clone).ok();
    async move {
        match current {
            Some(current) => current.scope(future).await,
            None => future.await,
        }
    }
}

fn new_span_id() -> u64 {
    // The version number of the UUID is in this half, so that it is never zero.
    Uuid::new_v4().as_u64_pair().0
}

/// Parses `00-<trace id>-<parent id>-<flags>`. Later versions may have further parts.
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

/// Returns the `tracestate` to pass on: all headers, joined. `None` if there is none or it is too long.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let values: Vec<&[u8]> = headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes).collect();
    let state = values.join(&b","[..]);
    if state.is_empty() || state.len() > MAX_STATE { None } else { HeaderValue::from_bytes(&state).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn context(headers: &[(HeaderName, &str)]) -> TraceContext {
        TraceContext::from_headers(
            &headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect(),
        )
    }

    #[test]
    fn valid_traceparent_is_continued() {
        for (parent, flags) in [
            (PARENT.to_owned(), "01"),
            (PARENT.replace("-01", "-00"), "00"),
            (PARENT.replace("-01", "-ff"), "03"),
            (PARENT.replace("00-0a", "cc-0a"), "01"),
            (format!("{}-further-part", PARENT.replace("00-0a", "cc-0a")), "01"),
            (format!(" {PARENT} "), "01"),
        ] {
            let context = context(&[(TRACEPARENT, &parent)]);
            assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c", "{parent}");
            assert_eq!((context.parent_id().as_deref(), &*context.flags()), (Some("b7ad6b7169203331"), flags));
            assert_ne!(context.span_id(), "b7ad6b7169203331");
        }
    }

    #[test]
    fn invalid_traceparent_starts_a_new_trace() {
        for parent in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "+0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        ] {
            let context = context(&[(TRACEPARENT, parent), (TRACESTATE, "a=1")]);
            assert_ne!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c", "{parent}");
            assert_eq!((context.parent_id(), context.state), (None, None), "{parent}");
        }
        let twice = context(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)]);
        assert_eq!(twice.parent_id(), None);
        assert_ne!(TraceContext::start().trace_id(), TraceContext::start().trace_id());
    }

    #[test]
    fn tracestate_is_passed_on_without_parsing() {
        let (longest, longer) = ("x".repeat(512), "x".repeat(513));
        for (states, expected) in [
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
            let context = context(&std::iter::once((TRACEPARENT, PARENT)).chain(headers).collect::<Vec<_>>());
            assert_eq!(context.state.as_ref().map(|state| state.to_str().unwrap()), expected, "{states:?}");
        }
    }

    #[test]
    fn child_has_a_new_span_id_in_the_same_trace() {
        let request = context(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=1")]);
        let call = request.child();
        assert_eq!(call.parent_id(), Some(request.span_id()));
        let headers = call.headers();
        let parent = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", call.span_id());
        assert_eq!((headers[TRACEPARENT].to_str().unwrap(), headers[TRACESTATE].to_str().unwrap()), (&*parent, "a=1"));
    }
}
