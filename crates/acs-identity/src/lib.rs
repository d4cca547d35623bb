//! A client for the Identity API of Azure Communication Services (ACS): identities and their access tokens.
//!
//! An identity is a user of ACS calling or chat. Your back end creates identities and issues access tokens for them;
//! your app signs in to the ACS SDKs with such a token.
//!
//! ```no_run
//! use acs_identity::{
//!     ConnectionString, IdentityClient,
//!     types::{Scope, TokenRequest},
//! };
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let text = "endpoint=https://contoso.communication.azure.com/;accesskey=cHc=";
//! let client = IdentityClient::from_connection_string(text.parse()?)?;
//! let identity = client.create_identity().await?;
//! let token = client.issue_token(&identity, &TokenRequest::new(vec![Scope::Voip], None)?).await?;
//! println!("{identity} has an access token until {}", token.expires_on());
//! # Ok(()) }
//! ```
//!
//! # Credentials
//!
//! A [`Credential`] is an access key, a pair of access keys ([`AccessKeys`]), or any
//! [`TokenCredential`](azure_core::credentials::TokenCredential), such as those of the `azure_identity` crate. A client
//! with both keys keeps working while either key is regenerated.
//!
//! # Errors and retries
//!
//! [`Error`] says whether ACS answered, and keeps what it answered. A call takes up to three attempts within
//! [`ClientOptions::deadline`]. [`IdentityClient::create_identity`] is repeated only if the failed attempt cannot have
//! created an identity; all other operations are idempotent. `Retry-After` is honoured.
//!
//! # Observing calls
//!
//! The crate writes no log. An [`Observer`] is notified of each attempt and each call, and can add request headers.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod client;
mod connect_failure;
mod connection_string;
mod credential;
mod endpoint;
mod error;
pub mod http;
mod observer;
mod operation;
mod operations;
mod retry;
mod retry_after;
mod root_certificates;
mod send;
mod service_error;
pub mod signature;
mod teams_phone;
mod tls;
pub mod types;

pub use client::{Accepted, ClientOptions, IdentityClient};
pub use connection_string::{ConnectionString, ConnectionStringFault, InvalidConnectionString};
pub use credential::{AccessKeys, Credential, DeniedToken, KeySlot, SCOPE};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::{
    Error, ErrorKind, InvalidResponseReason, ServiceError, causes, is_transient, lacks_service_principal, retry_after,
};
pub use observer::{Attempt, AttemptOutcome, CallSummary, Observer, Retry};
pub use operations::{CreatedIdentity, TeamsTokenRequest};
pub use signature::{AccessKey, InvalidAccessKey};
pub use teams_phone::{TeamsPhoneAssignment, TeamsPhoneUser};
pub use types::{AccessToken, ApiVersion, IdentityId, Scope, TokenLifetime, TokenRequest};
