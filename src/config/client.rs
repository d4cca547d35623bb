//! The settings of the ACS resource, and the choice of the credential.

use acs_identity::{AccessKey, AccessKeys, ApiVersion, ConnectionString, Endpoint, InvalidConnectionString};

use super::{
    EnvReader,
    table::{
        ACCESS_KEY, API_VERSION, CLIENT_ID, CONNECTION_STRING, CREDENTIAL, ENDPOINT, IDENTITY_ENDPOINT,
        IDENTITY_HEADER, LOG_IDENTITY_IDS, SECONDARY_KEY, TENANT_ID, TOKEN_FILE,
    },
};
use crate::{
    acs_client::{AcsCredential, AcsSettings},
    entra::TokenSource,
};

// The values of `COMMUNICATION_SERVICES_CREDENTIAL`.
const KEY: &str = "key";
const MANAGED_IDENTITY: &str = "managed-identity";
const WORKLOAD_IDENTITY: &str = "workload-identity";
const AWS_FEDERATION: &str = "aws-federation";
const CLI: &str = "cli";

impl EnvReader<'_> {
    /// Returns whether the environment names an ACS resource.
    #[must_use]
    pub fn names_a_resource(&self) -> bool {
        self.is_any_set(&[CONNECTION_STRING, ENDPOINT, ACCESS_KEY])
    }

    /// Returns the settings of the ACS client.
    pub fn client(&mut self) -> Option<AcsSettings> {
        let (api_version, log_identity_ids) = (self.api_version(), self.flag(LOG_IDENTITY_IDS));
        let (endpoint, key) = self.endpoint_and_key()?;
        let credential = self.credential(endpoint.as_ref(), key);
        let settings = AcsSettings::new(endpoint?, credential?);
        Some(AcsSettings { api_version, log_identity_ids: log_identity_ids?, ..settings })
    }

    /// Returns the api-version of the ACS REST API.
    pub fn api_version(&mut self) -> ApiVersion {
        self.parsed(API_VERSION).unwrap_or_default()
    }

    /// Returns how to get Entra tokens for a service other than ACS, where the key of ACS does not apply.
    pub(super) fn entra_for_storage(&mut self) -> Option<TokenSource> {
        let kind = self.value(CREDENTIAL).filter(|kind| kind != KEY);
        self.entra_source(kind.as_deref().unwrap_or_else(|| self.default_kind(false)))
    }

    /// Returns the endpoint and the key; `None` for either if it is unset or invalid.
    fn endpoint_and_key(&mut self) -> Option<(Option<Endpoint>, Option<AccessKey>)> {
        match (self.is_set(CONNECTION_STRING), self.is_set(ENDPOINT), self.is_set(ACCESS_KEY)) {
            (true, false, false) => {
                let ConnectionString { endpoint, access_key } = self.connection_string()?;
                Some((Some(endpoint), Some(access_key)))
            }
            (true, ..) => {
                let detail = format!("conflicts with {ENDPOINT} and {ACCESS_KEY}; set it or them, not both");
                self.reject(CONNECTION_STRING, detail)
            }
            (false, true, _) => {
                let endpoint = self.no_connection_string(ENDPOINT);
                Some((endpoint.and_then(|text| self.parse(ENDPOINT, &text)), self.access_key(ACCESS_KEY)))
            }
            (false, false, true) => self.reject(ENDPOINT, format!("is missing; {ACCESS_KEY} requires it")),
            (false, false, false) => {
                let detail = format!("is missing; set it, or set {ENDPOINT} and, unless Entra is used, {ACCESS_KEY}");
                self.reject(CONNECTION_STRING, detail)
            }
        }
    }

    /// Reports all faults of the connection string.
    fn connection_string(&mut self) -> Option<ConnectionString> {
        let parsed = self.value(CONNECTION_STRING)?.parse();
        parsed
            .map_err(|InvalidConnectionString(faults)| {
                for fault in faults {
                    self.report(CONNECTION_STRING, fault.to_string());
                }
            })
            .ok()
    }

    fn credential(&mut self, endpoint: Option<&Endpoint>, key: Option<AccessKey>) -> Option<AcsCredential> {
        let has_key = self.is_any_set(&[CONNECTION_STRING, ACCESS_KEY]);
        let secondary = self.access_key(SECONDARY_KEY);
        if self.is_set(SECONDARY_KEY) && !has_key {
            self.report(SECONDARY_KEY, format!("has no effect without {ACCESS_KEY}; set both or neither"));
        }
        let kind = self.value(CREDENTIAL);
        let kind = kind.as_deref().unwrap_or_else(|| self.default_kind(has_key));
        if kind == KEY {
            if !has_key {
                return self.reject(ACCESS_KEY, format!("is missing; {CREDENTIAL}=key requires it"));
            }
            let key = key?;
            if secondary.as_ref().is_some_and(|secondary| secondary.sign("") == key.sign("")) {
                self.warn(SECONDARY_KEY, "is the same key as the first one; set the other key of the resource");
            }
            return Some(AcsCredential::Keys(AccessKeys::new(key, secondary)));
        }
        let source = self.entra_source(kind);
        if endpoint.is_some_and(|endpoint| endpoint.url().scheme() != "https") {
            let setting = if self.is_set(ENDPOINT) { ENDPOINT } else { CONNECTION_STRING };
            return self.reject(setting, "uses http; without a key the endpoint must use https, even on loopback");
        }
        Some(AcsCredential::Entra(source?))
    }

    /// Chooses a key if there is one, else what the platform offers, in the order of `DefaultAzureCredential` of the
    /// Azure SDKs, else the developer's command line.
    fn default_kind(&self, has_key: bool) -> &'static str {
        if has_key {
            return KEY;
        }
        if self.is_set(TOKEN_FILE) {
            return WORKLOAD_IDENTITY;
        }
        if self.is_set(IDENTITY_ENDPOINT) && self.is_set(IDENTITY_HEADER) {
            return MANAGED_IDENTITY;
        }
        #[cfg(feature = "lambda")]
        if self.is_set(super::table::RUNTIME_API) {
            return AWS_FEDERATION;
        }
        CLI
    }

    fn entra_source(&mut self, kind: &str) -> Option<TokenSource> {
        match kind {
            MANAGED_IDENTITY => Some(TokenSource::ManagedIdentity { client_id: self.value(CLIENT_ID) }),
            WORKLOAD_IDENTITY => {
                let names = [TENANT_ID, CLIENT_ID, TOKEN_FILE];
                let [tenant_id, client_id, file] = names.map(|name| self.required(name, WORKLOAD_IDENTITY));
                Some(TokenSource::WorkloadIdentity {
                    tenant_id: tenant_id?,
                    client_id: client_id?,
                    token_file: file?.into(),
                })
            }
            #[cfg(feature = "lambda")]
            AWS_FEDERATION => self.aws_federation(),
            #[cfg(not(feature = "lambda"))]
            AWS_FEDERATION => {
                let detail =
                    "is `aws-federation`, which this build does not support; use a build with the feature `lambda`";
                self.reject(CREDENTIAL, detail)
            }
            CLI => Some(TokenSource::DeveloperTools),
            _ => {
                let detail = format!(
                    "is unknown; use `{KEY}`, `{MANAGED_IDENTITY}`, `{WORKLOAD_IDENTITY}`, `{CLI}` or, on Lambda, \
                     `{AWS_FEDERATION}`"
                );
                self.reject(CREDENTIAL, detail)
            }
        }
    }

    /// Returns the role of the Lambda function, for which AWS issues tokens that Entra trusts.
    #[cfg(feature = "lambda")]
    fn aws_federation(&mut self) -> Option<TokenSource> {
        use super::table::{AWS_ACCESS_KEY_ID, AWS_REGION, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, STS_ENDPOINT};

        let names = [TENANT_ID, CLIENT_ID, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN];
        let [tenant_id, client_id, region, key_id, secret, session] =
            names.map(|name| self.required(name, AWS_FEDERATION));
        let region = region?;
        let sts = self.parsed(STS_ENDPOINT).or_else(|| format!("https://sts.{region}.amazonaws.com").parse().ok());
        let role = crate::entra::aws::Role {
            sts: sts?,
            region,
            access_key_id: key_id?,
            secret_access_key: secret?.into(),
            session_token: session?.into(),
        };
        Some(TokenSource::AwsFederation { tenant_id: tenant_id?, client_id: client_id?, role })
    }

    /// Returns the text of a setting that is only one part of a connection string.
    fn no_connection_string(&mut self, name: &'static str) -> Option<String> {
        let text = self.value(name)?;
        if text.to_ascii_lowercase().contains("accesskey=") {
            return self.reject(name, format!("is a connection string; set it as {CONNECTION_STRING}"));
        }
        Some(text)
    }

    fn access_key(&mut self, name: &'static str) -> Option<AccessKey> {
        let text = self.no_connection_string(name)?;
        AccessKey::from_base64(&text).map_err(|error| self.report(name, error.to_string())).ok()
    }
}
