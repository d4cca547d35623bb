//! A directory that ACS keeps: a user's identity has the user's name as its custom id.
//!
//! ACS makes the identity at the first call that names the custom id, and finds it at the next. It does not settle which
//! of two calls at once comes first: then both make one, and the custom id is refused until one of them is deleted
//! (<https://github.com/Azure/azure-sdk-for-js/issues/38531>). In one process only one call for a user is under way;
//! between processes these rules leave one identity:
//!
//! - None is made with a token. It gets its first one when a call has found it alone twice: of two that were made at once
//!   only one can be found so, since who looks the second time has made its own before.
//! - Where there are several, those without a token are deleted, each by the call that found it, unless a wait has shown
//!   that others have done so.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{Deed, Error, Issued, Key, Name, Resolved, UserId, Witness, delete, end};
use crate::acs::{
    self,
    error::Kind,
    types::{CustomId, IdentityId, TokenRequest},
};

/// How often a call looks again while ACS has more than one identity. With the waits in between that is about 6 s, more
/// than two calls need to get out of each other's way.
const LOOKS: u32 = 7;

/// How long a call may go by what it has seen when it gives way. Those that have given way wait twice as long before they
/// take another's identity for theirs.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct CustomIds {
    pub(super) key: Key,
}

impl CustomIds {
    /// The user's identity, made with a token if there is none.
    pub(super) async fn settle(
        &self,
        acs: &acs::Client,
        user: UserId,
        token: &TokenRequest,
        witness: &Witness,
    ) -> Result<Resolved, Error> {
        let custom_id = self.custom_id(user)?;
        let (mut look, mut seen, mut doubted, mut gave_way) = (0, None, false, false);
        loop {
            let asked = Instant::now();
            let found = match acs.create_identity_for(&custom_id, None).await {
                Err(error) if is_ambiguous(&error) => {
                    // Whose wait is the longest keeps theirs: the others have given way when it ends.
                    if doubted && let Some(id) = &seen {
                        let details = acs.get_identity(id).await;
                        match details {
                            // It is somebody's now; the others give way.
                            Ok(details) if details.last_token_issued_at.is_some() => {}
                            Err(error) if !error.is_identity_gone() => return Err(error.into()),
                            // It may be the only one by now.
                            _ if asked.elapsed() > FRESH => {}
                            Ok(_) | Err(_) => {
                                delete(acs, id, witness).await?;
                                (seen, gave_way) = (None, true);
                            }
                        }
                    }
                    doubted = true;
                    pause(&mut look).await.ok_or(Error::Ambiguous(error))?;
                    continue;
                }
                found => found?,
            };
            doubted = false;
            if found.last_token_issued_at.is_some() {
                return Ok(Resolved::Known(found.id));
            }
            if seen.as_ref() != Some(&found.id) {
                seen = Some(found.id);
                // It is that of a call which may be about to give way as well.
                if gave_way {
                    tokio::time::sleep(2 * FRESH).await;
                }
                continue;
            }
            match acs.issue_token(&found.id, token).await {
                // Another call has given way.
                Err(error) if error.is_identity_gone() => {
                    seen = None;
                    pause(&mut look).await.ok_or(Error::Contended)?;
                }
                token => {
                    let token = token?;
                    witness(Deed::Created, &found.id);
                    return Ok(Resolved::Made(Issued { id: found.id, token }));
                }
            }
        }
    }

    /// The user's identity. ACS tells it by making one, if there is none; the user's first token will be for that one.
    pub(super) async fn find(&self, acs: &acs::Client, user: UserId) -> Result<Option<IdentityId>, Error> {
        let custom_id = self.custom_id(user)?;
        let found = one(&mut 0, || acs.create_identity_for(&custom_id, None)).await?;
        // Without a token there is none to revoke.
        Ok(found.last_token_issued_at.map(|_| found.id))
    }

    /// Ends the user's identity. It takes the custom id with it.
    pub(super) async fn forget(
        &self,
        acs: &acs::Client,
        user: UserId,
        known: Option<IdentityId>,
        witness: &Witness,
    ) -> Result<bool, Error> {
        if let Some(id) = known {
            end(acs, &id, witness).await?;
        }
        // Asked in any case: what was known may be out of date.
        let custom_id = self.custom_id(user)?;
        let found = one(&mut 0, || acs.create_identity_for(&custom_id, None)).await?;
        end(acs, &found.id, witness).await?;
        Ok(true)
    }

    fn custom_id(&self, user: UserId) -> Result<CustomId, Error> {
        // 64 hex digits, which every custom id may be.
        Name::of(&self.key, user).to_string().parse().map_err(|_| Error::Contended)
    }
}

fn is_ambiguous(error: &acs::Error) -> bool {
    matches!(error, acs::Error::Service(error) if error.kind == Kind::MultipleIdentities)
}

/// Asks until ACS has only one identity, as it does when the other calls have taken theirs back.
async fn one<T, F>(look: &mut u32, ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, acs::Error>>,
{
    loop {
        match ask().await {
            Err(error) if is_ambiguous(&error) => pause(look).await.ok_or(Error::Ambiguous(error))?,
            answer => return Ok(answer?),
        }
    }
}

/// Waits, longer each time and never as long as another call; nothing when it has been long enough.
async fn pause(look: &mut u32) -> Option<()> {
    *look += 1;
    if *look >= LOOKS {
        return None;
    }
    let longest = 50 << *look;
    let millis = longest / 2 + u64::from(Uuid::new_v4().as_fields().0) % longest;
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Some(())
}
