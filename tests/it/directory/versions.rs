//! Records of other versions, as docs/upgrading.md describes them.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::{
    fixture::{ALICE, Fixture},
    service::{DELETE, REVOKE, TOKEN},
    store::TestStore,
};
use crate::{docs, harness};

async fn folder() -> Fixture {
    Fixture::new(Arc::new(TestStore::folder()), harness::emulator().await.0).await
}

/// Returns the only record in the folder.
fn record(fixture: &Fixture) -> Value {
    let records = fixture.store.records();
    assert_eq!(records.len(), 1);
    serde_json::from_slice(records.values().next().unwrap()).unwrap()
}

#[tokio::test]
async fn record_of_a_later_version_gives_no_token_and_stays_as_it_is() {
    let fixture = folder().await;
    let authorization = fixture.sign_in(ALICE).await;
    fixture.service().await.token(&authorization).await;
    let mut later = record(&fixture);
    later["later"] = json!(true);
    fixture.store.overwrite_records(later.to_string().as_bytes());

    let service = fixture.service().await;
    for call in [TOKEN, REVOKE, DELETE] {
        let (status, body) = service.start_call(&authorization, call.clone()).await.unwrap().unwrap();
        assert_eq!((status, &body["code"]), (503, &json!("directory-unavailable")), "{call:?}");
    }
    assert_eq!(record(&fixture), later);
    let (existing, ever) = fixture.identities().await;
    assert_eq!((existing.len(), ever), (1, 1));
}

#[tokio::test]
async fn record_of_an_earlier_version_keeps_its_identity() {
    let fixture = folder().await;
    let authorization = fixture.sign_in(ALICE).await;
    let (id, _) = fixture.service().await.token(&authorization).await;
    // Records of the first version had no user.
    fixture.store.overwrite_records(json!({ "identity": id }).to_string().as_bytes());
    assert_eq!(fixture.service().await.token(&authorization).await.0, id);
    assert_eq!(fixture.identities().await.1, 1);
}

#[tokio::test]
async fn the_document_lists_the_members_of_records() {
    let fixture = folder().await;
    let authorization = fixture.sign_in(ALICE).await;
    let service = fixture.service().await;
    service.token(&authorization).await;
    let user = json!({ "issuer": fixture.issuer(), "subject": ALICE });
    assert_eq!(service.start_call_of_back_end("users/block", &user).await.unwrap().unwrap().0, 204);

    let mut written: BTreeSet<String> = record(&fixture).as_object().unwrap().keys().cloned().collect();
    written.insert("leaving".to_owned()); // only while an identity is being deleted
    let text = docs::read("docs/upgrading.md");
    let (_, table) = text.split_once("| member | meaning | since |\n|---|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let documented: BTreeSet<String> = rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(documented, written);
}
