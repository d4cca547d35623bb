//! A stand-in for the Azure CLI on the PATH.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::Fixture;

impl Fixture {
    /// Puts an Azure CLI with a signed-in user into the folder.
    pub(crate) async fn sign_in_with_az(&self) {
        let token = self.token().await;
        let expires_on: i64 = token["expires_on"].as_str().unwrap().parse().unwrap();
        let answer = json!({ "accessToken": token["access_token"], "expires_on": expires_on, "tokenType": "Bearer" });
        let expected = "account get-access-token -o json --scope https://communication.azure.com//.default";
        self.put_az(&format!("[ \"$*\" = '{expected}' ] && echo '{answer}'"));
    }

    /// Puts an Azure CLI that runs this command into the folder.
    pub(crate) fn put_az(&self, command: &str) {
        let az = self.folder.path().join("az");
        std::fs::write(&az, format!("#!/bin/sh\n{command}\n")).unwrap();
        std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[tokio::test]
async fn azure_cli_token_is_used_on_a_developers_machine() {
    let fixture = Fixture::start().await;
    fixture.sign_in_with_az().await;
    let functions = fixture.handler(&[("PATH", fixture.folder.path().to_str().unwrap())]).await;
    functions.assert_created().await;
    functions.log().await;

    let functions = fixture.handler(&[("PATH", "/nowhere")]).await;
    assert_eq!(functions.create().await.0, 502);
    let log = functions.log().await;
    let cause = log.last().unwrap()["cause"].as_str().unwrap();
    assert!(cause.contains("az not found on PATH") && cause.contains("azd not found on PATH"), "{cause}");
}
