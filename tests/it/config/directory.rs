//! The settings of the directory: what is taken, each fault's words, and that no value is repeated.

use std::ffi::OsString;

use acs_tokens::{
    config::{EnvReader, Faults},
    directory::{self, StoreLocation},
};

use super::RESOURCE;

const KEY: (&str, &str) = ("USER_DIRECTORY_KEY", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0");

fn read(environment: &[(&str, &str)]) -> Result<Option<directory::DirectorySettings>, Faults> {
    let environment = [&[RESOURCE], environment].concat();
    let get = |name: &str| environment.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value));
    let mut settings = EnvReader::new(&get);
    let directory = settings.directory();
    settings.finish(directory)
}

const fn at(place: &'static str) -> (&'static str, &'static str) {
    ("USER_DIRECTORY", place)
}

#[test]
fn takes_each_place() {
    assert!(read(&[]).unwrap().is_none());
    assert!(read(&[at(""), ("USER_DIRECTORY_KEY", " ")]).unwrap().is_none());
    let memory = read(&[at("memory:")]).unwrap().unwrap();
    assert_eq!(memory.location, StoreLocation::Memory, "it needs no key");
    #[cfg(unix)]
    assert_eq!(read(&[at("file:///users"), KEY]).unwrap().unwrap().location, StoreLocation::Files("/users".into()));
}

/// A directory's settings as they are shown to those who look for faults.
fn shown(environment: &[(&str, &str)]) -> String {
    let shown = format!("{:?}", read(environment).unwrap().unwrap());
    assert!(!shown.contains("c2Vj"), "{shown}");
    shown
}

#[test]
fn blob_storage_is_reached_by_entra_whatever_opens_acs() {
    let blob = at("https://contoso.blob.core.windows.net/users");
    let identity = [("IDENTITY_ENDPOINT", "http://localhost/msi/token"), ("IDENTITY_HEADER", "x")];
    let workload = [("AZURE_FEDERATED_TOKEN_FILE", "/token"), ("AZURE_TENANT_ID", "e27a"), ("AZURE_CLIENT_ID", "c11e")];
    let forced = |name| ("COMMUNICATION_SERVICES_CREDENTIAL", name);
    for (environment, way) in [
        (&[][..], "DeveloperTools"),
        (&identity[..], "ManagedIdentity { client_id: None }"),
        (&workload[..], "WorkloadIdentity {"),
        // RESOURCE has a key, which says nothing of storage.
        (&[identity[0], identity[1], forced("key")], "ManagedIdentity { client_id: None }"),
        (&[identity[0], identity[1], forced("cli")], "DeveloperTools"),
    ] {
        let shown = shown(&[&[blob, KEY], environment].concat());
        assert!(shown.contains(way) && shown.contains("emulated: false"), "{shown}");
    }
    // Azurite knows its own key alone, and the others need nobody's leave or AWS's.
    for place in ["http://127.0.0.1:10000/devstoreaccount1/users", "file:///users", "s3://users"] {
        let shown = shown(&[&[at(place), KEY], &identity[..]].concat());
        assert!(shown.contains("entra: None"), "{shown}");
    }
}

#[test]
fn s3_takes_what_aws_sets() {
    let aws = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "c2VjcmV0"),
        ("AWS_SECRET_ACCESS_KEY", "c2VjcmV0"),
        ("AWS_SESSION_TOKEN", "c2VjcmV0"),
    ];
    let environment = [&[at("s3://users/of/app"), KEY], &aws[..]].concat();
    let mut taken = read(&environment).unwrap().unwrap().aws;
    taken.sort_unstable();
    let mut given = aws.map(|(name, value)| (name, value.to_owned()));
    given.sort_unstable();
    assert_eq!(taken, given);
    shown(&environment);
    for endpoint in ["https://s3.example", "http://127.0.0.1:9000"] {
        assert!(read(&[at("s3://users"), KEY, ("AWS_ENDPOINT_URL_S3", endpoint)]).is_ok());
    }
    // Nobody else looks at them.
    assert!(read(&[at("file:///users"), KEY, aws[2]]).unwrap().unwrap().aws.is_empty());
}

#[test]
fn names_each_fault_and_no_value() {
    let kinds = "is not a supported location; use https://<account>.blob.core.windows.net/<container>, s3://<bucket>, \
                 file:///<folder> or memory:";
    let decorated = "has a user, query or fragment; remove it, access is by managed identity or role";
    let no_container = "names no container; use https://<account>.blob.core.windows.net/<container>";
    for (place, fault) in [
        ("c2VjcmV0", kinds),
        ("memory", kinds),
        ("ftp://c2VjcmV0/users", kinds),
        ("https://c2VjcmV0.example/users", kinds),
        ("https://contoso.blob.core.windows.net/users?sv=1&sig=c2VjcmV0", decorated),
        ("https://me:c2VjcmV0@contoso.blob.core.windows.net/users", decorated),
        ("s3://users#c2VjcmV0", decorated),
        (
            "http://contoso.blob.core.windows.net/c2VjcmV0",
            "uses http, which is only for Azurite on this machine; use https",
        ),
        ("https://contoso.blob.core.windows.net", no_container),
        ("http://127.0.0.1:10000/c2VjcmV0", no_container),
        ("s3://", "names no bucket; use s3://<bucket>"),
        ("file://c2VjcmV0/users", "names no folder on this machine; use file:///<folder>"),
        ("acs-custom-id", kinds),
    ] {
        refused(&[at(place), KEY], &[&format!("USER_DIRECTORY: {fault}")]);
    }

    let no_key = "USER_DIRECTORY_KEY: is missing; users' names are hashed with it. `openssl rand -base64 32` makes one; keep \
                  it, without it nobody is found again";
    let bad_key = "USER_DIRECTORY_KEY: is not base64 of at least 32 bytes; create a key with `openssl rand -base64 32`";
    let short = ("USER_DIRECTORY_KEY", "c2VjcmV0c2VjcmV0");
    let no_base64 = ("USER_DIRECTORY_KEY", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0!");
    refused(&[at("file:///users")], &[no_key]);
    refused(&[at("file:///users"), ("USER_DIRECTORY_KEY", "")], &[no_key]);
    refused(&[at("file:///users"), short], &[bad_key]);
    refused(&[at("memory:"), no_base64], &[bad_key]);
    refused(&[at("c2VjcmV0")], &[&format!("USER_DIRECTORY: {kinds}"), no_key]);
    refused(&[KEY], &["USER_DIRECTORY_KEY: is set without USER_DIRECTORY"]);

    for endpoint in ["http://c2VjcmV0.example", "c2VjcmV0", "ftp://127.0.0.1"] {
        let fault = "AWS_ENDPOINT_URL_S3: is neither an https URL nor one of this machine";
        refused(&[at("s3://users"), KEY, ("AWS_ENDPOINT_URL_S3", endpoint)], &[fault]);
    }
    let federated = ("AZURE_FEDERATED_TOKEN_FILE", "/token");
    let blob = at("https://contoso.blob.core.windows.net/users");
    let missing =
        ["AZURE_TENANT_ID", "AZURE_CLIENT_ID"].map(|name| format!("{name}: is missing; workload-identity needs it"));
    refused(&[blob, KEY, federated], &[&missing[0], &missing[1]]);
}

fn refused(environment: &[(&str, &str)], faults: &[&str]) {
    let error = read(environment).unwrap_err();
    assert_eq!(error.to_string(), [&["the settings are wrong"], faults].concat().join("\n  "), "{environment:?}");
    assert!(!format!("{error:?}").contains("c2Vj"));
}
