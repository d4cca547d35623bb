//! The requests for Teams Phone, and the results of their responses.

use acs_identity::{Error, ErrorKind, TeamsPhoneAssignment, TeamsPhoneUser};
use secrecy::SecretString;

use super::{NO_CONTENT, TOKEN, content_hash, once, response, server, server_of};

const TARGET: &str = "/access/teamsExtension/tenants/c70d068c-2f32-484d-9455-73070cd5aadd/assignments/\
                      b27b64b9-39d2-44a3-869d-67700b74e805?api-version=2025-06-30";
const SAVED: &str = r#"{"objectId":"b27b64b9-39d2-44a3-869d-67700b74e805","tenantId":"c70d068c-2f32-484d-9455-73070cd5aadd","principalType":"teamsResourceAccount","clientIds":["07474a86-625a-452f-977b-db4e13f21260"]}"#;
const ID: &str = "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_c70d068c-2f32-484d-9455-73070cd5aadd_b27b64b9-39d2-44a3-869d-67700b74e805";

fn user() -> TeamsPhoneUser {
    TeamsPhoneUser {
        tenant_id: "c70d068c-2f32-484d-9455-73070cd5aadd".parse().unwrap(),
        object_id: "b27b64b9-39d2-44a3-869d-67700b74e805".parse().unwrap(),
    }
}

fn error(status: &str, code: &str) -> String {
    response(status, &format!(r#"{{"error":{{"code":"{code}","message":"{code}: m"}}}}"#))
}

fn kind(error: Error) -> ErrorKind {
    match error {
        Error::Service(error) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn exchange_is_authorized_by_the_users_token_alone() {
    let answer = format!(r#"{{"identity":{{"id":"{ID}"}},"accessToken":{TOKEN}}}"#);
    let (client, received) = once(response("200 OK", &answer)).await;
    let token = SecretString::from("e.n.tra");
    let exchanged = client.exchange_teams_phone_token(&token).await.unwrap();
    assert_eq!((exchanged.id.as_str(), exchanged.token.expose()), (ID, "t.o.k"));
    let [request] = received.await.unwrap();
    assert_eq!(request.line, "POST /access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30 HTTP/1.1");
    assert_eq!((request.body.as_str(), request.header("content-type")), ("{}", "application/json"));
    assert_eq!(request.header("authorization"), "Bearer e.n.tra");
    for name in ["x-ms-date", "x-ms-content-sha256"] {
        assert_eq!(request.header(name), "", "a header of the access key's signature");
    }
}

#[tokio::test]
async fn assignment_is_put_read_and_deleted_with_a_signature() {
    let answers = [response("201 Created", SAVED), response("200 OK", SAVED), response("200 OK", SAVED)];
    let [created, replaced, read] = answers;
    let (client, received) = server([created, replaced, read, NO_CONTENT.to_owned()]).await;
    let assignment = TeamsPhoneAssignment {
        principal_type: "teamsResourceAccount".to_owned(),
        client_ids: vec!["07474a86-625a-452f-977b-db4e13f21260".parse().unwrap()],
    };
    assert_eq!(client.put_teams_phone_assignment(user(), &assignment).await.unwrap(), assignment);
    let unrestricted = TeamsPhoneAssignment { client_ids: Vec::new(), principal_type: "User".to_owned() };
    client.put_teams_phone_assignment(user(), &unrestricted).await.unwrap();
    assert_eq!(client.teams_phone_assignment(user()).await.unwrap(), Some(assignment));
    client.delete_teams_phone_assignment(user()).await.unwrap();
    let [put, replace, get, delete] = received.await.unwrap();
    let body = r#"{"principalType":"teamsResourceAccount","clientIds":["07474a86-625a-452f-977b-db4e13f21260"]}"#;
    put.assert("PUT", TARGET, body);
    replace.assert("PUT", TARGET, r#"{"principalType":"User"}"#);
    get.assert("GET", TARGET, "");
    delete.assert("DELETE", TARGET, "");
    assert_eq!(get.header("x-ms-content-sha256"), content_hash(b""));
}

#[tokio::test]
async fn the_newest_version_is_sent_if_it_is_chosen() {
    let newest = TARGET.replace("2025-06-30", "2026-09-23");
    let exchanged = format!(r#"{{"identity":{{"id":"{ID}"}},"accessToken":{TOKEN}}}"#);
    let answers = [response("201 Created", SAVED), response("200 OK", SAVED), response("200 OK", &exchanged)];
    let [put, get, exchange] = answers;
    let version = "2026-09-23".parse().unwrap();
    let (client, received) = server_of(version, [put, get, exchange, NO_CONTENT.to_owned()]).await;
    let assignment = TeamsPhoneAssignment { principal_type: "user".to_owned(), client_ids: Vec::new() };
    client.put_teams_phone_assignment(user(), &assignment).await.unwrap();
    client.teams_phone_assignment(user()).await.unwrap();
    client.exchange_teams_phone_token(&SecretString::from("e.n.tra")).await.unwrap();
    client.delete_teams_phone_assignment(user()).await.unwrap();
    let [put, get, exchange, delete] = received.await.unwrap();
    put.assert("PUT", &newest, r#"{"principalType":"user"}"#);
    get.assert("GET", &newest, "");
    assert_eq!(exchange.line, "POST /access/teamsExtension/:exchangeAccessToken?api-version=2026-09-23 HTTP/1.1");
    delete.assert("DELETE", &newest, "");
}

#[tokio::test]
async fn missing_assignment_is_none_only_if_acs_says_so() {
    let missing = error("404 Not Found", "NotFound");
    let (client, received) = server([missing.clone(), missing]).await;
    assert_eq!(client.teams_phone_assignment(user()).await.unwrap(), None);
    client.delete_teams_phone_assignment(user()).await.unwrap();
    received.await.unwrap();
    // Another server's 404 is retried.
    let page = response("404 Not Found", "<html>");
    let (client, received) = server([page.clone(), page.clone(), page]).await;
    assert_eq!(kind(client.teams_phone_assignment(user()).await.unwrap_err()), ErrorKind::Other);
    received.await.unwrap();
}

#[tokio::test]
async fn refusals_of_the_exchange_have_kinds_and_are_not_retried() {
    for (status, code, expected) in [
        ("403 Forbidden", "UserLicenseNotPresentForbidden", ErrorKind::LicenseMissing),
        ("403 Forbidden", "SubscriptionNotAllowed", ErrorKind::SubscriptionNotAllowed),
        ("403 Forbidden", "Forbidden", ErrorKind::NotAssigned),
        ("403 Forbidden", "Denied", ErrorKind::NotAssigned),
        ("401 Unauthorized", "Denied", ErrorKind::InvalidAccessToken),
        ("401 Unauthorized", "InvalidAccessToken", ErrorKind::InvalidAccessToken),
        // The message begins with the number.
        ("403 Forbidden", "AADSTS650052", ErrorKind::ServicePrincipalMissing),
        ("401 Unauthorized", "AADSTS500011", ErrorKind::ServicePrincipalMissing),
        ("403 Forbidden", "AADSTS65001", ErrorKind::NotAssigned),
    ] {
        let (client, received) = once(error(status, code)).await;
        let result = client.exchange_teams_phone_token(&SecretString::from("e.n.tra")).await;
        assert_eq!(kind(result.unwrap_err()), expected, "{status} {code}");
        received.await.unwrap();
    }
}
