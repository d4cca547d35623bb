//! The settings of the user directory.

use acs_tokens::directory::{DirectorySettings, StoreLocation};

use super::{DIRECTORY_KEY, Env, server};

const fn at(location: &'static str) -> (&'static str, &'static str) {
    ("USER_DIRECTORY", location)
}

fn directory(env: &Env<'_>) -> DirectorySettings {
    let directory = server(env).directory.unwrap();
    assert!(!format!("{directory:?}").contains("c2Vj"), "{directory:?}");
    directory
}

#[test]
fn directory_is_optional() {
    assert!(server(&[]).directory.is_none());
    assert!(server(&[at(""), ("USER_DIRECTORY_KEY", " ")]).directory.is_none());
    assert_eq!(directory(&[at("memory:")]).location, StoreLocation::Memory, "memory needs no key");
    #[cfg(unix)]
    assert_eq!(directory(&[at("file:///users"), DIRECTORY_KEY]).location, StoreLocation::Files("/users".into()));
}

#[test]
fn blob_storage_uses_entra_even_if_acs_uses_a_key() {
    let blob = at("https://contoso.blob.core.windows.net/users");
    let identity = [("IDENTITY_ENDPOINT", "http://localhost/msi/token"), ("IDENTITY_HEADER", "x")];
    let workload = [("AZURE_FEDERATED_TOKEN_FILE", "/token"), ("AZURE_TENANT_ID", "e27a"), ("AZURE_CLIENT_ID", "c11e")];
    let forced = |name| ("COMMUNICATION_SERVICES_CREDENTIAL", name);
    for (env, source) in [
        (&[][..], "DeveloperTools"),
        (&identity[..], "ManagedIdentity { client_id: None }"),
        (&workload[..], "WorkloadIdentity {"),
        (&[identity[0], identity[1], forced("key")], "ManagedIdentity { client_id: None }"),
    ] {
        let shown = format!("{:?}", directory(&[&[blob, DIRECTORY_KEY], env].concat()));
        assert!(shown.contains(source) && shown.contains("emulated: false"), "{shown}");
    }
    for location in ["http://127.0.0.1:10000/devstoreaccount1/users", "file:///users", "s3://users"] {
        let settings = directory(&[&[at(location), DIRECTORY_KEY], &identity[..]].concat());
        assert!(settings.entra.is_none(), "{settings:?}");
    }
}

#[test]
fn s3_uses_the_settings_of_aws() {
    let aws = [
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "c2VjcmV0"),
        ("AWS_SECRET_ACCESS_KEY", "c2VjcmV0"),
        ("AWS_SESSION_TOKEN", "c2VjcmV0"),
    ];
    let settings = directory(&[&[at("s3://users/of/app"), DIRECTORY_KEY], &aws[..]].concat());
    let mut expected = aws.map(|(name, value)| (name.to_owned(), value.to_owned()));
    expected.sort_unstable();
    assert_eq!(settings.aws, expected);
    assert!(directory(&[&[at("file:///users"), DIRECTORY_KEY], &aws[..]].concat()).aws.is_empty());
}

#[test]
fn every_setting_that_the_object_store_knows_reaches_s3() {
    let known = [
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials"),
        ("AWS_ENDPOINT_URL", "https://s3.example"),
        ("AWS_ENDPOINT_URL_STS", "https://sts.example"),
        ("AWS_METADATA_ENDPOINT", "http://169.254.169.254"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/a"),
        ("AWS_ROLE_SESSION_NAME", "a"),
        ("AWS_S3_EXPRESS", "true"),
        ("AWS_SSE_KMS_KEY_ID", "a"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
    ];
    let others = [("AWS_EXECUTION_ENV", "a"), ("AWS_LAMBDA_FUNCTION_NAME", "a"), ("REGION", "a"), ("AWS_REGION", " ")];
    let settings = directory(&[&[at("s3://users"), DIRECTORY_KEY], &known[..], &others[..]].concat());
    assert_eq!(settings.aws, known.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn directory_key_may_be_two_keys() {
    let two = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=,c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    assert!(directory(&[at("file:///users"), ("USER_DIRECTORY_KEY", two)]).key.second().is_some());
    assert!(directory(&[at("file:///users"), DIRECTORY_KEY]).key.second().is_none());
}
