//! The errors in settings: each text once, all errors of an environment at once, and never a value.

use std::{fmt::Display, str::FromStr};

use acs_tokens::{
    acs::{connection_string::ConnectionString, endpoint::Endpoint, signature::AccessKey, types::ApiVersion},
    auth::bearer::Issuer,
    config::Program,
    directory::{DirectoryKey, StoreLocation},
};

use super::{ANONYMOUS, DIRECTORY_KEY, ENDPOINT, Env, RESOURCE, read};

/// Returns the error of a type's parser; its text is tested with the type.
fn error<T: FromStr<Err: Display>>(text: &str) -> String {
    text.parse::<T>().err().unwrap().to_string()
}

/// Asserts the exact errors of `acs-tokens serve`. Every value that must not appear contains `c2Vj`.
#[track_caller]
fn assert_errors(env: &Env<'_>, expected: &[(&str, &str)]) {
    assert_errors_of(Program::Server, env, expected);
}

#[track_caller]
fn assert_errors_of(program: Program, env: &Env<'_>, expected: &[(&str, &str)]) {
    let errors = read(program, env).unwrap_err();
    let expected: Vec<String> = expected.iter().map(|(setting, detail)| format!("{setting}: {detail}")).collect();
    assert_eq!(errors.to_string(), format!("invalid settings\n  {}", expected.join("\n  ")));
    assert!(!format!("{errors:?}").contains("c2Vj"));
}

const CONNECTION_STRING: &str = "COMMUNICATION_SERVICES_CONNECTION_STRING";
const ACCESS_KEY: &str = "COMMUNICATION_SERVICES_ACCESSKEY";
const SECONDARY: &str = "COMMUNICATION_SERVICES_ACCESSKEY_SECONDARY";
const CREDENTIAL: &str = "COMMUNICATION_SERVICES_CREDENTIAL";
const VERSION: &str = "COMMUNICATION_SERVICES_API_VERSION";
const NO_CALLERS: (&str, &str) = (
    "CALLER_KEYS",
    "is missing; set name=key pairs separated by semicolons, or set OIDC_ISSUERS, or set ALLOW_ANONYMOUS=true if \
     callers are authenticated before they reach this service",
);

#[test]
fn errors_of_the_programs() {
    let port = "is not a port; use a number from 0 to 65535";
    let missing = "is missing; the Functions host sets it; to run without the host, use `acs-tokens serve`";
    assert_errors_of(Program::Functions, &[RESOURCE], &[("FUNCTIONS_CUSTOMHANDLER_PORT", missing)]);
    let env = [RESOURCE, ("FUNCTIONS_CUSTOMHANDLER_PORT", "70000")];
    assert_errors_of(Program::Functions, &env, &[("FUNCTIONS_CUSTOMHANDLER_PORT", port)]);
    let missing = "is missing; Lambda sets it; to run outside Lambda, use `acs-tokens serve`";
    assert_errors_of(Program::Lambda, &[RESOURCE, ANONYMOUS], &[("AWS_LAMBDA_RUNTIME_API", missing)]);
    let level = error::<tracing_subscriber::filter::Targets>("acs_tokens=loud");
    let env = [RESOURCE, ANONYMOUS, ("PORT", "http"), ("RUST_LOG", "acs_tokens=loud"), ("LOG_IDENTITY_IDS", "1")];
    let flag = ("LOG_IDENTITY_IDS", "must be `true` or `false`");
    assert_errors(&env, &[("PORT", port), flag, ("RUST_LOG", &level)]);
}

#[cfg(unix)]
#[test]
fn a_value_must_be_utf8() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

    let get = |name: &str| (name == VERSION).then(|| OsString::from_vec(vec![0xff]));
    let errors = acs_tokens::config::Config::from_env(Program::Server, &get).unwrap_err();
    assert!(errors.to_string().contains(&format!("{VERSION}: is not valid UTF-8")), "{errors}");
}

