//! The start of the control API, for a browser: leads to the page of the functions, or says how to get one.

use http::{HeaderValue, StatusCode, header};

use crate::{answer::Answer, options::Options};

const TEXT: &str = "\
An emulator of Azure Communication Services Identity, without functions.

To try it on a page, with users who sign in, start functions and emulator together:

    acs-tokens dev

The control API is below this path. GET /_emulator/state shows the identities.
docs/emulator.md describes each request.
";

/// Redirects to the page of the functions. Without functions, answers with a text.
pub(super) fn answer(options: &Options) -> Answer {
    let page = options.functions.as_ref().and_then(|functions| HeaderValue::try_from(&functions.page).ok());
    let mut answer = match page {
        None => Answer::new(StatusCode::OK, "text/plain; charset=utf-8", TEXT),
        Some(page) => {
            let mut answer = Answer::empty(StatusCode::SEE_OTHER);
            answer.headers.insert(header::LOCATION, page);
            answer
        }
    };
    // The next start may have no functions.
    answer.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
