//! The texts of the refusals of Teams Phone.

use serde_json::json;

use super::assert_texts;
use crate::harness::Api;

#[tokio::test]
async fn texts_of_teams_phone() {
    let api = Api::direct().await;
    let claims = json!({
        "aud": "https://auth.msft.communication.azure.com", "scp": "TeamsExtension.ManageCalls",
    });
    let token = api.control("POST", "oidc/tokens", Some(json!({ "claims": claims }))).await["token"].clone();
    let body = json!({ "token": token }).to_string();
    for (code, detail) in [
        (
            "UserLicenseNotPresentForbidden",
            "The user has no license for Teams Phone. Ask the administrator of the tenant to assign one.",
        ),
        (
            "SubscriptionNotAllowed",
            "The ACS resource does not have Teams Phone. Ask the operator of this service to request it from Microsoft.",
        ),
        (
            "AADSTS650052",
            "ACS has no service principal in the user's tenant. Ask the administrator of the tenant to create it: az ad sp \
             create --id 1fd5118e-2576-4263-8130-9503064c837a",
        ),
        (
            "Forbidden",
            "The user or the application is not assigned to the ACS resource, or ACS has no service principal in the \
             tenant. Ask the operator of this service.",
        ),
    ] {
        let error = json!({ "error": { "code": code, "message": code } }).to_string();
        api.control("POST", "faults", Some(json!({ "answer": { "status": 403, "body": error } }))).await;
        assert_texts(&api.post("/api/teams-phone/tokens", &body).await, code, detail, &[]);
    }
    let claims = json!({ "aud": "x", "scp": "x" });
    let token = api.control("POST", "oidc/tokens", Some(json!({ "claims": claims }))).await["token"].clone();
    let answer = api.post("/api/teams-phone/tokens", &json!({ "token": token }).to_string()).await;
    let errors = &[
        (
            "/token",
            "Its aud is not Azure Communication Services. Request the scope \
             https://auth.msft.communication.azure.com/TeamsExtension.ManageCalls.",
        ),
        ("/token", "Its scp does not have TeamsExtension.ManageCalls. Request this scope and consent to it."),
    ];
    let detail = "The Teams user's token cannot be exchanged, so ACS was not called. See errors for each claim.";
    assert_texts(&answer, "claims", detail, errors);
}
