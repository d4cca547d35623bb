//! A new identity that is deleted again if its caller disconnects before the answer is sent.

use acs_identity::{AccessToken, Error, IdentityClient, IdentityId, TokenRequest, causes};
use axum::body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::{
    problem::Problem,
    request_log::{self, Current},
};

/// A new identity. If it is dropped before its caller receives the answer, it is deleted at ACS.
#[derive(Debug)]
pub(super) struct DeleteOnDrop {
    acs: IdentityClient,
    tasks: TaskTracker,
    id: IdentityId,
    token: Option<AccessToken>,
    /// The request. The body is dropped outside of it.
    request: Current,
    is_armed: bool,
}

impl DeleteOnDrop {
    /// Creates an identity, in a task of its own. The task continues if the caller disconnects or the request times out: a
    /// cancelled call could leave an unknown identity.
    pub(super) async fn create(
        acs: IdentityClient,
        tasks: TaskTracker,
        token: Option<TokenRequest>,
    ) -> Result<Self, Problem> {
        let (send, receive) = oneshot::channel();
        let tracker = tasks.clone();
        tracker.spawn(request_log::in_current(async move {
            let created = match &token {
                Some(token) => acs.create_identity_with_token(token).await.map(|new| (new.id, Some(new.token))),
                None => acs.create_identity().await.map(|id| (id, None)),
            };
            let request = request_log::current();
            let created = created.map(|(id, token)| Self { acs, tasks, id, token, request, is_armed: true });
            if let Err(Ok(unsent)) = send.send(created) {
                // The request has already been logged as cancelled.
                request_log::identity_created(unsent.id());
            }
        }));
        // The task sends nothing only if it panicked. Then it is unknown whether ACS created the identity.
        Ok(receive.await.unwrap_or(Err(Error::TimedOut))?)
    }

    pub(super) const fn id(&self) -> &IdentityId {
        &self.id
    }

    /// Returns the first token, if one was requested.
    pub(super) const fn token(&self) -> Option<&AccessToken> {
        self.token.as_ref()
    }

    /// Returns a body that keeps the identity: it disarms the deletion when the server takes the bytes to send them.
    pub(super) fn into_body(mut self, bytes: Vec<u8>) -> Body {
        Body::new(Full::from(bytes).map_frame(move |frame| {
            self.disarm();
            frame
        }))
    }

    const fn disarm(&mut self) {
        self.is_armed = false;
    }
}

impl Drop for DeleteOnDrop {
    fn drop(&mut self) {
        // Without a runtime, the process is exiting.
        if let (true, Ok(runtime)) = (self.is_armed, tokio::runtime::Handle::try_current()) {
            let (acs, id) = (self.acs.clone(), self.id.clone());
            let delete = self.request.clone().scope(async move {
                match acs.delete_identity(&id).await {
                    Ok(()) => request_log::identity_deleted(&id),
                    Err(error) => {
                        tracing::warn!(
                            cause = causes(&error),
                            "could not delete the identity of a disconnected caller"
                        );
                    }
                }
            });
            self.tasks.spawn_on(delete, &runtime);
        }
    }
}
