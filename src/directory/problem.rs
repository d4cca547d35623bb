//! The problems that errors of the user directory become.

use super::{Error, StoreError};
use crate::{
    problem::{Kind, Problem},
    request_log,
};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let cause = acs_identity::causes(&error);
        let wait = acs_identity::retry_after(&error);
        let (detail, has_remedy) = match error {
            Error::Acs(error) => return error.into(),
            Error::Store(error) => {
                error.record_remedy();
                ("The user directory could not be reached. Try again later.", error.remedy().is_some())
            }
            Error::Blocked => {
                let detail = "You are blocked, so nothing was done. Ask the operator of this service to unblock you.";
                return Self::new(Kind::Blocked, detail);
            }
            Error::PassUsedUp => {
                let detail = "Other guests have taken all uses of the pass. If you have used it before, send the same \
                              guest as then. Otherwise ask the sender for a new link.";
                return Self::new(Kind::PassUsedUp, detail);
            }
            Error::PassEnded => {
                return Self::new(Kind::PassEnded, "The pass was ended. Ask the sender for a new link.");
            }
            Error::Contended => ("Concurrent calls for the same user conflicted. Try again.", false),
        };
        let problem = Self::new(Kind::DirectoryUnavailable, detail).with_cause(cause);
        let problem = match wait {
            Some(wait) => problem.with_retry_after(wait),
            None => problem,
        };
        if has_remedy { problem.for_operator() } else { problem }
    }
}

impl StoreError {
    /// Writes the likely cause and the remedy to the log of the request, if they are known.
    pub fn record_remedy(&self) {
        let Some(remedy) = self.remedy() else { return };
        request_log::record(|log| {
            log.likely_cause = Some(remedy.likely_cause.into_owned());
            log.remedy = Some(remedy.remedy.into_owned());
        });
    }
}