#[test]
fn errors_of_the_resource() {
    let key = AccessKey::from_base64("c2Vj!").unwrap_err().to_string();
    let plain = "uses http; without a key the endpoint must use https, even on loopback";
    let loopback = "endpoint=http://127.0.0.1:7072/;accesskey=c2VjcmV0";
    let required = "is missing; workload-identity requires it";
    for (env, expected) in [
        (
            &[][..],
            &[(
                CONNECTION_STRING,
                "is missing; set it, or set COMMUNICATION_SERVICES_ENDPOINT to use Entra or COMMUNICATION_SERVICES_ACCESSKEY",
            )][..],
        ),
        (&[(CONNECTION_STRING, "c2Vj")], &[(CONNECTION_STRING, &error::<ConnectionString>("c2Vj"))]),
        (
            &[RESOURCE, ENDPOINT],
            &[(
                CONNECTION_STRING,
                "conflicts with COMMUNICATION_SERVICES_ENDPOINT and COMMUNICATION_SERVICES_ACCESSKEY; set it or them, not \
                 both",
            )],
        ),
        (&[(ACCESS_KEY, "c2VjcmV0")], &[(ENDPOINT.0, "is missing; COMMUNICATION_SERVICES_ACCESSKEY requires it")]),
        (
            &[(ENDPOINT.0, "http://a.example"), (ACCESS_KEY, "c2Vj!"), (VERSION, "latest")],
            &[
                (VERSION, &error::<ApiVersion>("latest")),
                (ENDPOINT.0, &error::<Endpoint>("http://a.example")),
                (ACCESS_KEY, &key),
            ],
        ),
        (
            &[ENDPOINT, (CREDENTIAL, "Entra")],
            &[(
                CREDENTIAL,
                "is unknown; use `key`, `managed-identity`, `workload-identity`, `cli` or, on Lambda, `aws-federation`",
            )],
        ),
        (
            &[ENDPOINT, (CREDENTIAL, "key")],
            &[(ACCESS_KEY, "is missing; COMMUNICATION_SERVICES_CREDENTIAL=key requires it")],
        ),
        (
            &[ENDPOINT, (SECONDARY, "c2VjcmV0")],
            &[(SECONDARY, "has no effect without COMMUNICATION_SERVICES_ACCESSKEY; set both or neither")],
        ),
        (&[RESOURCE, (SECONDARY, "c2Vj!")], &[(SECONDARY, &key)]),
        (&[(CONNECTION_STRING, loopback), (CREDENTIAL, "cli")], &[(CONNECTION_STRING, plain)]),
        (
            &[(ENDPOINT.0, "http://localhost"), (CREDENTIAL, "workload-identity")],
            &[
                ("AZURE_TENANT_ID", required),
                ("AZURE_CLIENT_ID", required),
                ("AZURE_FEDERATED_TOKEN_FILE", required),
                (ENDPOINT.0, plain),
            ],
        ),
    ] {
        assert_errors(&[env, &[ANONYMOUS]].concat(), expected);
    }
}

