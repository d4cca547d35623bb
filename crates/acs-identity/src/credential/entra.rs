//! Tokens of Entra for this workload or its developer, by `azure_identity` over our own HTTP client.

use std::{borrow::Cow, error::Error, fmt, path::PathBuf, sync::Arc, time::Duration};

use azure_core::{
    credentials::TokenCredential,
    error::ErrorKind,
    http::{ClientOptions, RetryOptions, Transport},
};
use azure_identity::{
    ClientAssertionCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use jiff::Timestamp;
use reqwest::header::HeaderValue;

use super::token_cache::{Fetched, Number, Token, TokenCache};

/// What tokens for ACS are asked for. The double slash belongs there: a managed identity's endpoint gets it without `/.default`,
/// as the resource `https://communication.azure.com/`, and the audience ACS checks for ends with a slash.
const ACS: &str = "https://communication.azure.com//.default";

/// What tokens for Azure Storage are asked for.
/// <https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory>
const STORAGE: &str = "https://storage.azure.com/.default";

/// How Entra comes to know who is asking.
#[derive(Debug, Clone)]
pub enum Way {
    /// The identity of the Azure resource that this runs on: App Service, Functions, Container Apps, a virtual machine.
    ManagedIdentity {
        /// The client id of a user-assigned identity; the system-assigned one without it.
        client_id: Option<String>,
    },
    /// A token of another issuer in a file, as Kubernetes puts it there.
    WorkloadIdentity {
        /// The tenant to ask for a token.
        tenant_id: String,
        /// The application, or user-assigned identity, that trusts the other issuer.
        client_id: String,
        /// The file.
        token_file: PathBuf,
    },
    /// The role of the AWS Lambda function that this runs in, which an application or user-assigned identity trusts.
    #[cfg(feature = "lambda")]
    AwsFederation {
        /// The tenant to ask for a token.
        tenant_id: String,
        /// The application, or user-assigned identity, that trusts AWS.
        client_id: String,
        /// The role.
        role: super::aws::Role,
    },
    /// Whoever is signed in to the Azure CLI, else to the Azure Developer CLI.
    DeveloperTools,
}

/// The word by which a setting names it.
impl fmt::Display for Way {
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

/// Why there is no token. Nothing of what was sent or received is in it but error texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    cause: Cow<'static, str>,
    passing: bool,
}

impl Failure {
    pub(crate) const GAVE_UP: Self = Self::fixed("the token did not come in time", true);
    pub(super) const PLAIN_HTTP: Self =
        Self::fixed("the endpoint is plain http; Entra's tokens go over https only", false);

    const fn fixed(cause: &'static str, passing: bool) -> Self {
        Self { cause: Cow::Borrowed(cause), passing }
    }

    /// Whether trying again may help: a network that failed, a service that is busy.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        self.passing
    }

    fn of(way: &Way, error: &azure_core::Error) -> Self {
        let chain = || std::iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source());
        let hint =
            if matches!(way, Way::DeveloperTools) { ", the way where the platform offers no identity" } else { "" };
        let mut cause = format!("no token by {way}{hint}");
        for text in chain().map(|error| error.to_string().replace('\n', ", ")) {
            // azure_identity repeats the text of an error's source in its own.
            if !cause.contains(&text) {
                cause.push_str(": ");
                cause.push_str(&text);
            }
        }
        let passing = chain().filter_map(|error| error.downcast_ref::<azure_core::Error>()).any(is_passing);
        Self { cause: cause.into(), passing }
    }
}

fn is_passing(error: &azure_core::Error) -> bool {
    match error.kind() {
        ErrorKind::Connection | ErrorKind::Io => true,
        // The instance metadata service says 404 and 410 while it is being updated.
        // https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
        ErrorKind::HttpResponse { status, .. } => {
            matches!(u16::from(*status), 404 | 408 | 410 | 429 | 500..)
        }
        _ => false,
    }
}

