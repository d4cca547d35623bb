//! The checks of the user directory.

use serde_json::Value;

use super::{
    RESOURCE, check, remedy,
    s3::{self, Ignored},
    states,
};
use crate::{harness::Api, process::free_port};

const KEY: (&str, &str) = ("USER_DIRECTORY_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");

/// Checks a directory and asserts the states of its checks. Returns the report.
async fn assert_directory(location: &str, more: &[(&str, &str)], expected: &[(&str, &str)]) -> Value {
    let api = Api::direct().await;
    let connection_string = api.connection_string();
    let environment = [(RESOURCE, &*connection_string), ("USER_DIRECTORY", location), KEY];
    let (code, report) = check(&[&environment, more].concat()).await;
    assert_eq!(states(&report, &["directory", "conditions"]), expected, "{report}");
    assert_eq!(code, i32::from(expected.iter().any(|(_, state)| *state == "failed")));
    report
}

#[tokio::test]
async fn a_folder_is_read_and_written_and_no_record_remains() {
    let folder = tempfile::tempdir().unwrap();
    let location = format!("file://{}", folder.path().display());
    assert_directory(&location, &[], &[("directory", "ok"), ("conditions", "ok")]).await;
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["lock"]);
}

/// Created by the check, the folder would belong to the user that runs it.
#[tokio::test]
async fn a_folder_that_does_not_exist_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    assert_directory(&format!("file://{}", path.display()), &[], &[("directory", "unknown")]).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_is_found() {
    let location = format!("http://{}/devstoreaccount1/users", free_port().await);
    let report = assert_directory(&location, &[], &[("directory", "failed"), ("conditions", "unknown")]).await;
    assert!(remedy(&report, "directory").contains("Azurite"), "{report}");
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_found() {
    for (ignored, state) in [(Ignored::Nothing, "ok"), (Ignored::IfNoneMatch, "failed"), (Ignored::IfMatch, "failed")] {
        let (url, objects) = s3::start(ignored).await;
        let aws = [
            // `handler`, which is guessed without it, does not support S3.
            ("CALLER_KEYS", "web=a-key-of-a-caller"),
            ("AWS_ENDPOINT_URL_S3", &*url),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "any"),
            ("AWS_SECRET_ACCESS_KEY", "any"),
        ];
        let report = assert_directory("s3://users", &aws, &[("directory", "ok"), ("conditions", state)]).await;
        assert!(state == "ok" || remedy(&report, "conditions").contains("conditional writes"), "{report}");
        assert!(objects.lock().unwrap().is_empty(), "{ignored:?}: the record of the check remains");
    }
}
