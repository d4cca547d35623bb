//! The table of rejections: status, code, challenges and text of each.

use serde_json::Value;

use crate::harness::Answer;

pub(super) struct Rejection {
    status: u16,
    code: &'static str,
    /// The values of `WWW-Authenticate`. Those with an `error` end with the text as `error_description`.
    challenges: &'static [&'static str],
    detail: &'static str,
}

const fn unauthorized(challenges: &'static [&'static str], detail: &'static str) -> Rejection {
    Rejection { status: 401, code: "unauthorized", challenges, detail }
}

const fn invalid_token(detail: &'static str) -> Rejection {
    unauthorized(&["Bearer error=\"invalid_token\""], detail)
}

const fn forbidden(challenges: &'static [&'static str], detail: &'static str) -> Rejection {
    Rejection { status: 403, code: "forbidden", challenges, detail }
}

const KEY: &str = "FunctionsKey header=\"x-functions-key\"";

pub(super) const SEND_KEY: Rejection =
    unauthorized(&[KEY], "Send a key of this service in one x-functions-key header.");
pub(super) const SEND_ONE_KEY: Rejection =
    unauthorized(&[KEY, "Bearer"], "Send a key of this service in one x-functions-key header.");
pub(super) const SEND_KEY_OR_TOKEN: Rejection = unauthorized(
    &[KEY, "Bearer"],
    "Send a key of this service in an x-functions-key header, or a bearer token in the Authorization header.",
);
pub(super) const SEND_TOKEN: Rejection = unauthorized(&["Bearer"], "Send a bearer token in the Authorization header.");
pub(super) const WRONG_KEY: Rejection =
    unauthorized(&[KEY, "Bearer"], "The key in x-functions-key is not a key of this service.");
pub(super) const NO_ISSUER: Rejection = unauthorized(
    &["Bearer"],
    "This function is for signed-in users only, and sign-in is not configured: the operator must set OIDC_ISSUERS.",
);
pub(super) const BACK_ENDS_ONLY: Rejection = forbidden(
    &[],
    "The token is a signed-in user's, and this function is for back ends only. Send a key, or an application's token \
     with the role of back ends.",
);
pub(super) const USERS_ONLY: Rejection = forbidden(
    &[],
    "This function is for signed-in users only. An application creates identities with POST identities and issues \
     their tokens with POST identities/{id}/tokens.",
);
pub(super) const APPLICATION: Rejection = forbidden(
    &["Bearer error=\"insufficient_scope\""],
    "The token is an application's, and it lacks the role of back ends, or its issuer may not name back ends.",
);
pub(super) const SCOPE: Rejection = forbidden(
    &["Bearer error=\"insufficient_scope\", scope=\"access_as_user\""],
    "The token is valid, but it lacks the scope that WWW-Authenticate names.",
);
pub(super) const TWO_HEADERS: Rejection = Rejection {
    status: 400,
    code: "ambiguous-authorization",
    challenges: &["Bearer error=\"invalid_request\""],
    detail: "The request has several Authorization headers; send one.",
};
pub(super) const UNREACHABLE: Rejection = Rejection {
    status: 503,
    code: "issuer-unreachable",
    challenges: &[],
    detail: "The token cannot be validated now: the keys of its issuer could not be fetched.",
};

pub(super) const TOO_LONG: Rejection = invalid_token("The token is longer than 16384 bytes.");
pub(super) const NOT_A_JWT: Rejection =
    invalid_token("The token is not a signed JWT: three parts in base64url, of which two are JSON objects.");
pub(super) const TYPE: Rejection = invalid_token("The token's typ is neither JWT nor at+jwt; send an access token.");
pub(super) const CRITICAL: Rejection = invalid_token("The token's header has crit, but no extensions are supported.");
pub(super) const ALGORITHM: Rejection =
    invalid_token("The token's alg is not supported; use RS256, PS256, ES256 or EdDSA.");
pub(super) const ALGORITHM_OF_KEY: Rejection =
    invalid_token("The token's alg does not fit the issuer's key with its kid.");
pub(super) const NO_KEY_ID: Rejection = invalid_token("The token's header has no kid, which selects the issuer's key.");
pub(super) const UNKNOWN_KEY: Rejection = invalid_token("The token's kid is not among the issuer's keys.");
pub(super) const SIGNATURE: Rejection = invalid_token("The token's signature does not match the issuer's key.");
pub(super) const ISSUER: Rejection = invalid_token("The token's iss is not an issuer that this service trusts.");
pub(super) const TENANT_OF_ISSUER: Rejection = invalid_token("The token's tid is not the tenant of its iss.");
pub(super) const WRONG_AUDIENCE: Rejection =
    invalid_token("The token's aud is not this service; request a token for this service from the issuer.");
pub(super) const EXPIRED: Rejection = invalid_token("The token has expired; get a new one.");
pub(super) const NO_EXPIRY: Rejection = invalid_token("The token has no exp.");
pub(super) const NOT_YET_VALID: Rejection = invalid_token("The token's nbf is in the future; compare the clocks.");
pub(super) const TIMES: Rejection = invalid_token("The token's exp or nbf is not a number of seconds.");
pub(super) const SUBJECT: Rejection = invalid_token("The token has no sub, so it identifies no caller.");
pub(super) const OBJECT_ID: Rejection =
    invalid_token("The token has no oid, which identifies a caller from Entra; ask for the scope profile at sign-in.");
pub(super) const NOT_AN_ACCESS_TOKEN: Rejection = invalid_token(
    "The token is an ID token or another token that gives no access; send an access token for this service.",
);
pub(super) const BOUND: Rejection =
    invalid_token("The token is bound to a key (cnf), which this service cannot check; get a bearer token.");
pub(super) const AMBIGUOUS: Rejection =
    invalid_token("The token has signs of an application and of a user, so it identifies neither.");
pub(super) const CLIENT: Rejection = forbidden(
    &["Bearer error=\"insufficient_scope\""],
    "The token was issued to a client application that this service does not accept.",
);
pub(super) const TOO_MANY_GROUPS: Rejection = forbidden(
    &["Bearer error=\"insufficient_scope\""],
    "The token does not list the groups, because there are too many; the operator must use app roles, or only the \
     groups that are assigned to the application.",
);

impl Rejection {
    #[track_caller]
    pub(super) fn assert(&self, name: &str, answer: &Answer) {
        assert_eq!(answer.status, self.status, "{name}: {answer:?}");
        answer.assert_code(self.status, self.code, &[]);
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["detail"], self.detail, "{name}");
        let found: Vec<&str> =
            answer.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect();
        let describe = |challenge: &&str| {
            if challenge.contains("error=") {
                format!("{challenge}, error_description=\"{}\"", self.detail)
            } else {
                (*challenge).to_owned()
            }
        };
        // All challenges are in one field.
        let expected = self.challenges.iter().map(describe).collect::<Vec<_>>().join(", ");
        let expected = if expected.is_empty() { Vec::new() } else { vec![expected] };
        assert_eq!(found, expected, "{name}");
    }
}
