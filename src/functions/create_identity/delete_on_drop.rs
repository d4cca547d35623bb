//! An identity that nobody has heard of yet: deleted again if its caller has gone away.

use acs_identity::{AccessToken, Error, IdentityClient, IdentityId, TokenRequest};
use axum::body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::{
    auth::audit::{Auditor, Record},
    problem::Problem,
    trace_context,
};

/// A new identity, until its caller takes notice of it. Dropped before that, it is deleted at ACS.
#[derive(Debug)]
pub(super) struct DeleteOnDrop {
    acs: IdentityClient,
    id: IdentityId,
    token: Option<AccessToken>,
    auditor: Auditor,
    is_claimed: bool,
}

impl DeleteOnDrop {
    /// Makes an identity in a task of its own, which goes on when the caller hangs up or the deadline passes: a call
    /// broken off half way would leave an identity that nobody knows of.
    pub(super) async fn create(
        acs: IdentityClient,
        token: Option<TokenRequest>,
        auditor: Auditor,
        mut record: Record,
    ) -> Result<Self, Problem> {
        let (send, receive) = oneshot::channel();
        let call = async move {
            let created = match &token {
                Some(token) => acs.create_identity_with_token(token).await.map(|new| (new.id, Some(new.token))),
                None => acs.create_identity().await.map(|id| (id, None)),
            };
            let created = record.settle(created);
            if let Ok((id, _)) = &created {
                record.identity(id);
            }
            drop(record);
            // Where nobody receives it any more, it is dropped here.
            drop(send.send(created.map(|(id, token)| Self { acs, id, token, auditor, is_claimed: false })));
        };
        tokio::spawn(trace_context::in_current(call.in_current_span()));
        // Nothing is sent only if the task panicked, and then what became of the identity is as little known.
        receive.await.unwrap_or_else(|_| Err(Error::TimedOut.into()))
    }

    /// The identity.
    pub(super) const fn id(&self) -> &IdentityId {
        &self.id
    }

    /// The first token, if one was requested.
    pub(super) const fn token(&self) -> Option<&AccessToken> {
        self.token.as_ref()
    }

    const fn claim(&mut self) {
        self.is_claimed = true;
    }

    /// The answer's body: when the server takes it to send it, the identity is claimed.
    pub(super) fn into_body(mut self, bytes: Vec<u8>) -> Body {
        Body::new(Full::from(bytes).map_frame(move |frame| {
            self.claim();
            frame
        }))
    }
}

impl Drop for DeleteOnDrop {
    fn drop(&mut self) {
        if self.is_claimed {
            return;
        }
        let (acs, id) = (self.acs.clone(), self.id.clone());
        let mut record = self.auditor.record("delete-identity");
        record.identity(&id);
        // Without a runtime the process is ending, and nothing can be done any more.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let delete = async move {
                match record.settle(acs.delete_identity(&id).await) {
                    Ok(()) => tracing::info!("the caller went away before it cache of its identity; it was deleted"),
                    Err(Problem { cause, .. }) => {
                        tracing::warn!(cause, "an identity that nobody knows of could not be deleted");
                    }
                }
            };
            runtime.spawn(trace_context::in_current(delete.in_current_span()));
        }
    }
}
