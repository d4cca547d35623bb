//! The sources of AWS credentials that the object store knows: each reaches S3 by the environment alone.

use std::sync::Arc;

use acs_tokens::directory::{DirectoryAdmin, DirectoryKey, DirectorySettings};
use axum::{Router, extract::Request, http::HeaderMap, response::IntoResponse as _};
use http::{Method, StatusCode};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use super::{
    fixture::{ALICE, Fixture},
    service::Service,
    stand_in::{Kind, StandIn},
    store::TestStore,
};
use crate::harness;

const TOKEN: &str = "a-token-of-the-pod";

/// The credentials in the form of EC2, ECS and EKS.
const JSON: &str =
    r#"{"AccessKeyId":"AKIAMADEUP","SecretAccessKey":"s","Token":"session","Expiration":"2099-01-01T00:00:00Z"}"#;

const STS: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
    <AccessKeyId>AKIAMADEUP</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken>\
    <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
    </AssumeRoleWithWebIdentityResponse>";

/// Answers as EKS Pod Identity, STS and the metadata service of EC2.
async fn answer(request: Request) -> axum::response::Response {
    let has_token = |headers: &HeaderMap| headers.get("authorization").is_some_and(|value| value == TOKEN);
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/v1/credentials") if has_token(request.headers()) => JSON.into_response(),
        (&Method::POST, "/") => STS.into_response(),
        (&Method::PUT, "/latest/api/token") => "imds".into_response(),
        (&Method::GET, "/latest/meta-data/iam/security-credentials/") => "role".into_response(),
        (&Method::GET, "/latest/meta-data/iam/security-credentials/role") => JSON.into_response(),
        _ => StatusCode::FORBIDDEN.into_response(),
    }
}

#[tokio::test]
async fn token_file_with_a_line_break_is_an_error_at_the_start() {
    let token = NamedTempFile::new().unwrap();
    std::fs::write(token.path(), format!("{TOKEN}\n")).unwrap();
    let file = token.path().to_str().unwrap().to_owned();
    let aws = vec![("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE".to_owned(), file)];
    let settings = DirectorySettings::at("s3://users".parse().unwrap(), DirectoryKey::random());
    let error = DirectoryAdmin::open(&DirectorySettings { aws, ..settings }).unwrap_err();
    let error = acs_identity::causes(&error);
    assert!(
        error.contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: the token in the file has a line break"),
        "{error}"
    );
}

#[tokio::test]
async fn credentials_of_pods_roles_and_instances_reach_s3() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let token = NamedTempFile::new().unwrap();
    std::fs::write(token.path(), TOKEN).unwrap();
    let (file, pod) = (token.path().to_str().unwrap(), format!("{server}/v1/credentials"));

    let pod = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*pod), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)];
    let role = [("AWS_WEB_IDENTITY_TOKEN_FILE", file), ("AWS_ROLE_ARN", "arn:a"), ("AWS_ENDPOINT_URL_STS", &server)];
    let instance = [("AWS_METADATA_ENDPOINT", &*server)];
    for source in [&pod[..], &role, &instance] {
        let stand_in = StandIn::start(Kind::S3).await;
        let store = TestStore::without_credentials(&stand_in);
        let fixture = Fixture::new(Arc::new(store), harness::emulator().await.0).await;
        let acs = fixture.acs.connection_string();
        let settings = [source, &[("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs)]].concat();
        let service = Service::start(&fixture, &settings).await;
        fixture.assert_token(&service.token(&fixture.sign_in(ALICE).await).await).await;
        let authorization = stand_in.authorization();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAMADEUP/"), "{source:?}: {authorization}");
    }
}
