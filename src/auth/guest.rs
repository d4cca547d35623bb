//! Guests: the pass in the Authorization header.

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;

use super::{BEARER_CHALLENGE, TokenError, bearer};
use crate::{
    guest_pass::{GuestPass, PassError, PassKeys},
    problem::{Kind, Problem},
};

const SEND_PASS: &str = "Send the pass of the invitation as a bearer token in the Authorization header. A pass in the URL \
                         does not count.";
const INVALID: &str = "The pass is not one of this service, or it is incomplete. Use the whole link of the invitation.";
const EXPIRED: &str = "The pass has expired. Ask the sender for a new link.";

/// Authenticates a guest.
///
/// # Errors
/// [`Kind::Unauthorized`] without a pass, [`Kind::PassInvalid`] and [`Kind::PassExpired`] for another text,
/// [`Kind::AmbiguousAuthorization`] for several Authorization headers.
pub fn authenticate(keys: &PassKeys, headers: &HeaderMap) -> Result<GuestPass, Problem> {
    let pass = match bearer::credential(headers) {
        Ok(Some(pass)) => pass,
        Ok(None) => {
            return Err(
                Problem::new(Kind::Unauthorized, SEND_PASS).with_header(header::WWW_AUTHENTICATE, BEARER_CHALLENGE)
            );
        }
        Err(error @ TokenError::TwoHeaders) => return Err(error.into()),
        Err(_) => return Err(refused(Kind::PassInvalid, INVALID)),
    };
    keys.verify(pass, Timestamp::now()).map_err(|error| match error {
        PassError::Invalid => refused(Kind::PassInvalid, INVALID),
        PassError::Expired => refused(Kind::PassExpired, EXPIRED),
    })
}

/// Returns the problem with a challenge (RFC 6750 section 3.1).
fn refused(kind: Kind, detail: &'static str) -> Problem {
    let problem = Problem::new(kind, detail);
    match HeaderValue::try_from(format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"")) {
        Ok(challenge) => problem.with_header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}
