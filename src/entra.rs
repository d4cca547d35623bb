//! Entra tokens for this workload or its developer, from `azure_identity` over our own HTTP client.

#[cfg(feature = "lambda")]
pub mod aws;
mod token_cache;

use std::{borrow::Cow, error::Error, fmt, path::PathBuf, sync::Arc};

use acs_identity::{DeniedToken, http::client_builder, is_transient};
use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::{ClientOptions, RetryOptions, Transport},
    time::OffsetDateTime,
};
use azure_identity::{
    ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use jiff::Timestamp;

use token_cache::{Fetched, TokenCache};

/// The scope of tokens for Azure Storage.
/// <https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory>
pub const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";

/// The source of Entra tokens.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// The managed identity of the Azure resource: App Service, Functions, Container Apps, a virtual machine.
    ManagedIdentity {
        /// The client id of a user-assigned identity. `None` for the system-assigned identity.
        client_id: Option<String>,
    },
    /// A token of another issuer in a file, as Kubernetes provides it.
    WorkloadIdentity {
        /// The Entra tenant.
        tenant_id: String,
        /// The application or user-assigned identity that trusts the other issuer.
        client_id: String,
        /// The file.
        token_file: PathBuf,
    },
    /// The role of the AWS Lambda function, which an application or user-assigned identity trusts.
    #[cfg(feature = "lambda")]
    AwsFederation {
        /// The Entra tenant.
        tenant_id: String,
        /// The application or user-assigned identity that trusts AWS.
        client_id: String,
        /// The role.
        role: aws::Role,
    },
    /// The user who is signed in to the Azure CLI, or else to the Azure Developer CLI.
    DeveloperTools,
}

/// The value of `COMMUNICATION_SERVICES_CREDENTIAL` that selects the source.
impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ManagedIdentity { .. } => "managed-identity",
            Self::WorkloadIdentity { .. } => "workload-identity",
            #[cfg(feature = "lambda")]
            Self::AwsFederation { .. } => "aws-federation",
            Self::DeveloperTools => "cli",
        })
    }
}

/// The reason why there is no token. Its text contains error messages, but no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    cause: Cow<'static, str>,
    transient: bool,
}

impl Failure {
    const TIMED_OUT: Self = Self { cause: Cow::Borrowed("the token did not come in time"), transient: true };

    fn new(source: &TokenSource, error: &azure_core::Error) -> Self {
        let chain = std::iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source());
        let hint = match source {
            TokenSource::DeveloperTools => ", the way where the platform offers no identity",
            _ => "",
        };
        let mut cause = format!("no token by {source}{hint}");
        for text in chain.map(|error| error.to_string().replace('\n', ", ")) {
            // azure_identity repeats the text of an error's source in its own text.
            if !cause.contains(&text) {
                cause.push_str(": ");
                cause.push_str(&text);
            }
        }
        Self { cause: cause.into(), transient: is_transient(error) }
    }
}

impl From<Failure> for azure_core::Error {
    fn from(failure: Failure) -> Self {
        let kind = if failure.transient { ErrorKind::Io } else { ErrorKind::Credential };
        Self::with_message(kind, failure.cause)
    }
}

/// A cached Entra token for one scope, renewed before it expires.
pub struct EntraCredential {
    source: TokenSource,
    scope: &'static str,
    http: reqwest::Client,
    cache: Arc<TokenCache>,
}

impl fmt::Debug for EntraCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EntraCredential").field(&self.source).finish()
    }
}

impl EntraCredential {
    /// Creates a credential. Nothing is fetched yet.
    #[must_use]
    pub fn new(source: TokenSource, scope: &'static str, http: reqwest::Client) -> Self {
        Self { source, scope, http, cache: TokenCache::new(Timestamp::now) }
    }
}

#[async_trait]
impl TokenCredential for EntraCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if scopes != [self.scope] {
            let message = format!("the credential is for the scope {}", self.scope);
            return Err(azure_core::Error::with_message(ErrorKind::Credential, message));
        }
        if let Some(options) = options
            && let Some(DeniedToken(denied)) = options.method_options.context.value()
        {
            self.cache.evict(denied);
        }
        let token = self.cache.token(|| fetch(self.source.clone(), self.scope, self.http.clone())).await?;
        let expires_on = OffsetDateTime::from_unix_timestamp(token.expires_on.as_second());
        Ok(AccessToken::new(token.secret, expires_on.unwrap_or_else(|_| OffsetDateTime::now_utc())))
    }
}

/// Fetches a token. The credentials of `azure_identity` cache their tokens themselves and cannot drop or renew one early.
/// A new one is therefore created for each fetch.
async fn fetch(source: TokenSource, scope: &'static str, http: reqwest::Client) -> Result<Fetched, Failure> {
    let token = match credential(&source, http) {
        Ok(credential) => credential.get_token(&[scope], None).await,
        Err(error) => Err(error),
    };
    let token = token.map_err(|error| Failure::new(&source, &error))?;
    let expires_on = Timestamp::from_second(token.expires_on.unix_timestamp()).unwrap_or(Timestamp::MAX);
    Ok(Fetched { secret: token.token, expires_on })
}

fn credential(source: &TokenSource, http: reqwest::Client) -> azure_core::Result<Arc<dyn TokenCredential>> {
    #[cfg(feature = "lambda")]
    let aws_http = http.clone();
    let http = match source {
        // The endpoint of the managed identity is plain http and next to this process. A proxy cannot reach it, and would
        // read the header and the token.
        TokenSource::ManagedIdentity { .. } => client_builder()
            .no_proxy()
            .build()
            .map_err(|error| azure_core::Error::with_error(ErrorKind::Credential, error, "TLS cannot be set up"))?,
        _ => http,
    };
    let client_options = ClientOptions {
        transport: Some(Transport::new(Arc::new(http))),
        // The client repeats the waiting call, within its own deadline.
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    };
    Ok(match source.clone() {
        TokenSource::ManagedIdentity { client_id } => {
            let user_assigned_id = client_id.map(UserAssignedId::ClientId);
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions { user_assigned_id, client_options }))?
        }
        TokenSource::WorkloadIdentity { tenant_id, client_id, token_file } => {
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                client_id: Some(client_id),
                tenant_id: Some(tenant_id),
                token_file_path: Some(token_file),
            }))?
        }
        #[cfg(feature = "lambda")]
        TokenSource::AwsFederation { tenant_id, client_id, role } => {
            let options = ClientAssertionCredentialOptions { client_options };
            azure_identity::ClientAssertionCredential::new(tenant_id, client_id, role.with(aws_http), Some(options))?
        }
        TokenSource::DeveloperTools => DeveloperToolsCredential::new(None)?,
    })
}
