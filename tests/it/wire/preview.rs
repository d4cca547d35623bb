//! What only api-version 2025-03-02-preview has, by its specification and by recorded traffic.

use acs_tokens::acs::{
    Client, Error,
    error::{Fault, Kind},
    types::{ApiVersion, CustomId, IdentityId, Scope, TokenLifetime, TokenRequest},
};
use tokio::task::JoinHandle;

use super::{ID, PATH, Received, answer, id, once_in};

const CREATE: &str = "/identities?api-version=2025-03-02-preview";
/// The token in the specification's example.
const TOKEN: &str = r#"{"token":"token","expiresOn":"2023-10-10T21:39:39.3244584+00:00"}"#;

async fn once(status: &str, body: &str) -> (Client, JoinHandle<Received>) {
    once_in(ApiVersion::preview(), answer(status, body)).await
}

fn custom_id(text: &str) -> CustomId {
    text.parse().unwrap()
}

#[tokio::test]
async fn creates_an_identity_for_a_custom_id_with_a_token() {
    let identity = format!(
        r#"{{"customId":"sally@contoso.com","id":"{ID}","lastTokenIssuedAt":"2025-02-10T21:39:39.3244584+00:00"}}"#
    );
    let (client, received) = once("201 Created", &format!(r#"{{"identity":{identity},"accessToken":{TOKEN}}}"#)).await;
    let token = TokenRequest::new(Scope::ALL.to_vec(), Some(TokenLifetime::MIN)).unwrap();
    let created = client.create_identity_for(&custom_id("sally@contoso.com"), Some(&token)).await.unwrap();
    assert_eq!((created.id.as_str(), created.token.as_ref().unwrap().expose()), (ID, "token"));
    assert_eq!(created.last_token_issued_at, Some("2025-02-10T21:39:39.3244584Z".parse().unwrap()));
    assert!(!format!("{created:?}").contains("sally"));
    let body = r#"{"customId":"sally@contoso.com","createTokenWithScopes":["chat","voip","chat.join","chat.join.limited","voip.join"],"expiresInMinutes":60}"#;
    received.await.unwrap().assert("POST", CREATE, body);
}

#[tokio::test]
async fn creates_an_identity_for_a_custom_id_alone() {
    let recorded = format!(r#"{{"identity":{{"customId":"bob@contoso.com","id":"{ID}"}}}}"#);
    let (client, received) = once("201 Created", &recorded).await;
    let created = client.create_identity_for(&custom_id("bob@contoso.com"), None).await.unwrap();
    assert_eq!(created.id.as_str(), ID);
    assert!(created.token.is_none() && created.last_token_issued_at.is_none());
    received.await.unwrap().assert("POST", CREATE, r#"{"customId":"bob@contoso.com"}"#);
}

#[tokio::test]
async fn does_not_believe_an_identity_without_the_custom_id() {
    let with = |custom_id: &str| format!(r#"{{"identity":{{{custom_id}"id":"{ID}"}}}}"#);
    for body in [with(""), with(r#""customId":null,"#), with(r#""customId":"Bob@contoso.com","#)] {
        let (client, _received) = once("201 Created", &body).await;
        match client.create_identity_for(&custom_id("bob@contoso.com"), None).await {
            Err(Error::InvalidResponse { status, fault: Fault::Body }) => assert_eq!(status.as_u16(), 201),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn knows_the_error_of_many_identities_by_its_code() {
    // Its status is recorded nowhere.
    let body = r#"{"error":{"code":"MultipleIdentitiesForCustomId","message":"Several."}}"#;
    for status in ["400 Bad Request", "409 Conflict", "422 Unprocessable Entity"] {
        let (client, _received) = once(status, body).await;
        let Err(Error::Service(error)) = client.create_identity_for(&custom_id("bob@contoso.com"), None).await else {
            panic!("no error")
        };
        assert_eq!(error.kind, Kind::MultipleIdentities);
    }
}

#[tokio::test]
async fn gets_an_identity() {
    let recorded =
        format!(r#"{{"customId":"alice@contoso.com","lastTokenIssuedAt":"2025-04-14T15:32:27+00:00","id":"{ID}"}}"#);
    let (client, received) = once("200 OK", &recorded).await;
    let details = client.get_identity(&id()).await.unwrap();
    assert_eq!((details.id.as_str(), details.custom_id), (ID, Some(custom_id("alice@contoso.com"))));
    assert_eq!(details.last_token_issued_at, Some("2025-04-14T15:32:27Z".parse().unwrap()));
    received.await.unwrap().assert("GET", &format!("{PATH}?api-version=2025-03-02-preview"), "");

    let (client, _received) = once("200 OK", &format!(r#"{{"id":"{ID}"}}"#)).await;
    let details = client.get_identity(&id()).await.unwrap();
    assert!(details.custom_id.is_none() && details.last_token_issued_at.is_none());
    assert_eq!(details.id, ID.parse::<IdentityId>().unwrap());
}
