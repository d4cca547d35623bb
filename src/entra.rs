//! Entra tokens for this workload or its developer, from `azure_identity` over our own HTTP client.

#[cfg(feature = "lambda")]
pub mod aws;
mod transport;

use std::{error::Error, fmt, path::PathBuf, sync::Arc, time::Duration};

use acs_identity::{DeniedToken, http::client_builder, is_transient, retry_after};
use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::{
        ClientOptions, RawResponse, RetryOptions, StatusCode, Transport,
        headers::{HeaderName, Headers},
    },
    time::OffsetDateTime,
};
use azure_identity::{
    ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use crate::refreshing::{FetchError, FetchLimits, Fresh, RefreshError, Refreshing};

/// The scope of tokens for Azure Storage.
/// <https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory>
pub const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";

/// Without a token, every call may fetch one: calls have deadlines, and repeat transient failures.
const LIMITS: FetchLimits = FetchLimits {
    min_interval: Duration::from_secs(30),
    min_interval_without_value: Duration::ZERO,
    // The Azure CLI needs some seconds on a machine where it has not run before.
    timeout: Duration::from_secs(30),
};

/// The rest of a token's life in which it is not used: it could expire on its way.
const MARGIN: Duration = Duration::from_secs(30);

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
    cause: String,
    transient: bool,
    retry_after: Option<Duration>,
}

impl FetchError for Failure {
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl Failure {
    fn new(source: &TokenSource, error: &azure_core::Error) -> Self {
        let chain = std::iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source());
        let hint = match source {
            TokenSource::DeveloperTools => ", which is used where the platform has no identity",
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
        Self { cause, transient: is_transient(error), retry_after: retry_after(error) }
    }
}

/// Returns the error for a response of a token service.
fn answered(
    status: StatusCode,
    error_code: Option<String>,
    retry_after: Option<Duration>,
    message: String,
) -> azure_core::Error {
    let mut headers = Headers::new();
    if let Some(wait) = retry_after {
        headers.insert(HeaderName::from_static("retry-after-ms"), wait.as_millis().to_string());
    }
    let raw_response = Some(Box::new(RawResponse::from_bytes(status, headers, Vec::new())));
    azure_core::Error::with_message(ErrorKind::HttpResponse { status, error_code, raw_response }, message)
}

/// A cached Entra token for one scope, renewed before it expires.
pub struct EntraCredential {
    source: TokenSource,
    scope: &'static str,
    token: Refreshing<AccessToken, Failure>,
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
        let token = Refreshing::new("Entra token", LIMITS, {
            let source = source.clone();
            move || fetch(source.clone(), scope, http.clone())
        });
        Self { source, scope, token }
    }

    /// Converts a failure. A wait that the token service asked for is reduced by the time since then.
    fn error(&self, error: RefreshError<Failure>) -> azure_core::Error {
        match (error, self.token.retry_after()) {
            (RefreshError::Fetch(Failure { cause, transient: true, .. }), Some(wait)) => {
                answered(StatusCode::ServiceUnavailable, None, Some(wait), cause)
            }
            (RefreshError::Fetch(Failure { cause, transient: true, .. }), None) => {
                azure_core::Error::with_message(ErrorKind::Io, cause)
            }
            (RefreshError::Fetch(Failure { cause, .. }), _) => {
                azure_core::Error::with_message(ErrorKind::Credential, cause)
            }
            (RefreshError::Unfinished, _) => {
                azure_core::Error::with_message(ErrorKind::Io, "the token did not come in time")
            }
        }
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
            // A token that was just fetched is kept. Another one would be no better, and each call of a workload without
            // a role would fetch one.
            self.token.evict_if(|token, age| token.token == *denied && age >= LIMITS.min_interval);
        }
        self.token.get().await.map_err(|error| self.error(error))
    }
}

/// Fetches a token. The credentials of `azure_identity` cache their tokens themselves and cannot drop or renew one early.
/// A new one is therefore created for each fetch.
async fn fetch(source: TokenSource, scope: &'static str, http: reqwest::Client) -> Result<Fresh<AccessToken>, Failure> {
    let token = match credential(&source, http) {
        Ok(credential) => credential.get_token(&[scope], None).await,
        Err(error) => Err(error),
    };
    let token = token.map_err(|error| Failure::new(&source, &error))?;
    let left = Duration::try_from(token.expires_on - OffsetDateTime::now_utc()).unwrap_or_default();
    tracing::info!(valid_s = left.as_secs(), "fetched an Entra token");
    Ok(Fresh { value: token, refresh_after: left / 2, max_age: left.saturating_sub(MARGIN) })
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
        transport: Some(Transport::new(Arc::new(transport::Transport(http)))),
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
