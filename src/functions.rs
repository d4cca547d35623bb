//! The table of functions. Each function has a file of its own.
//!
//! A route is the same string for axum, Azure Functions and API Gateway.

pub mod block_user;
pub mod create_guest_pass;
pub mod create_identity;
pub mod delete_identity;
pub mod delete_me;
pub mod docs;
mod entra_token;
pub mod exchange_teams_phone_token;
pub mod exchange_teams_token;
pub mod guest_token;
pub mod health;
pub mod issue_token;
pub mod me;
pub mod my_teams_phone_token;
pub mod my_teams_token;
pub mod my_token;
pub mod openapi;
pub mod revoke_guest_pass;
pub mod revoke_my_tokens;
pub mod revoke_tokens;
mod services;
mod token;
pub mod unblock_user;

use axum::routing::{MethodFilter, MethodRouter, on};

pub use services::Services;

/// The prefix of all routes: the Functions host's `routePrefix`.
pub const PREFIX: &str = "api";

/// Which callers a function accepts.
///
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#http-auth>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthLevel {
    /// All callers.
    Anonymous,
    /// Requires a function key. The Functions host validates it; on other hosts, this service does.
    Function,
    /// Requires a signed-in user's bearer token, which this service validates. To the Functions host, the function is
    /// anonymous.
    Bearer,
    /// Requires a guest's pass, which this service verifies. To the Functions host, the function is anonymous.
    Pass,
}

/// A function.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The name in the Functions host: a folder under `functions/`.
    pub name: &'static str,
    /// The HTTP methods.
    pub methods: &'static [&'static str],
    /// The route after `/api/`.
    pub route: &'static str,
    /// Which callers it accepts.
    pub auth_level: AuthLevel,
    /// A short description.
    pub summary: &'static str,
    /// The message of the request log when a request succeeds.
    pub done: &'static str,
    /// The handler.
    pub(crate) handler: fn() -> MethodRouter<Services>,
}

/// All functions, in the order of the documentation.
pub static FUNCTIONS: [Function; 19] = [
    Function {
        name: "create-identity",
        methods: &["POST"],
        route: "identities",
        auth_level: AuthLevel::Function,
        summary: "create an identity, optionally with a token",
        done: "created identity",
        handler: || on(MethodFilter::POST, create_identity::handle),
    },
    Function {
        name: "issue-token",
        methods: &["POST"],
        route: "identities/{id}/tokens",
        auth_level: AuthLevel::Function,
        summary: "issue or refresh a token",
        done: "issued token",
        handler: || on(MethodFilter::POST, issue_token::handle),
    },
    Function {
        name: "revoke-tokens",
        methods: &["DELETE"],
        route: "identities/{id}/tokens",
        auth_level: AuthLevel::Function,
        summary: "revoke all tokens of an identity",
        done: "revoked tokens",
        handler: || on(MethodFilter::DELETE, revoke_tokens::handle),
    },
    Function {
        name: "delete-identity",
        methods: &["DELETE"],
        route: "identities/{id}",
        auth_level: AuthLevel::Function,
        summary: "delete an identity and its tokens",
        done: "deleted identity",
        handler: || on(MethodFilter::DELETE, delete_identity::handle),
    },
    Function {
        name: "exchange-teams-token",
        methods: &["POST"],
        route: "teams/tokens",
        auth_level: AuthLevel::Function,
        summary: "exchange a Teams user's Entra token",
        done: "exchanged Teams token",
        handler: || on(MethodFilter::POST, exchange_teams_token::handle),
    },
    Function {
        name: "exchange-teams-phone-token",
        methods: &["POST"],
        route: "teams-phone/tokens",
        auth_level: AuthLevel::Function,
        summary: "exchange an Entra token for Teams Phone",
        done: "exchanged Teams Phone token",
        handler: || on(MethodFilter::POST, exchange_teams_phone_token::handle),
    },
    Function {
        name: "create-guest-pass",
        methods: &["POST"],
        route: "guests",
        auth_level: AuthLevel::Function,
        summary: "create a pass for an invitation link",
        done: "created guest pass",
        handler: || on(MethodFilter::POST, create_guest_pass::handle),
    },
    Function {
        name: "guest-token",
        methods: &["POST"],
        route: "guests/token",
        auth_level: AuthLevel::Pass,
        summary: "issue or refresh a guest's token",
        done: "issued token",
        handler: || on(MethodFilter::POST, guest_token::handle),
    },
    Function {
        name: "revoke-guest-pass",
        methods: &["DELETE"],
        route: "guests/{passId}",
        auth_level: AuthLevel::Function,
        summary: "end a pass and delete its guests' identities",
        done: "ended guest pass",
        handler: || on(MethodFilter::DELETE, revoke_guest_pass::handle),
    },
    Function {
        name: "block-user",
        methods: &["POST"],
        route: "users/block",
        auth_level: AuthLevel::Function,
        summary: "refuse a signed-in user and revoke the tokens",
        done: "blocked user",
        handler: || on(MethodFilter::POST, block_user::handle),
    },
    Function {
        name: "unblock-user",
        methods: &["POST"],
        route: "users/unblock",
        auth_level: AuthLevel::Function,
        summary: "accept a blocked user again",
        done: "unblocked user",
        handler: || on(MethodFilter::POST, unblock_user::handle),
    },
    Function {
        name: "my-token",
        methods: &["POST"],
        route: "me/token",
        auth_level: AuthLevel::Bearer,
        summary: "issue or refresh the user's token",
        done: "issued token",
        handler: || on(MethodFilter::POST, my_token::handle),
    },
    Function {
        name: "revoke-my-tokens",
        methods: &["DELETE"],
        route: "me/tokens",
        auth_level: AuthLevel::Bearer,
        summary: "revoke all tokens of the user",
        done: "revoked tokens",
        handler: || on(MethodFilter::DELETE, revoke_my_tokens::handle),
    },
    Function {
        name: "delete-me",
        methods: &["DELETE"],
        route: "me",
        auth_level: AuthLevel::Bearer,
        summary: "delete the user's identity",
        done: "deleted user",
        handler: || on(MethodFilter::DELETE, delete_me::handle),
    },
    Function {
        name: "my-teams-token",
        methods: &["POST"],
        route: "me/teams-token",
        auth_level: AuthLevel::Bearer,
        summary: "exchange the user's own Entra token for Teams",
        done: "exchanged Teams token",
        handler: || on(MethodFilter::POST, my_teams_token::handle),
    },
    Function {
        name: "my-teams-phone-token",
        methods: &["POST"],
        route: "me/teams-phone-token",
        auth_level: AuthLevel::Bearer,
        summary: "exchange the user's own Entra token for Teams Phone",
        done: "exchanged Teams Phone token",
        handler: || on(MethodFilter::POST, my_teams_phone_token::handle),
    },
    Function {
        name: "health",
        methods: &["GET", "HEAD"],
        route: "health",
        auth_level: AuthLevel::Anonymous,
        summary: "tell whether the process is alive, or ready",
        done: "answered request",
        handler: || on(MethodFilter::GET, health::handle),
    },
    Function {
        name: "openapi",
        methods: &["GET", "HEAD"],
        route: "openapi.json",
        auth_level: AuthLevel::Anonymous,
        summary: "describe this API as OpenAPI 3.1",
        done: "answered request",
        handler: || on(MethodFilter::GET, openapi::handle),
    },
    Function {
        name: "docs",
        methods: &["GET", "HEAD"],
        route: "docs",
        auth_level: AuthLevel::Anonymous,
        summary: "show these functions as a page",
        done: "answered request",
        handler: || on(MethodFilter::GET, docs::handle),
    },
];