#[test]
fn errors_of_authentication() {
    let no_effect = "has no effect without OIDC_ISSUERS; set both or neither";
    let issuer = |i, name| format!("entry {i} {}", Issuer::new(name, None).unwrap_err());
    let issuers = "https://a.example,http://a.example,a,https://a.example/?b,https://a.example/{tenantid}/v2.0";
    for (env, expected) in [
        (&[][..], &[NO_CALLERS][..]),
        (&[("ALLOW_ANONYMOUS", "yes")], &[("ALLOW_ANONYMOUS", "must be `true` or `false`")]),
        (
            &[ANONYMOUS, ("CALLER_KEYS", "web=c2VjcmV0c2VjcmV0")],
            &[("ALLOW_ANONYMOUS", "is `true`, but CALLER_KEYS is also set; unset one of them")],
        ),
        (
            &[ANONYMOUS, ("OIDC_ISSUERS", "https://a.example"), ("OIDC_AUDIENCES", "a")],
            &[("ALLOW_ANONYMOUS", "is `true`, but OIDC_ISSUERS is also set; unset one of them")],
        ),
        (&[("CALLER_KEYS", ";")], &[("CALLER_KEYS", "has no entries")]),
        (
            &[("CALLER_KEYS", "web=c2VjcmV0;c2VjcmV0c2VjcmV0c2VjcmV0;a=c2VjcmV0c2VjcmV0;a=c2VjcmV0c2VjcmV0")],
            &[
                ("CALLER_KEYS", "pair 1 has a short key; use at least 16 characters"),
                ("CALLER_KEYS", "pair 2 is not name=key"),
                ("CALLER_KEYS", "pair 4 repeats the name of an earlier pair; rename it"),
            ],
        ),
        (
            &[ANONYMOUS, ("OIDC_AUDIENCES", "a"), ("OIDC_TENANTS", "a"), ("OIDC_REQUIRED_SCOPE", "a b")],
            &[
                ("OIDC_REQUIRED_SCOPE", "is not a scope; set exactly one, without spaces and quotes"),
                ("OIDC_AUDIENCES", no_effect),
                ("OIDC_TENANTS", no_effect),
                ("OIDC_REQUIRED_SCOPE", no_effect),
            ],
        ),
        (
            &[("OIDC_ISSUERS", "https://a.example"), ("OIDC_ROLES_CLAIM", "sub")],
            &[
                ("OIDC_ROLES_CLAIM", "names a claim that identifies the user; use a claim that lists roles"),
                ("OIDC_AUDIENCES", "is missing; set the `aud` values that tokens of OIDC_ISSUERS must have"),
            ],
        ),
        (
            &[("OIDC_ISSUERS", issuers), ("OIDC_AUDIENCES", "a")],
            &[
                ("OIDC_TENANTS", "is missing; an issuer contains {tenantid}"),
                ("OIDC_ISSUERS", &issuer(2, "http://a.example")),
                ("OIDC_ISSUERS", &issuer(3, "a")),
                ("OIDC_ISSUERS", &issuer(4, "https://a.example/?b")),
            ],
        ),
        (
            &[("OIDC_ISSUERS", "https://a.example"), ("OIDC_AUDIENCES", "a"), ("OIDC_TENANTS", "c2Vj.com")],
            &[
                ("OIDC_TENANTS", "entry 1 is not a GUID"),
                ("OIDC_TENANTS", "has no effect; no issuer contains {tenantid}; unset it"),
            ],
        ),
    ] {
        assert_errors(&[env, &[RESOURCE]].concat(), expected);
    }
}

