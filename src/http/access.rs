//! The access layer: authenticates and authorizes each request to a function, and records both in the request log.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::{
    access::AccessRules,
    auth::{self, Authenticator, Bearer, Caller, guest},
    functions::{AuthLevel, Function, PREFIX},
    guest_pass::PassKeys,
    problem::Problem,
    request_log,
};

/// Authenticates and authorizes requests.
#[derive(Debug)]
pub(super) struct AccessControl {
    pub(super) authenticator: Authenticator,
    pub(super) rules: AccessRules,
    /// The keys of guest passes; `None` without a user directory.
    pub(super) pass_keys: Option<PassKeys>,
}

impl AccessControl {
    /// Authorizes the request for the function's auth level. Adds the caller, its policy and the
    /// trusted issuers to the request's extensions.
    async fn authorize(&self, function: &Function, request: &mut Request) -> Result<(), Problem> {
        let caller = match function.auth_level {
            AuthLevel::Anonymous => Ok(None),
            AuthLevel::Function => self.authenticator.authenticate_backend(request.headers()).await.map(Some),
            AuthLevel::Bearer => {
                self.authenticator.authenticate_user(request.headers()).await.map(|user| Some(Caller::User(user)))
            }
            // Without keys, the function answers that it is turned off.
            AuthLevel::Pass => self
                .pass_keys
                .as_ref()
                .map(|keys| guest::authenticate(keys, request.headers()))
                .transpose()
                .map(|pass| pass.map(Caller::Guest)),
        };
        auth::strip(request.headers_mut());
        let Some(caller) = caller? else { return Ok(()) };
        request_log::record(|log| {
            log.caller = Some(caller.label());
            log.action = log.function;
        });
        self.rules.rate_limits.check(&caller)?;
        request.extensions_mut().insert(self.rules.policy.effective(&caller));
        if let Some(bearer) = &self.authenticator.bearer {
            request.extensions_mut().insert::<Bearer>(bearer.clone());
        }
        request.extensions_mut().insert::<Caller>(caller);
        Ok(())
    }
}

pub(super) async fn layer(
    State((access, function)): State<(Arc<AccessControl>, &'static Function)>,
    mut request: Request,
    next: Next,
) -> Response {
    // Before anything else, so that the line has it after a timeout or a panic, too.
    request_log::record(|log| {
        log.function = Some(function.name);
        log.route = Some(format!("/{PREFIX}/{}", function.route));
        log.done = function.done;
    });
    match access.authorize(function, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
