//! The table of settings. The readers, `acs-tokens check` and docs/settings.md follow from it.

/// A setting: an environment variable that a program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The section of docs/settings.md that describes the setting.
    pub section: &'static str,
    /// The name of the environment variable.
    pub name: &'static str,
    /// The programs, and the commands of `acs-tokens`, that read the setting.
    pub read_by: &'static [&'static str],
    /// Whether the value is a secret and must not be shown.
    pub secret: bool,
    /// The default, in Markdown.
    pub default: &'static str,
    /// The purpose of the setting in a few words, in Markdown.
    pub meaning: &'static str,
}

const SECRET: bool = true;
const SHOWN: bool = false;

const SERVICE: &[&str] = &["handler", "bootstrap", "serve"];
const NOT_HANDLER: &[&str] = &["bootstrap", "serve"];
const ACCESS: &[&str] = &["handler", "bootstrap", "serve", "dev"];
const SERVER: &[&str] = &["serve", "dev"];
const KEYS: &[&str] = &["bootstrap", "serve", "dev"];
const CORS: &[&str] = &["bootstrap", "serve", "dev"];
const CLIENT: &[&str] = &["handler", "bootstrap", "serve", "identity", "token", "quickstart", "directory"];
const EVERY_CLIENT: &[&str] = &["handler", "bootstrap", "serve", "dev", "identity", "token", "quickstart", "directory"];
const DIRECTORY: &[&str] = &["handler", "bootstrap", "serve", "directory"];
const S3: &[&str] = &["bootstrap", "serve", "directory"];
const APP: &[&str] = &["identity", "token", "quickstart"];
const TEAMS: &[&str] = &["token", "quickstart"];
const LOGGING: &[&str] = &["handler", "bootstrap", "serve", "dev", "emulator"];

/// Defines a constant for the name of each setting, and [`SETTINGS`].
macro_rules! settings {
    ($($section:literal { $($id:ident: $name:literal, $read_by:expr, $secret:ident, $default:literal, $meaning:literal;)* })*) => {
        $($(pub(crate) const $id: &str = $name;)*)*

        /// Every setting, in the order of docs/settings.md.
        pub static SETTINGS: &[Setting] = &[$($(Setting {
            section: $section,
            name: $id,
            read_by: $read_by,
            secret: $secret,
            default: $default,
            meaning: $meaning,
        },)*)*];
    };
}

