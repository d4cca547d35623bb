//! The hostile requests of guests.

use super::table::{
    ALICE,
    Credential::{
        self, EndedPass, ExpiredPass, ForgedPass, Key, None as NoCredential, Pass, PassId, PassOfAnotherKey,
        SwappedPass, TwoPasses, UsedPass,
    },
    JSON, Row, by_host, create, my_token, path, row,
};

/// Requests that are not refused and come before the others: the use of a pass by its guest, and the end of another pass.
pub(crate) const FIRST_USE: Row = Row {
    body: Some(r#"{"guest":"the-first-guest-0123"}"#),
    headers: JSON,
    status: 200,
    ..guest("use", UsedPass, 200, "")
};
pub(crate) const END: Row = Row { credential: Key, status: 204, ..row("end", "DELETE", "/api/guests/{ended id}") };

/// A request of a guest.
const fn guest(name: &'static str, credential: Credential, status: u16, code: &'static str) -> Row {
    Row { credential, status, code, ..row(name, "POST", "/api/guests/token") }
}

pub(super) static ROWS: &[Row] = &[
    guest("no pass", NoCredential, 401, "unauthorized"),
    guest("a key instead of a pass", Key, 401, "unauthorized"),
    Row {
        query: Some("pass={pass}&access_token={pass}"),
        ..guest("a pass in the query", NoCredential, 401, "unauthorized")
    },
    guest("two passes", TwoPasses, 400, "ambiguous-authorization"),
    guest("a user's token instead of a pass", ALICE, 401, "pass-invalid"),
    guest("the id of a pass", PassId, 401, "pass-invalid"),
    guest("a forged pass", ForgedPass, 401, "pass-invalid"),
    guest("a swapped pass", SwappedPass, 401, "pass-invalid"),
    guest("a pass of another key", PassOfAnotherKey, 401, "pass-invalid"),
    guest("an expired pass", ExpiredPass, 401, "pass-expired"),
    guest("an ended pass", EndedPass, 403, "pass-ended"),
    guest("a replayed pass", UsedPass, 403, "pass-used-up"),
    Row {
        headers: JSON,
        body: Some(r#"{"guest":"another-guest-012345"}"#),
        ..guest("a pass replayed by another guest", UsedPass, 403, "pass-used-up")
    },
    Row {
        headers: JSON,
        body: Some(r#"{"guest":"the-first-guest-0123","scopes":["voip"]}"#),
        ..guest("a guest who asks for more", UsedPass, 400, "invalid-fields")
    },
    my_token("a pass instead of a token", Pass, 401, "unauthorized"),
    by_host(401, create("a pass instead of a key", Pass, 401, "unauthorized")),
    by_host(
        401,
        Row {
            credential: Pass,
            status: 401,
            code: "unauthorized",
            ..row("a guest who ends a pass", "DELETE", "/api/guests/{ended id}")
        },
    ),
    path("a pass in place of its id", "/api/guests/{pass}", 400, "invalid-pass-id"),
    path("a pass id of another form", "/api/guests/alice", 400, "invalid-pass-id"),
];
