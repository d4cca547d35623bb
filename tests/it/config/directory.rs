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
    assert_eq!(settings.aws, aws.map(|(name, value)| (name, value.to_owned())));
    assert!(directory(&[&[at("file:///users"), DIRECTORY_KEY], &aws[..]].concat()).aws.is_empty());
}
