//! A directory that ACS keeps: a user's identity has the user's name as its custom id.
//!
//! ACS makes the identity at the first call that names the custom id, and finds it at the next. It does not settle which
//! of two calls at once comes first: then both make one, and the custom id is refused until one of them is deleted
//! (<https://github.com/Azure/azure-sdk-for-js/issues/38531>). In one process only one call for a user is under way;
//! between processes each looks twice before it gives a first token, and takes its own identity back if there are two.

use std::{future::Future, time::Duration};

use uuid::Uuid;

use super::{Deed, Error, Issued, Key, Name, Settled, User, Witness, end};
use crate::acs::{
    self,
    error::Kind,
    types::{CustomId, IdentityId, TokenRequest},
};

/// How often a call looks again while ACS has more than one identity. With the waits in between that is about 6 s, more
/// than two calls need to get out of each other's way.
const LOOKS: u32 = 7;

#[derive(Debug)]
pub(super) struct CustomIds {
    pub(super) key: Key,
}

impl CustomIds {
    /// The user's identity, made with a token if there is none.
    pub(super) async fn settle(
        &self,
        acs: &acs::Client,
        user: User,
        token: &TokenRequest,
        witness: &Witness,
    ) -> Result<Settled, Error> {
        let custom_id = self.custom_id(user)?;
        let mut look = 0;
        loop {
            let found = one(&mut look, || acs.create_identity_for(&custom_id, None)).await?;
            if found.last_token_issued_at.is_some() {
                return Ok(Settled::Known(found.id));
            }
            // It may be new. If another call has just made one as well, ACS will say so now.
            match acs.create_identity_for(&custom_id, Some(token)).await {
                Ok(created) if created.id == found.id => {
                    witness(Deed::Created, &created.id);
                    return Ok(match created.token {
                        Some(token) => Settled::Made(Issued { id: created.id, token }),
                        None => Settled::Known(created.id),
                    });
                }
                // Another call has deleted the one found, for its own sake.
                Ok(created) => return Ok(Settled::Known(created.id)),
                Err(error) if is_ambiguous(&error) => {
                    // One that has had a token meanwhile is somebody's; then the others give way.
                    let details = acs.get_identity(&found.id).await;
                    match details {
                        Ok(details) if details.last_token_issued_at.is_some() => {}
                        Err(error) if !error.is_identity_gone() => return Err(error.into()),
                        Ok(_) | Err(_) => end(acs, &found.id, witness).await?,
                    }
                    pause(&mut look, error).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The user's identity. ACS tells it by making one, if there is none; the user's first token will be for that one.
    pub(super) async fn find(&self, acs: &acs::Client, user: User) -> Result<Option<IdentityId>, Error> {
        let custom_id = self.custom_id(user)?;
        let found = one(&mut 0, || acs.create_identity_for(&custom_id, None)).await?;
        // Without a token there is none to revoke.
        Ok(found.last_token_issued_at.map(|_| found.id))
    }

    /// Ends the user's identity. It takes the custom id with it.
    pub(super) async fn forget(
        &self,
        acs: &acs::Client,
        user: User,
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

    fn custom_id(&self, user: User) -> Result<CustomId, Error> {
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
            Err(error) if is_ambiguous(&error) => pause(look, error).await?,
            answer => return Ok(answer?),
        }
    }
}

/// Waits, longer each time and never as long as another call.
async fn pause(look: &mut u32, error: acs::Error) -> Result<(), Error> {
    *look += 1;
    if *look >= LOOKS {
        return Err(Error::Ambiguous(error));
    }
    let longest = 50 << *look;
    let millis = longest / 2 + u64::from(Uuid::new_v4().as_fields().0) % longest;
    tokio::time::sleep(Duration::from_millis(millis)).await;
    Ok(())
}
