//! The error answers of a remote store: what each means for the user, and that no request creates a second identity.

use std::sync::Arc;

use acs_tokens::directory::{Error, StoreError};
use http::Method;
use serde_json::Value;

use super::{
    fixture::{ALICE, Fixture, alice},
    service::{Service, TOKEN},
    stand_in::{Kind, StandIn},
    store::TestStore,
};
use crate::harness;

async fn start(kind: Kind) -> (StandIn, Fixture) {
    let stand_in = StandIn::start(kind).await;
    let store = TestStore::of(&stand_in);
    (stand_in, Fixture::new(Arc::new(store), harness::emulator().await.0).await)
}

/// Asserts that an error is an answer of the store with this code.
fn assert_refused(error: &Error, status: u16, code: &str) {
    let Error::Store(StoreError::Refused(answer)) = error else { panic!("{code}: {error:?}") };
    assert_eq!((answer.status.as_u16(), answer.code.as_deref().unwrap_or_default()), (status, code));
}

#[tokio::test]
async fn store_that_cannot_be_read_is_an_error_before_acs_is_asked() {
    for (kind, status, body, code) in [
        (Kind::S3, 404, "<Error><Code>NoSuchBucket</Code></Error>", "NoSuchBucket"),
        (Kind::S3, 403, "<Error><Code>AccessDenied</Code></Error>", "AccessDenied"),
        (Kind::S3, 404, "<html>404</html>", ""),
        (Kind::S3, 404, "", ""),
        (Kind::Blob, 404, "<Error><Code>ContainerNotFound</Code></Error>", "ContainerNotFound"),
        (Kind::Blob, 409, "<Error><Code>ContainerBeingDeleted</Code></Error>", "ContainerBeingDeleted"),
        (Kind::Blob, 404, "<html>404</html>", ""),
    ] {
        let (stand_in, fixture) = start(kind).await;
        let instance = fixture.instance();
        stand_in.fail(Method::GET, status, body, usize::MAX);
        assert_refused(&instance.try_token(alice()).await.unwrap_err(), status, code);
        assert_refused(&instance.try_delete(alice()).await.unwrap_err(), status, code);
        assert_eq!(fixture.acs.count(|_| true), 0, "{code}");
    }
}

#[tokio::test]
async fn record_that_cannot_be_changed_is_an_error_before_acs_is_asked() {
    for (kind, status, body, code) in [
        (Kind::Blob, 412, "<Error><Code>LeaseIdMissing</Code></Error>", "LeaseIdMissing"),
        (Kind::Blob, 409, "<Error><Code>BlobImmutableDueToPolicy</Code></Error>", "BlobImmutableDueToPolicy"),
        (Kind::S3, 403, "<Error><Code>AccessDenied</Code></Error>", "AccessDenied"),
        (Kind::S3, 409, "<Error><Code>ConditionalRequestConflict</Code></Error>", "ConditionalRequestConflict"),
    ] {
        let (stand_in, fixture) = start(kind).await;
        let instance = fixture.instance();
        let issued = instance.token(alice()).await;
        stand_in.fail(Method::PUT, status, body, usize::MAX);
        // A deletion is not begun.
        let calls = fixture.acs.count(|_| true);
        assert_refused(&instance.try_delete(alice()).await.unwrap_err(), status, code);
        assert_eq!(fixture.acs.count(|_| true), calls, "{code}");
        fixture.assert_issued(&issued).await;

        // A user without an identity gets none.
        stand_in.fail(Method::PUT, 0, "", 0);
        assert!(instance.delete(alice()).await);
        stand_in.fail(Method::PUT, status, body, usize::MAX);
        let calls = fixture.acs.count(|_| true);
        assert_refused(&instance.try_token(alice()).await.unwrap_err(), status, code);
        assert_eq!(fixture.acs.count(|_| true), calls, "{code}");
        stand_in.fail(Method::PUT, 0, "", 0);
        fixture.token(&instance).await;
    }
}