settings! {
    "The ACS resource" {
        CONNECTION_STRING: "COMMUNICATION_SERVICES_CONNECTION_STRING", CLIENT, SECRET, "none",
            "the connection string from the resource's *Keys* page: endpoint and access key in one";
        ENDPOINT: "COMMUNICATION_SERVICES_ENDPOINT", CLIENT, SHOWN, "none",
            "the resource's endpoint, from its *Overview*: `https://<resource>.<data location>.communication.azure.com`, for older resources without the location";
        ACCESS_KEY: "COMMUNICATION_SERVICES_ACCESSKEY", CLIENT, SECRET, "none",
            "an access key of the resource, base64";
        SECONDARY_KEY: "COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY", CLIENT, SECRET, "none",
            "the resource's other access key, used when ACS denies the first one";
        CREDENTIAL: "COMMUNICATION_SERVICES_CREDENTIAL", CLIENT, SHOWN, "see [Without a key](#without-a-key)",
            "the credential to use: `key`, `managed-identity`, `workload-identity`, `aws-federation` or `cli`";
        API_VERSION: "COMMUNICATION_SERVICES_API_VERSION", EVERY_CLIENT, SHOWN, "`2025-06-30`",
            "the api-version of the ACS REST API";
    }
    "Without a key" {
        CLIENT_ID: "AZURE_CLIENT_ID", CLIENT, SHOWN, "the system-assigned identity",
            "the client id of the user-assigned identity, or of the application that trusts the other issuer";
        TENANT_ID: "AZURE_TENANT_ID", CLIENT, SHOWN, "none",
            "the Entra tenant, for `workload-identity` and `aws-federation`";
        TOKEN_FILE: "AZURE_FEDERATED_TOKEN_FILE", CLIENT, SHOWN, "none",
            "the file with the other issuer's token, for `workload-identity`. Kubernetes sets it";
        IDENTITY_ENDPOINT: "IDENTITY_ENDPOINT", CLIENT, SHOWN, "the instance metadata service",
            "the endpoint of the managed identity. Azure sets it";
        IDENTITY_HEADER: "IDENTITY_HEADER", CLIENT, SECRET, "none",
            "the secret for that endpoint. Azure sets it";
    }
    "Callers" {
        CALLER_KEYS: "CALLER_KEYS", KEYS, SECRET, "none",
            "the keys of back ends: `name=key` pairs separated by `;`, each key of at least 16 characters";
        ALLOW_ANONYMOUS: "ALLOW_ANONYMOUS", NOT_HANDLER, SHOWN, "`false`",
            "`true` accepts back ends without authentication";
        OIDC_ISSUERS: "OIDC_ISSUERS", SERVICE, SHOWN, "none",
            "the OpenID Connect issuers to trust, separated by commas, spelled as in the `iss` claim; or JSON, or `file:/<path>`: see [issuers.md](issuers.md)";
        OIDC_AUDIENCES: "OIDC_AUDIENCES", SERVICE, SHOWN, "none",
            "the accepted values of the `aud` claim, separated by commas. Required, unless every issuer has its own";
        OIDC_TENANTS: "OIDC_TENANTS", SERVICE, SHOWN, "none",
            "the Entra tenants that replace `{tenantid}` in `OIDC_ISSUERS`: GUIDs separated by commas";
        OIDC_CLIENTS: "OIDC_CLIENTS", SERVICE, SHOWN, "none: any client",
            "the client applications that may call (`azp`, `appid`, `client_id` or `cid`), separated by commas";
        OIDC_REQUIRED_SCOPE: "OIDC_REQUIRED_SCOPE", SERVICE, SHOWN, "none",
            "the scope that a user's token must have, such as `access_as_user`";
        OIDC_ROLES_CLAIM: "OIDC_ROLES_CLAIM", SERVICE, SHOWN, "`roles`",
            "the claim that lists roles: `roles`, `groups`, or a path such as `realm_access.roles`";
        OIDC_MANAGE_ROLE: "OIDC_MANAGE_ROLE", SERVICE, SHOWN, "`Tokens.Manage`",
            "the role that makes an application of the first issuer a trusted back end";
    }
    "Access" {
        TOKEN_POLICY: "TOKEN_POLICY", ACCESS, SHOWN, "see [The policy](#the-policy)",
            "the scopes and the lifetime that a caller may request: JSON, or the path of a JSON file";
        RATE_LIMIT: "RATE_LIMIT", ACCESS, SHOWN, "`30`",
            "requests per minute for each user: 1 to 100000, or `none`";
        RATE_LIMIT_KEYS: "RATE_LIMIT_KEYS", ACCESS, SHOWN, "`none`",
            "requests per minute for each key and each application: 1 to 100000, or `none`";
        RATE_LIMIT_PASSES: "RATE_LIMIT_PASSES", ACCESS, SHOWN, "`120`",
            "requests per minute for each guest pass: 1 to 100000, or `none`";
        RATE_LIMIT_GUESTS: "RATE_LIMIT_GUESTS", ACCESS, SHOWN, "`600`",
            "requests per minute for all guests together: 1 to 100000, or `none`";
        CORS_ALLOWED_ORIGINS: "CORS_ALLOWED_ORIGINS", CORS, SHOWN, "none",
            "the origins that may call from a browser, such as `https://www.contoso.com`, separated by commas, or `*`";
        CORS_ALLOW_CREDENTIALS: "CORS_ALLOW_CREDENTIALS", CORS, SHOWN, "`false`",
            "`true` lets browsers send cookies. Bearer tokens do not need it";
    }
    "User directory" {
        USER_DIRECTORY: "USER_DIRECTORY", DIRECTORY, SHOWN, "none: the functions for users are turned off",
            "the location of the user directory: see [The places](#the-places)";
        USER_DIRECTORY_KEY: "USER_DIRECTORY_KEY", DIRECTORY, SECRET, "none; a random key for `memory:`",
            "the key that hashes the users' names: base64 of at least 32 bytes. Two keys with a comma [replace a key](#replace-the-key)";
    }
    "AWS" {
        S3_ENDPOINT: "AWS_ENDPOINT_URL_S3", S3, SHOWN, "`https://s3.<region>.amazonaws.com`",
            "the endpoint of S3 or of a compatible store";
        STS_ENDPOINT: "AWS_ENDPOINT_URL_STS", S3, SHOWN, "`https://sts.<region>.amazonaws.com`",
            "the endpoint of AWS STS, for a federated role and for `aws-federation`";
        AWS_REGION: "AWS_REGION", S3, SHOWN, "none",
            "the region. Lambda sets it";
        AWS_DEFAULT_REGION: "AWS_DEFAULT_REGION", S3, SHOWN, "none",
            "the region if `AWS_REGION` is unset";
        AWS_ACCESS_KEY_ID: "AWS_ACCESS_KEY_ID", S3, SHOWN, "none",
            "the id of the access key. Lambda sets it";
        AWS_SECRET_ACCESS_KEY: "AWS_SECRET_ACCESS_KEY", S3, SECRET, "none",
            "the secret of the access key. Lambda sets it";
        AWS_SESSION_TOKEN: "AWS_SESSION_TOKEN", S3, SECRET, "none",
            "the session token of temporary credentials. Lambda sets it";
        AWS_WEB_IDENTITY_TOKEN_FILE: "AWS_WEB_IDENTITY_TOKEN_FILE", S3, SHOWN, "none",
            "the file with the token of a federated role. EKS sets it";
        AWS_ROLE_ARN: "AWS_ROLE_ARN", S3, SHOWN, "none",
            "the federated role. EKS sets it";
        AWS_CONTAINER_CREDENTIALS: "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", S3, SHOWN, "none",
            "the path of the container's credentials. ECS sets it";
        AWS_CONTAINER_CREDENTIALS_FULL: "AWS_CONTAINER_CREDENTIALS_FULL_URI", S3, SHOWN, "none",
            "the address of the pod's credentials. EKS Pod Identity sets it";
        AWS_CONTAINER_TOKEN_FILE: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", S3, SHOWN, "none",
            "the file with the token for that address. EKS Pod Identity sets it";
    }
    "Process" {
        HANDLER_PORT: "FUNCTIONS_CUSTOMHANDLER_PORT", &["handler"], SHOWN, "none",
            "the port on 127.0.0.1 to listen on. The Functions host sets it";
        RUNTIME_API: "AWS_LAMBDA_RUNTIME_API", &["bootstrap"], SHOWN, "none",
            "the address of the Lambda Runtime API. Lambda sets it";
        PORT: "PORT", &["serve"], SHOWN, "`8080`",
            "the port to listen on if `--port` is not given; 0 for any free port";
        CONNECTION_LIMIT: "CONNECTION_LIMIT", SERVER, SHOWN, "`1024`",
            "the number of open connections: 1 to 100000";
        HEADER_TIMEOUT: "HEADER_TIMEOUT", SERVER, SHOWN, "`10`",
            "the seconds in which a request's header must arrive: 1 to 3600";
        IDLE_TIMEOUT: "IDLE_TIMEOUT", SERVER, SHOWN, "`75`",
            "the seconds that a connection may stay open between two requests: 1 to 3600";
        LOG: "RUST_LOG", LOGGING, SHOWN, "`info`",
            "the log level (`off`, `error`, `warn`, `info`, `debug`, `trace`), or levels by module: `info,acs_tokens=debug`";
        LOG_FORMAT: "LOG_FORMAT", LOGGING, SHOWN, "`text` on a terminal, else `json`",
            "the format of log lines: `text` or `json`";
        LOG_IDENTITY_IDS: "LOG_IDENTITY_IDS", CLIENT, SHOWN, "`false`",
            "`true` logs whole identity ids instead of short hashes";
    }
    "The command line" {
        FUNCTION_KEY: "FUNCTION_KEY", APP, SECRET, "none",
            "the function key of the app at `--url`; as `--function-key`";
        BEARER_TOKEN: "BEARER_TOKEN", &["identity", "token"], SECRET, "none",
            "a token of an issuer that the app at `--url` trusts, instead of the key; as `--bearer-token`";
        TEAMS_TOKEN: "TEAMS_TOKEN", TEAMS, SECRET, "for `quickstart`, the emulator issues one",
            "a Teams user's Entra token; as `--teams-token`";
        TEAMS_APP_ID: "TEAMS_APP_ID", TEAMS, SHOWN, "none",
            "the Entra application of that token, a GUID; as `--teams-app-id`";
        TEAMS_USER_ID: "TEAMS_USER_ID", TEAMS, SHOWN, "none",
            "the object id of the Teams user, a GUID; as `--teams-user-id`";
    }
}