#[test]
fn errors_of_access() {
    let rate = "must be `none` or requests per minute from 1 to 100000";
    let policy = r#"{"keys":{"wed":{"scopes":["voip"],"maxMinutes":60}}}"#;
    let keys = ("CALLER_KEYS", "web=c2VjcmV0c2VjcmV0");
    let unknown_scope = r#"{"default":{"scopes":["all"],"maxMinutes":60}}"#;
    let origins = "https://a.example,http://b.example,https://a.example";
    let invalid_origins = origins.parse::<acs_tokens::http::allowed_origins::Origins>().unwrap_err().0;
    for (env, expected) in [
        (
            &[
                keys,
                ("TOKEN_POLICY", unknown_scope),
                ("RATE_LIMIT", "0"),
                ("RATE_LIMIT_KEYS", "30/min"),
                ("CORS_ALLOWED_ORIGINS", "*"),
                ("CORS_ALLOW_CREDENTIALS", "true"),
            ][..],
            &[
                ("TOKEN_POLICY", &*error::<acs_tokens::access::policy::Policy>(unknown_scope)),
                ("RATE_LIMIT", rate),
                ("RATE_LIMIT_KEYS", rate),
                ("CORS_ALLOWED_ORIGINS", "is `*`, but CORS_ALLOW_CREDENTIALS is `true`; list the origins instead"),
            ][..],
        ),
        (
            &[
                keys,
                ("TOKEN_POLICY", policy),
                ("RATE_LIMIT", "100001"),
                ("CORS_ALLOWED_ORIGINS", origins),
                ("CORS_ALLOW_CREDENTIALS", "yes"),
            ],
            &[
                (
                    "TOKEN_POLICY",
                    "keys.wed: has no effect, because CALLER_KEYS has no key of that name; remove or correct it",
                ),
                ("RATE_LIMIT", rate),
                ("CORS_ALLOW_CREDENTIALS", "must be `true` or `false`"),
                ("CORS_ALLOWED_ORIGINS", &invalid_origins[0]),
                ("CORS_ALLOWED_ORIGINS", &invalid_origins[1]),
            ],
        ),
        (
            &[ANONYMOUS, ("TOKEN_POLICY", policy)],
            &[("TOKEN_POLICY", "keys.wed: has no effect, because requests have no key; remove or correct it")],
        ),
        (
            &[keys, ("TOKEN_POLICY", "/no/such/file"), ("CORS_ALLOW_CREDENTIALS", "true")],
            &[
                ("TOKEN_POLICY", "is neither JSON nor the path of a readable file: entity not found"),
                ("CORS_ALLOW_CREDENTIALS", "is `true`, but CORS_ALLOWED_ORIGINS is missing; set both or neither"),
            ],
        ),
    ] {
        assert_errors(&[env, &[RESOURCE]].concat(), expected);
    }
    let env = [RESOURCE, ("FUNCTIONS_CUSTOMHANDLER_PORT", "1"), ("TOKEN_POLICY", policy)];
    let detail =
        "keys.wed: has no effect, because the Functions host does not tell which key was used; remove or correct it";
    assert_errors_of(Program::Functions, &env, &[("TOKEN_POLICY", detail)]);
}

#[test]
fn errors_of_the_user_directory() {
    let location = error::<StoreLocation>("c2Vj");
    let missing = (
        "USER_DIRECTORY_KEY",
        "is missing; generate it with `openssl rand -base64 32` and keep it: if it is lost, existing records can no longer \
         be matched to users",
    );
    let endpoint = ("AWS_ENDPOINT_URL_S3", "must be an https URL, or an http URL on loopback");
    let at = |location| ("USER_DIRECTORY", location);
    for (env, expected) in [
        (&[at("file:///users")][..], &[missing][..]),
        (&[at("c2Vj")], &[("USER_DIRECTORY", &*location), missing]),
        (&[at("memory:"), ("USER_DIRECTORY_KEY", "c2Vj")], &[("USER_DIRECTORY_KEY", &error::<DirectoryKey>("c2Vj"))]),
        (&[DIRECTORY_KEY], &[("USER_DIRECTORY_KEY", "has no effect without USER_DIRECTORY; set both or neither")]),
        (&[at("s3://users"), DIRECTORY_KEY, (endpoint.0, "http://c2Vj.example")], &[endpoint]),
        (&[at("s3://users"), DIRECTORY_KEY, (endpoint.0, "c2Vj")], &[endpoint]),
        (&[at("s3://users"), DIRECTORY_KEY, (endpoint.0, "ftp://127.0.0.1")], &[endpoint]),
        (
            &[
                at("https://contoso.blob.core.windows.net/users"),
                DIRECTORY_KEY,
                ("AZURE_FEDERATED_TOKEN_FILE", "/token"),
            ],
            &[
                ("AZURE_TENANT_ID", "is missing; workload-identity requires it"),
                ("AZURE_CLIENT_ID", "is missing; workload-identity requires it"),
            ],
        ),
    ] {
        assert_errors(&[env, &[RESOURCE, ANONYMOUS]].concat(), expected);
    }
}
