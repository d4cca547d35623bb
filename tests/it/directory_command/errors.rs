//! `acs-tokens directory` with wrong settings or arguments.

use super::{ALICE, ISSUER, KEY, TENANT};
use crate::process::{cli, run};

const ACS: (&str, &str) =
    ("COMMUNICATION_SERVICES_CONNECTION_STRING", "endpoint=https://a.example/;accesskey=c2VjcmV0");

const COMMANDS: [&[&str]; 6] = [
    &["show", "--issuer", ISSUER, "--subject", "bob"],
    &["repair"],
    &["export"],
    &["block", "--issuer", ISSUER, "--subject", "bob"],
    &["unblock", "--issuer", ISSUER, "--subject", "bob"],
    &["revoke", "--all", "--yes"],
];

/// The commands that call ACS.
const ACS_COMMANDS: [&[&str]; 3] = [COMMANDS[1], COMMANDS[3], COMMANDS[5]];

async fn fails(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let (code, stdout, stderr) = run(cli(&[&["directory"], arguments].concat(), environment)).await;
    assert_eq!(stdout, "");
    (code, stderr)
}

#[tokio::test]
async fn missing_and_invalid_settings_are_named() {
    const MEMORY: (&str, &str) = ("USER_DIRECTORY", "memory:");
    for arguments in COMMANDS {
        for (environment, error) in [
            (&[ACS][..], "is missing; set it to the location of the directory"),
            (&[ACS, MEMORY], "is `memory:`, which other processes cannot read; use another place"),
        ] {
            let error = format!("error: invalid settings\n  USER_DIRECTORY: {error}\n");
            assert_eq!(fails(arguments, environment).await, (1, error), "{arguments:?}");
        }
    }
    for arguments in ACS_COMMANDS {
        let environment = [("USER_DIRECTORY", "file:///users"), ("USER_DIRECTORY_KEY", KEY)];
        let (code, stderr) = fails(arguments, &environment).await;
        assert!(code == 1 && stderr.contains("\n  COMMUNICATION_SERVICES_CONNECTION_STRING: is missing;"), "{stderr}");
    }
}

#[tokio::test]
async fn missing_folder_is_an_error_and_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("users");
    let url = reqwest::Url::from_file_path(&missing).unwrap().to_string();
    for arguments in COMMANDS {
        let environment = [ACS, ("USER_DIRECTORY", &*url), ("USER_DIRECTORY_KEY", KEY)];
        let error = "error: USER_DIRECTORY: the folder does not exist; the service creates it for the first user\n";
        assert_eq!(fails(arguments, &environment).await, (1, error.to_owned()));
        assert!(!missing.exists());
    }
}

#[tokio::test]
async fn a_command_for_one_user_requires_the_complete_identification() {
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
        for command in ["show", "block", "unblock"] {
            assert_eq!(fails(&[&[command], arguments].concat(), &[]).await.0, 2, "{command} {arguments:?}");
        }
    }
}