#[tokio::test]
async fn failed_first_write_leaves_no_identity_and_creates_one_only() {
    for (kind, status, body, code) in [
        (Kind::S3, 404, "<Error><Code>NoSuchBucket</Code></Error>", "NoSuchBucket"),
        (Kind::S3, 404, "<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey"),
        (Kind::S3, 409, "<Error><Code>ConditionalRequestConflict</Code></Error>", "ConditionalRequestConflict"),
        (Kind::S3, 409, "", ""),
        (Kind::S3, 501, "<Error><Code>NotImplemented</Code></Error>", "NotImplemented"),
        (Kind::S3, 503, "<Error><Code>SlowDown</Code></Error>", "SlowDown"),
        (
            Kind::Blob,
            403,
            "<Error><Code>AuthorizationPermissionMismatch</Code></Error>",
            "AuthorizationPermissionMismatch",
        ),
        (Kind::Blob, 404, "<Error><Code>ContainerNotFound</Code></Error>", "ContainerNotFound"),
        (Kind::Blob, 412, "<Error><Code>LeaseIdMissing</Code></Error>", "LeaseIdMissing"),
    ] {
        let (stand_in, fixture) = start(kind).await;
        stand_in.fail(Method::PUT, status, body, usize::MAX);
        assert_refused(&fixture.instance().try_token(alice()).await.unwrap_err(), status, code);
        fixture.assert_no_identity().await;
        assert_eq!(fixture.identities().await.1, 1, "{code}");
    }
}

#[tokio::test]
async fn write_that_meets_another_is_repeated_with_the_same_identity() {
    for code in ["ConditionalRequestConflict", "OperationAborted"] {
        let body: &str = match code {
            "OperationAborted" => "<Error><Code>OperationAborted</Code></Error>",
            _ => "<Error><Code>ConditionalRequestConflict</Code></Error>",
        };
        let (stand_in, fixture) = start(Kind::S3).await;
        let instance = fixture.instance();
        stand_in.fail(Method::PUT, 409, body, 2);
        let id = fixture.token(&instance).await;
        assert_eq!(stand_in.writes(), 3);
        assert_eq!(instance.recorded(alice()).await, id);
        assert_eq!(fixture.identities().await.1, 1);
        // A deletion writes twice.
        stand_in.fail(Method::PUT, 409, body, 1);
        assert!(instance.delete(alice()).await);
        assert_eq!(stand_in.writes(), 3);
    }
}

/// A store that refuses a condition although nothing has changed.
#[tokio::test]
async fn refused_condition_repeats_the_write_with_the_same_identity() {
    for (kind, status, body) in [
        (Kind::S3, 412, "<Error><Code>PreconditionFailed</Code></Error>"),
        (Kind::S3, 412, ""),
        (Kind::Blob, 409, "<Error><Code>BlobAlreadyExists</Code></Error>"),
    ] {
        for (times, records) in [(2, 1), (usize::MAX, 0)] {
            let (stand_in, fixture) = start(kind).await;
            let instance = fixture.instance();
            stand_in.fail(Method::PUT, status, body, times);
            let answer = instance.try_token(alice()).await;
            assert_eq!(answer.is_ok(), records == 1, "{answer:?}");
            assert!(answer.is_ok() || matches!(answer, Err(Error::Contended)));
            let (existing, created) = fixture.identities().await;
            assert_eq!((existing.len(), created), (records, 1));
        }
    }
}

#[tokio::test]
async fn log_has_the_code_of_the_store_and_the_remedy() {
    let (stand_in, fixture) = start(Kind::S3).await;
    let acs = fixture.acs.connection_string();
    let settings = [("COMMUNICATION_SERVICES_CONNECTION_STRING", &*acs), ("RUST_LOG", "info")];
    let mut service = Service::start(&fixture, &settings).await;
    let user = fixture.sign_in(ALICE).await;
    for (status, body, level, code, remedy) in [
        (404, "<Error><Code>NoSuchBucket</Code></Error>", "ERROR", "404 NoSuchBucket", Some("create the container")),
        (403, "<Error><Code>AccessDenied</Code></Error>", "ERROR", "403 AccessDenied", Some("s3:GetObject")),
        (503, "<Error><Code>SlowDown</Code></Error>", "WARN", "503 SlowDown", None),
    ] {
        stand_in.fail(Method::GET, status, body, usize::MAX);
        let (status, problem) = service.start_call(&user, TOKEN).await.unwrap().unwrap();
        assert_eq!((status, &problem["code"]), (503, &"directory-unavailable".into()));
        let line: Value = service.log_line(|line| line["code"] == "directory-unavailable").await;
        assert_eq!(line["level"], level, "{line}");
        assert!(line["cause"].as_str().unwrap().contains(code), "{line}");
        let logged = line["remedy"].as_str();
        assert!(remedy.map_or(logged.is_none(), |remedy| logged.unwrap().contains(remedy)), "{line}");
    }
}
