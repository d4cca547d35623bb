//! Errors of the directory's store, with their likely causes and remedies.

use std::{
    error::Error,
    io::{self, ErrorKind},
};

use acs_identity::http::TlsError;
use http::StatusCode;

use super::answer::StoreAnswer;
use crate::remedy::Remedy;

/// An error of the directory's store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store refused a request.
    #[error(transparent)]
    Refused(StoreAnswer),
    /// The store could not be used for another reason.
    #[error("the store failed")]
    ObjectStore(#[source] object_store::Error),
    /// The object store did not answer within 6 seconds.
    #[error("the store did not answer in time")]
    TimedOut,
    /// An object in the store is not a record.
    #[error("the object is not a record of a user directory")]
    InvalidRecord,
    /// A user has one identity under each of two keys.
    #[error("the user has another identity in the record of the first key; remove one of the two records")]
    OtherIdentity,
    /// The HTTP client cannot be built, or the machine has no root certificates.
    #[error(transparent)]
    Http(#[from] TlsError),
    /// The folder cannot be read or written.
    #[error("the folder cannot be used")]
    Folder(#[from] io::Error),
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        StoreAnswer::find(&error).cloned().map_or(Self::ObjectStore(error), Self::Refused)
    }
}

impl StoreError {
    /// Returns the remedy, `None` if the error is likely to pass without the operator.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        let (likely_cause, remedy) = match self {
            Self::Refused(answer) => of_answer(answer)?,
            Self::ObjectStore(error) => of_folder(io_kind(error)?)?,
            Self::Folder(error) => of_folder(error.kind())?,
            Self::InvalidRecord => (
                "another program, or a later version of this one, has written the object",
                "restore the record from a backup, or use the version that wrote it",
            ),
            Self::TimedOut | Self::OtherIdentity | Self::Http(_) => return None,
        };
        Some(Remedy { likely_cause: likely_cause.into(), remedy: remedy.into() })
    }
}

/// A likely cause and its remedy.
type Known = (&'static str, &'static str);

fn of_answer(answer: &StoreAnswer) -> Option<Known> {
    Some(match (answer.status, answer.code()) {
        (_, "NoSuchBucket" | "ContainerNotFound" | "ContainerBeingDeleted" | "ResourceNotFound") => (
            "the container or bucket of USER_DIRECTORY does not exist",
            "create the container or bucket, or correct USER_DIRECTORY",
        ),
        (_, code) if code.starts_with("Lease") => (
            "another program holds a lease on the record, so the record cannot be changed",
            "break the lease, and let no other program lease records of the directory",
        ),
        (_, code) if code.contains("Immutable") => (
            "an immutability policy or a legal hold protects the record, so the record cannot be changed",
            "remove the policy or hold from the container; the directory must be able to replace its records",
        ),
        (_, "PermanentRedirect" | "AuthorizationHeaderMalformed" | "TemporaryRedirect") => {
            ("the bucket is in another region", "set AWS_REGION to the region of the bucket")
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => (
            "the identity of this service has no permission on the container or bucket, or a firewall of the store refuses it",
            "assign the role Storage Blob Data Contributor on the container, or allow s3:GetObject, s3:PutObject, \
             s3:DeleteObject and s3:ListBucket",
        ),
        (StatusCode::NOT_IMPLEMENTED, _) => {
            ("the store has no conditional writes", "use a store with conditional writes (If-Match and If-None-Match)")
        }
        (StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED, "") => (
            "a proxy or another server answers in place of the store",
            "compare USER_DIRECTORY and AWS_ENDPOINT_URL_S3 with the address of the store, and check the outbound network",
        ),
        _ => return None,
    })
}

fn of_folder(kind: ErrorKind) -> Option<Known> {
    Some(match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => (
            "the disk of USER_DIRECTORY is full, or a quota is reached",
            "free space on the disk or enlarge it; existing records are complete",
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => (
            "this service may not write the folder of USER_DIRECTORY",
            "give the user of this process read and write access to the folder",
        ),
        ErrorKind::NotFound | ErrorKind::NotADirectory => (
            "the folder of USER_DIRECTORY was removed, or its disk is not mounted",
            "mount the disk or restore the folder, then restart this service",
        ),
        _ => return None,
    })
}

/// Returns the kind of the I/O error that caused an error of the object store.
fn io_kind(error: &object_store::Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_for_the_operator_have_a_cause_and_a_remedy() {
        let refused = |status, code: &str| {
            let code = Some(code.to_owned()).filter(|code| !code.is_empty());
            StoreError::Refused(StoreAnswer { status: StatusCode::from_u16(status).unwrap(), code })
        };
        let folder = |kind: ErrorKind| StoreError::Folder(kind.into());
        for (error, cause, todo) in [
            (refused(404, "NoSuchBucket"), "does not exist", "create the container or bucket"),
            (refused(404, "ContainerNotFound"), "does not exist", "correct USER_DIRECTORY"),
            (refused(409, "ContainerBeingDeleted"), "does not exist", "create"),
            (refused(412, "LeaseIdMissing"), "holds a lease", "break the lease"),
            (refused(409, "BlobImmutableDueToPolicy"), "immutability policy", "remove the policy"),
            (refused(301, "PermanentRedirect"), "another region", "AWS_REGION"),
            (refused(403, "AuthorizationPermissionMismatch"), "no permission", "Storage Blob Data Contributor"),
            (refused(403, "AccessDenied"), "no permission", "s3:PutObject"),
            (refused(501, "NotImplemented"), "conditional writes", "If-None-Match"),
            (refused(404, ""), "a proxy", "compare USER_DIRECTORY"),
            (folder(ErrorKind::StorageFull), "is full", "free space"),
            (folder(ErrorKind::QuotaExceeded), "a quota", "enlarge"),
            (folder(ErrorKind::ReadOnlyFilesystem), "may not write", "read and write access"),
            (folder(ErrorKind::NotFound), "was removed", "mount the disk"),
            (StoreError::InvalidRecord, "another program", "backup"),
        ] {
            let Remedy { likely_cause, remedy } = error.remedy().unwrap();
            assert!(likely_cause.contains(cause) && remedy.contains(todo), "{error}: {likely_cause}; {remedy}");
        }
        for error in [refused(409, "ConditionalRequestConflict"), refused(503, "SlowDown"), StoreError::TimedOut] {
            assert_eq!(error.remedy(), None, "{error}");
        }
    }
}
