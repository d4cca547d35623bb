//! The ACS resource and what its calls are authorised with: the one rule by which that is chosen.

use std::str::FromStr;

use acs_identity::{AccessKey, AccessKeys, ApiVersion, ConnectionString, Endpoint};

use super::{ACCESS_KEY, API_VERSION, CONNECTION_STRING, ENDPOINT, EnvReader, LOG_IDENTITY_IDS};
#[cfg(feature = "lambda")]
use crate::entra::aws::Role;
use crate::{
    acs_client::{AcsCredential, AcsSettings},
    entra::TokenSource,
};

pub(super) const SECONDARY_KEY: &str = "COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY";
pub(super) const CREDENTIAL: &str = "COMMUNICATION_SERVICES_CREDENTIAL";
// Those that the platforms set, under the names that all Azure SDKs know.
pub(super) const CLIENT_ID: &str = "AZURE_CLIENT_ID";
pub(super) const TENANT_ID: &str = "AZURE_TENANT_ID";
pub(super) const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
pub(super) const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";
pub(super) const IDENTITY_HEADER: &str = "IDENTITY_HEADER";
#[cfg(feature = "lambda")]
const STS: &str = "AWS_ENDPOINT_URL_STS";

/// What calls are authorised with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Key,
    ManagedIdentity,
    WorkloadIdentity,
    #[cfg(feature = "lambda")]
    AwsFederation,
    Cli,
}

impl FromStr for Choice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "key" => Ok(Self::Key),
            "managed-identity" => Ok(Self::ManagedIdentity),
            "workload-identity" => Ok(Self::WorkloadIdentity),
            #[cfg(feature = "lambda")]
            "aws-federation" => Ok(Self::AwsFederation),
            "cli" => Ok(Self::Cli),
            _ => Err("is none of key, managed-identity, workload-identity and cli"),
        }
    }
}

/// What there is to choose by.
#[cfg_attr(feature = "lambda", expect(clippy::struct_excessive_bools, reason = "signs are there or not"))]
#[derive(Debug, Clone, Copy, Default)]
struct Signs {
    forced: Option<Choice>,
    key: bool,
    /// What AKS and other federating platforms set.
    token_file: bool,
    /// What App Service, Functions and Container Apps set.
    identity_endpoint: bool,
    /// What Lambda sets, where the program is its.
    #[cfg(feature = "lambda")]
    lambda: bool,
}

/// The forced one; else a key, if there is one; else what the platform offers, in the order of the Azure SDKs'
/// `DefaultAzureCredential`; else whoever is signed in on a developer's machine.
const fn choose(signs: Signs) -> Choice {
    match signs {
        Signs { forced: Some(choice), .. } => choice,
        Signs { key: true, .. } => Choice::Key,
        Signs { token_file: true, .. } => Choice::WorkloadIdentity,
        Signs { identity_endpoint: true, .. } => Choice::ManagedIdentity,
        #[cfg(feature = "lambda")]
        Signs { lambda: true, .. } => Choice::AwsFederation,
        Signs { .. } => Choice::Cli,
    }
}

