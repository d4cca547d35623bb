//! The table of functions, each an operation with a file of its own.
//!
//! The axum path, the Azure Functions route and the API Gateway path are one string, and it stands here.

pub mod create_identity;
pub mod delete_identity;
pub mod delete_me;
pub mod exchange_teams_token;
pub mod health;
pub mod issue_token;
pub mod me;
pub mod my_teams_token;
pub mod my_token;
pub mod revoke_my_tokens;
pub mod revoke_tokens;
mod token;

use acs_identity::IdentityClient;
use axum::{
    extract::FromRef,
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};

use crate::{
    directory::{self, Directory},
    readiness::Readiness,
};

/// What stands before every route: the Functions host's `routePrefix`.
pub const PREFIX: &str = "api";

/// What functions work with.
#[derive(Debug, Clone, FromRef)]
pub struct Services {
    /// The client of ACS.
    pub acs: IdentityClient,
    /// Whether ACS accepts the credential.
    pub readiness: Readiness,
    /// Whose identity is whose; nothing where the operator has not set one up.
    pub directory: Option<Directory>,
}

impl Services {
    /// The services that the settings name. Nothing is asked of them yet.
    ///
    /// # Errors
    /// When the directory's folder cannot be made, or the TLS library cannot be set up.
    pub fn open(
        acs: IdentityClient,
        directory: Option<&directory::DirectorySettings>,
    ) -> Result<Self, directory::StoreError> {
        let directory = directory.map(|settings| Directory::open(settings, acs.clone())).transpose()?;
        Ok(Self { directory, ..acs.into() })
    }
}

impl From<IdentityClient> for Services {
    fn from(acs: IdentityClient) -> Self {
        Self { readiness: Readiness::new(acs.clone()), acs, directory: None }
    }
}

/// Who may call a function.
///
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#http-auth>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthLevel {
    /// Anybody.
    Anonymous,
    /// Whoever has a key: the Functions host checks it, and off that host we do.
    Function,
    /// A signed-in person. To the host that is anybody: we check the bearer token.
    Bearer,
}

/// One function.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The folder under `functions/`, and the name that the host knows.
    pub name: &'static str,
    /// The methods it answers, in capitals.
    pub methods: &'static [&'static str],
    /// The route behind `/api/`, in the syntax that axum, Azure Functions and API Gateway share.
    pub route: &'static str,
    /// Who may call it.
    pub auth_level: AuthLevel,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Its handler.
    pub(crate) handler: fn() -> MethodRouter<Services>,
}

/// Every function, in the order of the documentation.
pub static FUNCTIONS: [Function; 10] = [
    Function {
        name: "create-identity",
        methods: &["POST"],
        route: "identities",
        auth_level: AuthLevel::Function,
        summary: "make an identity, with its first token if asked",
        handler: || method(MethodFilter::POST, create_identity::handle),
    },
    Function {
        name: "issue-token",
        methods: &["POST"],
        route: "identities/{id}/tokens",
        auth_level: AuthLevel::Function,
        summary: "issue or refresh a token",
        handler: || method(MethodFilter::POST, issue_token::handle),
    },
    Function {
        name: "revoke-tokens",
        methods: &["DELETE"],
        route: "identities/{id}/tokens",
        auth_level: AuthLevel::Function,
        summary: "revoke all tokens of an identity",
        handler: || method(MethodFilter::DELETE, revoke_tokens::handle),
    },
    Function {
        name: "delete-identity",
        methods: &["DELETE"],
        route: "identities/{id}",
        auth_level: AuthLevel::Function,
        summary: "delete an identity with all its tokens",
        handler: || method(MethodFilter::DELETE, delete_identity::handle),
    },
    Function {
        name: "exchange-teams-token",
        methods: &["POST"],
        route: "teams/tokens",
        auth_level: AuthLevel::Function,
        summary: "exchange a Teams user's Entra token",
        handler: || method(MethodFilter::POST, exchange_teams_token::handle),
    },
    Function {
        name: "my-token",
        methods: &["POST"],
        route: "me/token",
        auth_level: AuthLevel::Bearer,
        summary: "issue or refresh the signed-in person's token",
        handler: || method(MethodFilter::POST, my_token::handle),
    },
    Function {
        name: "revoke-my-tokens",
        methods: &["DELETE"],
        route: "me/tokens",
        auth_level: AuthLevel::Bearer,
        summary: "revoke all tokens of the signed-in person",
        handler: || method(MethodFilter::DELETE, revoke_my_tokens::handle),
    },
    Function {
        name: "delete-me",
        methods: &["DELETE"],
        route: "me",
        auth_level: AuthLevel::Bearer,
        summary: "delete the signed-in person's identity",
        handler: || method(MethodFilter::DELETE, delete_me::handle),
    },
    Function {
        name: "my-teams-token",
        methods: &["POST"],
        route: "me/teams-token",
        auth_level: AuthLevel::Bearer,
        summary: "exchange the signed-in person's Entra token for Teams",
        handler: || method(MethodFilter::POST, my_teams_token::handle),
    },
    Function {
        name: "health",
        methods: &["GET", "HEAD"],
        route: "health",
        auth_level: AuthLevel::Anonymous,
        summary: "tell that the process is alive",
        handler: || method(MethodFilter::GET, health::handle),
    },
];

fn method<T: 'static>(filter: MethodFilter, handler: impl Handler<T, Services>) -> MethodRouter<Services> {
    on(filter, handler)
}
