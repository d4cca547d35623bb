//! `DELETE me`: the signed-in person's identity ends with all its tokens, and it is forgotten whose it was.

use std::sync::{Arc, OnceLock};

use http::StatusCode;

use super::me::{self, Me};
use crate::{auth::audit::Auditor, directory::Witness, problem::Problem};

/// Forgets the person: 204, also where there is nothing to forget.
///
/// # Errors
/// See [`Problem`].
pub async fn handle(Me { user, directory }: Me, auditor: Auditor) -> Result<StatusCode, Problem> {
    let mut record = auditor.record("delete-me");
    // The directory does not say whose end it was; the deed does.
    let deleted = Arc::new(OnceLock::new());
    let (tell, note) = (me::witness(&auditor), deleted.clone());
    let witness: Witness = Arc::new(move |deed, id| {
        tell(deed, id);
        note.get_or_init(|| id.clone());
    });
    let forgotten = directory.delete_user(user, &witness).await;
    if let Some(id) = deleted.get() {
        record.identity(id);
    }
    record.settle(forgotten)?;
    Ok(StatusCode::NO_CONTENT)
}