impl EnvReader<'_> {
    /// The ACS resource: by connection string, or by endpoint, with a key or without one.
    pub fn acs(&mut self) -> Option<AcsSettings> {
        let api_version = self.api_version();
        let forced = self.parsed::<Choice>(CREDENTIAL);
        let secondary = self.value(SECONDARY_KEY).map(|text| self.access_key(SECONDARY_KEY, &text));
        let (source, endpoint, key) = self.endpoint_and_key()?;
        if secondary.is_some() && key.is_none() {
            let _ = self.fault::<()>(SECONDARY_KEY, format!("is set without {ACCESS_KEY}, which comes first"));
        }
        let choice = choose(self.signs(forced, key.is_some()));
        let credential = match (choice, key) {
            (Choice::Key, Some(key)) => key.map(|key| AcsCredential::Keys(AccessKeys::new(key, secondary.flatten()))),
            (Choice::Key, None) => self.fault(ACCESS_KEY, format!("is missing; {CREDENTIAL} asks for it")),
            (choice, _) => self.entra(source, endpoint.as_ref(), choice),
        };
        let log_identity_ids = self.flag(LOG_IDENTITY_IDS).unwrap_or_default();
        let settings = AcsSettings::new(endpoint?, credential?);
        Some(AcsSettings { api_version, log_identity_ids, ..settings })
    }

    /// How Entra comes to know who this is, for services beside ACS, which no key of ACS opens.
    pub(super) fn keyless_source(&mut self) -> Option<TokenSource> {
        let forced = self.value(CREDENTIAL).and_then(|text| text.parse().ok()).filter(|choice| *choice != Choice::Key);
        let choice = choose(self.signs(forced, false));
        self.token_source(choice)
    }

    fn signs(&mut self, forced: Option<Choice>, key: bool) -> Signs {
        Signs {
            forced,
            key,
            token_file: self.value(TOKEN_FILE).is_some(),
            identity_endpoint: self.value(IDENTITY_ENDPOINT).is_some() && self.value(IDENTITY_HEADER).is_some(),
            #[cfg(feature = "lambda")]
            lambda: self.value(super::RUNTIME_API).is_some(),
        }
    }

    fn token_source(&mut self, choice: Choice) -> Option<TokenSource> {
        match choice {
            Choice::Key => None,
            Choice::ManagedIdentity => Some(TokenSource::ManagedIdentity { client_id: self.value(CLIENT_ID) }),
            Choice::WorkloadIdentity => self.workload_identity(),
            #[cfg(feature = "lambda")]
            Choice::AwsFederation => self.aws_federation(),
            Choice::Cli => Some(TokenSource::DeveloperTools),
        }
    }

    /// The version of the REST API to ask ACS for.
    pub fn api_version(&mut self) -> ApiVersion {
        self.parsed::<ApiVersion>(API_VERSION).unwrap_or_default()
    }

    /// The setting that names the endpoint; the endpoint; and the key, if one is set. Inside, nothing is what is wrong.
    #[expect(clippy::type_complexity, reason = "one caller, which takes it apart at once")]
    fn endpoint_and_key(&mut self) -> Option<(&'static str, Option<Endpoint>, Option<Option<AccessKey>>)> {
        match (self.value(CONNECTION_STRING), self.value(ENDPOINT), self.value(ACCESS_KEY)) {
            (Some(text), None, None) => {
                let ConnectionString { endpoint, access_key } = self.parse(CONNECTION_STRING, &text)?;
                Some((CONNECTION_STRING, Some(endpoint), Some(Some(access_key))))
            }
            (Some(_), ..) => self.fault(CONNECTION_STRING, format!("set it, or {ENDPOINT} and {ACCESS_KEY}, not both")),
            (None, Some(endpoint), key) => {
                let endpoint = self.parse(ENDPOINT, &endpoint);
                Some((ENDPOINT, endpoint, key.map(|key| self.access_key(ACCESS_KEY, &key))))
            }
            (None, None, Some(_)) => self.fault(ENDPOINT, format!("is missing; {ACCESS_KEY} needs it")),
            (None, None, None) => {
                let detail = format!("is missing; set it, or {ENDPOINT}, and {ACCESS_KEY} unless Entra is to be used");
                self.fault(CONNECTION_STRING, detail)
            }
        }
    }

    fn needed(&mut self, name: &'static str, by: &str) -> Option<String> {
        self.value(name).or_else(|| self.fault(name, format!("is missing; {by} needs it")))
    }

    fn access_key(&mut self, setting: &'static str, text: &str) -> Option<AccessKey> {
        AccessKey::from_base64(text).map_err(|error| self.fault::<()>(setting, error.to_string())).ok()
    }

    fn entra(&mut self, source: &'static str, endpoint: Option<&Endpoint>, choice: Choice) -> Option<AcsCredential> {
        let token_source = self.token_source(choice);
        if endpoint.is_some_and(|endpoint| endpoint.url().scheme() != "https") {
            let detail = "the endpoint is plain http; without a key it must be https, even on this machine";
            return self.fault(source, detail.to_owned());
        }
        Some(AcsCredential::Entra(token_source?))
    }

    fn workload_identity(&mut self) -> Option<TokenSource> {
        let names = [TENANT_ID, CLIENT_ID, TOKEN_FILE];
        let [tenant_id, client_id, token_file] = names.map(|name| self.needed(name, "workload-identity"));
        Some(TokenSource::WorkloadIdentity {
            tenant_id: tenant_id?,
            client_id: client_id?,
            token_file: token_file?.into(),
        })
    }
}

#[cfg(feature = "lambda")]
impl EnvReader<'_> {
    /// The role of the Lambda function, with what Lambda says of it.
    fn aws_federation(&mut self) -> Option<TokenSource> {
        let names =
            [TENANT_ID, CLIENT_ID, "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        let [tenant_id, client_id, region, key_id, secret, session] =
            names.map(|name| self.needed(name, "aws-federation"));
        let region = region?;
        let sts = self.parsed(STS).or_else(|| format!("https://sts.{region}.amazonaws.com").parse().ok());
        let role = Role {
            sts: sts?,
            region,
            access_key_id: key_id?,
            secret_access_key: secret?.into(),
            session_token: session?.into(),
        };
        Some(TokenSource::AwsFederation { tenant_id: tenant_id?, client_id: client_id?, role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_by_one_rule() {
        let none = Signs::default();
        let all = Signs { key: true, token_file: true, identity_endpoint: true, ..none };
        for (signs, choice) in [
            (all, Choice::Key),
            (Signs { key: false, ..all }, Choice::WorkloadIdentity),
            (Signs { identity_endpoint: true, ..none }, Choice::ManagedIdentity),
            (none, Choice::Cli),
            (Signs { forced: Some(Choice::Cli), ..all }, Choice::Cli),
            (Signs { forced: Some(Choice::ManagedIdentity), ..none }, Choice::ManagedIdentity),
            (Signs { forced: Some(Choice::Key), key: false, ..all }, Choice::Key),
        ] {
            assert_eq!(choose(signs), choice, "{signs:?}");
        }
    }
}
