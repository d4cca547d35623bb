//! `acs-tokens directory` where there is nothing to look after: what it says instead.

use super::{ALICE, ISSUER, KEY, TENANT};
use crate::process::{cli, run};

const RESOURCE: (&str, &str) =
    ("COMMUNICATION_SERVICES_CONNECTION_STRING", "endpoint=https://a.example/;accesskey=c2VjcmV0");

const COMMANDS: [&[&str]; 3] = [&["show", "--issuer", ISSUER, "--subject", "bob"], &["repair"], &["export"]];

async fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let (code, stdout, stderr) = run(cli(&[&["directory"], arguments].concat(), environment)).await;
    assert_eq!(stdout, "");
    (code, stderr)
}

#[tokio::test]
async fn without_settings_it_says_which_are_missing() {
    for arguments in COMMANDS {
        for (directory, fault) in [
            (&[][..], "USER_DIRECTORY: is missing; set it to the location of the directory"),
            (
                &[("USER_DIRECTORY", "memory:")],
                "USER_DIRECTORY: is `memory:`, which other processes cannot read; use another place",
            ),
            (
                &[("USER_DIRECTORY_KEY", KEY)],
                "USER_DIRECTORY_KEY: has no effect without USER_DIRECTORY; set both or neither",
            ),
            (
                &[("USER_DIRECTORY", "file:///users")],
                "USER_DIRECTORY_KEY: is missing; generate it with `openssl rand -base64 32` and keep it: if it is lost, \
                 existing records can no longer be matched to users",
            ),
        ] {
            let environment = [directory, &[RESOURCE]].concat();
            let said = format!("error: invalid settings\n  {fault}\n");
            assert_eq!(refused(arguments, &environment).await, (1, said), "{arguments:?}");
        }
    }
    // Only what calls ACS needs to know how.
    let directory = [("USER_DIRECTORY", "file:///users"), ("USER_DIRECTORY_KEY", KEY)];
    let (code, stderr) = refused(&["repair"], &directory).await;
    assert!(code == 1 && stderr.contains("\n  COMMUNICATION_SERVICES_CONNECTION_STRING: is missing;"), "{stderr}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("users");
    let url = reqwest::Url::from_file_path(&missing).unwrap().to_string();
    for arguments in COMMANDS {
        let environment = [RESOURCE, ("USER_DIRECTORY", &*url), ("USER_DIRECTORY_KEY", KEY)];
        let said = "error: USER_DIRECTORY names a folder that is not there; the first user makes it\n".to_owned();
        assert_eq!(refused(arguments, &environment).await, (1, said));
        assert!(!missing.exists());
    }
}

#[tokio::test]
async fn show_wants_one_user_named_whole() {
    for arguments in [
        &[][..],
        &["--tenant", TENANT],
        &["--object", ALICE],
        &["--issuer", ISSUER],
        &["--subject", "bob"],
        &["--name", "bob"],
        &["--tenant", TENANT, "--object", "bob"],
        &["--tenant", TENANT, "--object", ALICE, "--issuer", ISSUER, "--subject", "bob"],
    ] {
        let (code, _) = refused(&[&["show"], arguments].concat(), &[]).await;
        assert_eq!(code, 2, "{arguments:?}");
    }
}
