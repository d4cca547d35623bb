//! Error answers of remote stores, by their own error codes.

use std::{error::Error, fmt};

use http::{HeaderMap, StatusCode};

/// Maximum length of an error code. The longest of Azure and S3 have about 50 characters.
const MAX_CODE: usize = 64;

/// An error answer of a remote store, with the store's own code if the answer has one.
///
/// <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreAnswer {
    /// The status of the answer.
    pub status: StatusCode,
    /// The store's error code, such as `NoSuchBucket`.
    pub code: Option<String>,
}

impl Error for StoreAnswer {}

impl fmt::Display for StoreAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.as_u16();
        match &self.code {
            Some(code) => write!(f, "the store answered {status} {code}"),
            None => write!(f, "the store answered {status} without an error code of its own"),
        }
    }
}

impl StoreAnswer {
    /// Reads an answer. Returns `None` for success, and for an answer without a code whose status does not concern records.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        if status.is_success() {
            return None;
        }
        let code = header_code(headers).or_else(|| xml_code(body));
        let concerns_record =
            matches!(status, StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED);
        (code.is_some() || concerns_record).then_some(Self { status, code })
    }

    /// Finds the answer that caused an error of the object store.
    pub(super) fn find(error: &object_store::Error) -> Option<&Self> {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(answer) = error.downcast_ref() {
                return Some(answer);
            }
            cause = error.source();
        }
        None
    }

    /// Returns whether the store has no object of this name. A missing container or bucket has another code.
    pub(super) fn is_missing_object(&self) -> bool {
        matches!(self.code(), "NoSuchKey" | "BlobNotFound") && self.status == StatusCode::NOT_FOUND
    }

    /// Returns whether the condition of a write did not hold, because another write was first.
    pub(super) fn is_changed_object(&self) -> bool {
        match self.status {
            // RFC 9110 section 15.5.13. A lease has the same status and another code.
            StatusCode::PRECONDITION_FAILED => matches!(self.code(), "" | "PreconditionFailed" | "ConditionNotMet"),
            StatusCode::CONFLICT => self.code() == "BlobAlreadyExists",
            _ => false,
        }
    }

    /// Returns whether S3 was busy with another write of the same object, so that this one must be repeated.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    pub(super) fn is_busy_object(&self) -> bool {
        matches!(self.code(), "ConditionalRequestConflict" | "OperationAborted") && self.status == StatusCode::CONFLICT
    }

    /// Returns the code, an empty text if there is none.
    pub(super) fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }
}

fn header_code(headers: &HeaderMap) -> Option<String> {
    code(headers.get("x-ms-error-code")?.to_str().ok()?)
}

fn xml_code(body: &[u8]) -> Option<String> {
    let (_, rest) = std::str::from_utf8(body).ok()?.split_once("<Code>")?;
    code(rest.split_once("</Code>")?.0)
}

fn code(text: &str) -> Option<String> {
    let is_code = (1..=MAX_CODE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    is_code.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(status: u16, body: &str) -> Option<StoreAnswer> {
        StoreAnswer::read(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn code_is_that_of_the_header_or_of_the_xml_body() {
        let xml = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>The bucket</Message></Error>";
        assert_eq!(read(404, xml).unwrap().to_string(), "the store answered 404 NoSuchBucket");
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-ms-error-code"),
            HeaderValue::from_static("ContainerNotFound"),
        )]);
        let answer = StoreAnswer::read(StatusCode::NOT_FOUND, &headers, xml.as_bytes()).unwrap();
        assert_eq!(answer.code(), "ContainerNotFound");
    }

    #[test]
    fn answer_of_another_server_has_no_code_and_is_no_missing_record() {
        for body in
            ["", "<html>404</html>", "<Code></Code>", "<Code>a b</Code>", "<Code>NoSuchKey", &"<Code>".repeat(99)]
        {
            let answer = read(404, body).unwrap();
            assert_eq!(answer.to_string(), "the store answered 404 without an error code of its own", "{body}");
            assert!(!answer.is_missing_object());
        }
        // The object store knows what a status means for credentials.
        assert_eq!(read(403, "<html>403</html>"), None);
        assert_eq!(read(200, "<Code>NoSuchKey</Code>"), None);
    }

    #[test]
    fn only_a_failed_condition_is_a_changed_record() {
        for (status, code, [missing, changed, busy]) in [
            (404, "NoSuchKey", [true, false, false]),
            (404, "BlobNotFound", [true, false, false]),
            (404, "NoSuchBucket", [false; 3]),
            (404, "ContainerNotFound", [false; 3]),
            (412, "PreconditionFailed", [false, true, false]),
            (412, "ConditionNotMet", [false, true, false]),
            (412, "LeaseIdMissing", [false; 3]),
            (409, "BlobAlreadyExists", [false, true, false]),
            (409, "BlobImmutableDueToPolicy", [false; 3]),
            (409, "ContainerBeingDeleted", [false; 3]),
            (409, "ConditionalRequestConflict", [false, false, true]),
            (409, "OperationAborted", [false, false, true]),
            (403, "AccessDenied", [false; 3]),
        ] {
            let answer = read(status, &format!("<Error><Code>{code}</Code></Error>")).unwrap();
            let is = [answer.is_missing_object(), answer.is_changed_object(), answer.is_busy_object()];
            assert_eq!(is, [missing, changed, busy], "{answer}");
        }
        assert!(read(412, "").unwrap().is_changed_object(), "a store without codes");
    }
}
