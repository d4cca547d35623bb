//! The problems that errors of the user directory become.

use super::Error;
use crate::{
    problem::{Kind, Problem},
    request_log,
};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let cause = acs_identity::causes(&error);
        let wait = acs_identity::retry_after(&error);
        let (detail, remedy) = match error {
            Error::Acs(error) => return error.into(),
            Error::Store(error) => ("The user directory could not be reached. Try again later.", error.remedy()),
            Error::Blocked => {
                let detail = "You are blocked, so nothing was done. Ask the operator of this service to unblock you.";
                return Self::new(Kind::Blocked, detail);
            }
            Error::Contended => ("Concurrent calls for the same user conflicted. Try again.", None),
        };
        let problem = Self::new(Kind::DirectoryUnavailable, detail).with_cause(cause);
        let problem = match wait {
            Some(wait) => problem.with_retry_after(wait),
            None => problem,
        };
        let Some(remedy) = remedy else { return problem };
        request_log::record(|log| {
            log.likely_cause = Some(remedy.likely_cause.into_owned());
            log.remedy = Some(remedy.remedy.into_owned());
        });
        problem.for_operator()
    }
}