/// Tokens of Entra, the newest one kept. Clones share it.
#[derive(Clone)]
pub struct Entra {
    way: Way,
    scope: &'static str,
    cache: Arc<TokenCache>,
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entra").field(&self.way).finish()
    }
}

impl Entra {
    /// Tokens for ACS, got in this way. Nothing is asked for yet.
    #[must_use]
    pub fn new(way: Way) -> Self {
        Self { way, scope: ACS, cache: TokenCache::new(Timestamp::now) }
    }

    /// Tokens for Azure Storage, got in this way. Nothing is asked for yet.
    #[must_use]
    pub fn for_storage(way: Way) -> Self {
        Self { scope: STORAGE, ..Self::new(way) }
    }

    /// How tokens are got.
    #[must_use]
    pub const fn way(&self) -> &Way {
        &self.way
    }

    /// A token as it goes behind `Bearer`, for those who write the header themselves.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn access_token(&self, http: &reqwest::Client) -> Result<String, Failure> {
        let Token { bearer, .. } = self.token(http).await?;
        let text = bearer.to_str().unwrap_or_default();
        Ok(text.strip_prefix("Bearer ").unwrap_or(text).to_owned())
    }

    pub(super) async fn token(&self, http: &reqwest::Client) -> Result<Token, Failure> {
        self.cache.token(|| fetch(self.way.clone(), self.scope, http.clone())).await
    }

    pub(super) fn denied(&self, number: Number) -> bool {
        self.cache.denied(number)
    }
}

/// Asks for a token. A new credential each time: those of `azure_identity` keep their tokens to themselves, so that none
/// could be renewed early, or dropped.
async fn fetch(way: Way, scope: &'static str, http: reqwest::Client) -> Result<Fetched, Failure> {
    let http = match &way {
        Way::ManagedIdentity { .. } => without_proxy().map_err(|_| Failure::fixed("TLS cannot be set up", false))?,
        _ => http,
    };
    let token = match credential(&way, http) {
        Ok(credential) => credential.get_token(&[scope], None).await,
        Err(error) => Err(error),
    };
    let token = token.map_err(|error| Failure::of(&way, &error))?;
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.token.secret()))
        .map_err(|_| Failure::fixed("the token has characters that no token has", false))?;
    bearer.set_sensitive(true);
    let expires_on = Timestamp::from_second(token.expires_on.unix_timestamp()).unwrap_or(Timestamp::MAX);
    Ok(Fetched { bearer, expires_on })
}

/// A client for the one request to a managed identity's endpoint. That is plain http and next to this process; a proxy
/// would not find it, and would read the header and the token.
fn without_proxy() -> reqwest::Result<reqwest::Client> {
    let direct = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    direct.connect_timeout(Duration::from_secs(5)).build()
}

fn credential(way: &Way, http: reqwest::Client) -> azure_core::Result<Arc<dyn TokenCredential>> {
    #[cfg(feature = "lambda")]
    let aws_http = http.clone();
    let client_options = ClientOptions {
        transport: Some(Transport::new(Arc::new(http))),
        // The call that waits is what is tried again, under its own deadline.
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    };
    Ok(match way.clone() {
        Way::ManagedIdentity { client_id } => {
            let user_assigned_id = client_id.map(UserAssignedId::ClientId);
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions { user_assigned_id, client_options }))?
        }
        Way::WorkloadIdentity { tenant_id, client_id, token_file } => {
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                client_id: Some(client_id),
                tenant_id: Some(tenant_id),
                token_file_path: Some(token_file),
            }))?
        }
        #[cfg(feature = "lambda")]
        Way::AwsFederation { tenant_id, client_id, role } => {
            let options = ClientAssertionCredentialOptions { client_options };
            azure_identity::ClientAssertionCredential::new(tenant_id, client_id, role.with(aws_http), Some(options))?
        }
        Way::DeveloperTools => DeveloperToolsCredential::new(None)?,
    })
}
