//! The table of hostile requests.

/// A request that is refused.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// The path, percent-encoded as a client sends it.
    pub(crate) path: &'static str,
    /// The query, with the placeholder `{pass}`.
    pub(crate) query: Option<&'static str>,
    pub(crate) credential: Credential,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Option<&'static str>,
    /// A fault of the emulator, for answers that something between this service and ACS gives.
    pub(crate) fault: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    /// The status of the Functions host if it answers by itself, with an empty body.
    pub(crate) by_host: Option<u16>,
    /// Whether a forwarding Functions host cuts the path before the handler sees it. docs/security.md says so.
    pub(crate) is_cut_by_forwarding: bool,
}

/// A caller's credential.
pub(crate) enum Credential {
    None,
    /// The key of back ends.
    Key,
    WrongKey,
    /// A wrong and a right key.
    TwoKeys,
    /// A token of the test issuer with this specification: `header` and `claims`.
    Token(&'static str),
    /// A token of the tenant's issuer.
    EntraToken(&'static str),
    /// The tokens of two users.
    TwoTokens,
    /// A user's token with another signature.
    ForgedToken,
    /// A guest's pass.
    Pass,
    /// Two passes.
    TwoPasses,
    /// The pass that [`super::guests::FIRST_USE`] has used.
    UsedPass,
    /// The pass that [`super::guests::END`] has ended.
    EndedPass,
    /// A pass that has expired.
    ExpiredPass,
    /// A pass with another signature.
    ForgedPass,
    /// The id of a pass with the signature of another one.
    SwappedPass,
    /// A pass under another key.
    PassOfAnotherKey,
    /// The id of a pass, in place of the pass.
    PassId,
}

use Credential::{EntraToken, ForgedToken, Key, None as NoCredential, Token, TwoKeys, TwoTokens, WrongKey};

pub(super) const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
pub(super) const ALICE: Credential = Token(r#"{"claims":{"sub":"alice"}}"#);
const BOB: &str = r#"{"issuer":"https://other.example","subject":"bob"}"#;
/// The answer of a content delivery network in front of ACS.
const FOREIGN_404: &str = r#"{"times":9,"answer":{"status":404,"headers":{"content-type":"text/html"},"body":"<h2>Our services aren't available right now</h2>"}}"#;
const FOREIGN_200: &str = r#"{"times":9,"answer":{"status":200,"headers":{"content-type":"text/html"},"body":"<h2>Sign in to the network</h2>"}}"#;
const FOREIGN_403: &str =
    r#"{"times":9,"answer":{"status":403,"headers":{"content-type":"text/html"},"body":"<h1>403 Forbidden</h1>"}}"#;

/// A request that is not refused: Alice's for her own token.
#[cfg(feature = "lambda")]
pub(crate) const ALICES_TOKEN: Row =
    Row { credential: ALICE, status: 200, ..row("Alice's token", "POST", "/api/me/token") };

/// A request for the user's own token.
pub(super) const fn my_token(name: &'static str, credential: Credential, status: u16, code: &'static str) -> Row {
    Row { credential, status, code, ..row(name, "POST", "/api/me/token") }
}

/// A request to create an identity.
pub(super) const fn create(name: &'static str, credential: Credential, status: u16, code: &'static str) -> Row {
    Row { credential, headers: JSON, body: Some("{}"), status, code, ..row(name, "POST", "/api/identities") }
}

/// A request of a back end with a hostile path.
pub(super) const fn path(name: &'static str, path: &'static str, status: u16, code: &'static str) -> Row {
    Row { credential: Key, status, code, ..row(name, "DELETE", path) }
}

/// A request with a hostile body.
const fn body(name: &'static str, body: &'static str, status: u16, code: &'static str) -> Row {
    Row { body: Some(body), ..create(name, Key, status, code) }
}

/// A request of a back end to block a user.
const fn block(name: &'static str, body: &'static str) -> Row {
    Row { path: "/api/users/block", ..self::body(name, body, 400, "invalid-fields") }
}

/// A request of Alice's that something else than ACS answers.
const fn foreign(name: &'static str, method: &'static str, path: &'static str, fault: &'static str) -> Row {
    Row { credential: ALICE, fault: Some(fault), status: 502, code: "upstream-failed", ..row(name, method, path) }
}

pub(super) const fn row(name: &'static str, method: &'static str, path: &'static str) -> Row {
    Row {
        name,
        method,
        path,
        query: None,
        credential: NoCredential,
        headers: &[],
        body: None,
        fault: None,
        status: 400,
        code: "",
        by_host: None,
        is_cut_by_forwarding: false,
    }
}

pub(super) const fn by_host(status: u16, row: Row) -> Row {
    Row { by_host: Some(status), ..row }
}

const fn cut(row: Row) -> Row {
    Row { is_cut_by_forwarding: true, ..row }
}

/// Returns all rows.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(super::guests::ROWS)
}

static ROWS: &[Row] = &[
    // Back ends.
    by_host(401, create("no key", NoCredential, 401, "unauthorized")),
    by_host(401, create("a wrong key", WrongKey, 401, "unauthorized")),
    by_host(401, create("two keys, the first one wrong", TwoKeys, 401, "unauthorized")),
    by_host(401, create("a user's token instead of a key", ALICE, 403, "forbidden")),
    by_host(
        401,
        create(
            "a user's token with the managing role",
            EntraToken(
                r#"{"claims":{"tid":"11111111-2222-4333-8444-555555555555","oid":"32c0a5db-05ec-4000-8000-3f06b329397e","sub":"alice","idtyp":"user","roles":["Tokens.Manage"],"preferred_username":"alice@fabrikam.example","scp":"x"}}"#,
            ),
            403,
            "forbidden",
        ),
    ),
    by_host(401, Row { credential: ALICE, status: 403, code: "forbidden", ..block("a user who blocks another", BOB) }),
    by_host(
        401,
        Row {
            credential: ALICE,
            status: 403,
            code: "forbidden",
            path: "/api/users/unblock",
            ..block("a user who unblocks another", BOB)
        },
    ),
    block(
        "two users to block",
        r#"{"issuer":"https://other.example","subject":"bob","tenantId":"11111111-2222-4333-8444-555555555555","objectId":"32c0a5db-05ec-4000-8000-3f06b329397e"}"#,
    ),
    block("a user to block by an identity", r#"{"id":"8:acs:a_b"}"#),
    block("a user to block of an issuer that is not trusted", BOB),
    block(
        "a user to block of a tenant that is not trusted",
        r#"{"tenantId":"99999999-2222-4333-8444-555555555555","objectId":"32c0a5db-05ec-4000-8000-3f06b329397e"}"#,
    ),
    by_host(
        401,
        create(
            "a user's ID token with the managing role",
            EntraToken(
                r#"{"claims":{"tid":"11111111-2222-4333-8444-555555555555","oid":"32c0a5db-05ec-4000-8000-3f06b329397e","sub":"alice","roles":["Tokens.Manage"],"preferred_username":"alice@fabrikam.example"}}"#,
            ),
            401,
            "unauthorized",
        ),
    ),
    // Users.
    my_token("no token", NoCredential, 401, "unauthorized"),
    my_token("a key instead of a token", Key, 401, "unauthorized"),
    my_token("two tokens", TwoTokens, 400, "ambiguous-authorization"),
    my_token("a forged signature", ForgedToken, 401, "unauthorized"),
    my_token("an expired token", Token(r#"{"claims":{"sub":"alice","exp":1600000000}}"#), 401, "unauthorized"),
    my_token("another audience", Token(r#"{"claims":{"sub":"alice","aud":"api://other"}}"#), 401, "unauthorized"),
    my_token(
        "another issuer",
        Token(r#"{"claims":{"sub":"alice","iss":"https://other.example"}}"#),
        401,
        "unauthorized",
    ),
    my_token("no algorithm", Token(r#"{"claims":{"sub":"alice"},"header":{"alg":"none"}}"#), 401, "unauthorized"),
    my_token("an unknown key id", Token(r#"{"claims":{"sub":"alice"},"header":{"kid":"x"}}"#), 401, "unauthorized"),
    my_token("an ID token", Token(r#"{"claims":{"sub":"alice","nonce":"n-0S6_WzA2Mj"}}"#), 401, "unauthorized"),
    my_token(
        "a token bound to a key",
        Token(
            r#"{"claims":{"sub":"alice","scope":"openid","cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}}"#,
        ),
        401,
        "unauthorized",
    ),
    my_token(
        "an application",
        Token(r#"{"claims":{"sub":"nightly-job","client_id":"nightly-job","gty":"client-credentials"}}"#),
        403,
        "forbidden",
    ),
    my_token(
        "an Entra token without oid",
        EntraToken(r#"{"claims":{"tid":"11111111-2222-4333-8444-555555555555","sub":"alice","scp":"access_as_user"}}"#),
        401,
        "unauthorized",
    ),
    my_token(
        "an Entra token of another tenant",
        EntraToken(
            r#"{"claims":{"tid":"99999999-2222-4333-8444-555555555555","oid":"32c0a5db-05ec-4000-8000-3f06b329397e","sub":"alice","scp":"access_as_user"}}"#,
        ),
        401,
        "unauthorized",
    ),
    // Paths. A decoded character must not end the path or divide it at ACS.
    cut(path("a number sign in the path", "/api/identities/8:acs:a_b%23/tokens", 400, "invalid-url")),
    cut(path("a question mark in the path", "/api/identities/8:acs:a_b%3Fx/tokens", 400, "invalid-url")),
    path("a backslash in the path", "/api/identities/8:acs:a_b%5Cx/tokens", 400, "invalid-url"),
    path("a line feed in the path", "/api/identities/8:acs:a_b%0Ax/tokens", 400, "invalid-url"),
    path("an id of another form", "/api/identities/alice/tokens", 400, "invalid-identity-id"),
    // Bodies.
    body("no JSON", "{", 400, "malformed-json"),
    body("an array", "[]", 400, "malformed-json"),
    body(
        "a field twice",
        r#"{"createTokenWithScopes":["chat"],"createTokenWithScopes":["voip"]}"#,
        400,
        "malformed-json",
    ),
    body("an unknown field", r#"{"id":"8:acs:a_b"}"#, 400, "invalid-fields"),
    body("an unknown scope", r#"{"createTokenWithScopes":["admin"]}"#, 400, "invalid-fields"),
    body(
        "an endless lifetime",
        r#"{"createTokenWithScopes":["chat"],"expiresInMinutes":99999999}"#,
        400,
        "invalid-fields",
    ),
    Row { headers: &[("content-type", "text/plain")], ..body("text", "{}", 415, "unsupported-media-type") },
    // Answers that are not ACS's.
    foreign("a foreign 404 to a token request", "POST", "/api/me/token", FOREIGN_404),
    foreign("a foreign 200 to a token request", "POST", "/api/me/token", FOREIGN_200),
    foreign("a foreign 403 to a token request", "POST", "/api/me/token", FOREIGN_403),
    foreign("a foreign 404 to a revocation", "DELETE", "/api/me/tokens", FOREIGN_404),
    foreign("a foreign 200 to a revocation", "DELETE", "/api/me/tokens", FOREIGN_200),
    foreign("a foreign 403 to a revocation", "DELETE", "/api/me/tokens", FOREIGN_403),
];
