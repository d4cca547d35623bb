//! Checks that the user directory can be read and that its store obeys the conditions of writes.

use std::borrow::Cow;

use acs_identity::causes;

use super::report::Finding;
use crate::{
    directory::{DirectoryAdmin, DirectorySettings, StoreError, StoreLocation},
    remedy::Remedy,
};

pub(super) async fn examine(settings: Option<&DirectorySettings>) -> Vec<Finding> {
    let Some(settings) = settings else { return Vec::new() };
    match &settings.location {
        StoreLocation::Memory => return vec![Finding::ok("directory", "is in the memory of the process".to_owned())],
        // Created here, it would belong to the user that runs the check.
        StoreLocation::Files(folder) if !folder.is_dir() => {
            return vec![Finding::unknown("directory", "the folder does not exist; the service creates it")];
        }
        _ => {}
    }
    let remedy = |error: &StoreError| error.remedy().unwrap_or_else(|| remedy(&settings.location));
    let failed = |name, error: &StoreError| Finding::failed(name, causes(error), Some(remedy(error)));
    let admin = match DirectoryAdmin::open(settings) {
        Ok(admin) => admin,
        Err(error) => return vec![failed("directory", &error)],
    };
    if let Err(error) = admin.try_read().await {
        return vec![failed("directory", &error), Finding::unknown("conditions", "the store cannot be read")];
    }
    let conditions = match admin.obeys_conditions().await {
        Ok(true) => Finding::ok("conditions", "the store rejects writes whose condition does not hold".to_owned()),
        Ok(false) => {
            let detail = "the store accepts writes whose condition does not hold".to_owned();
            Finding::failed("conditions", detail, Some(CONDITIONS))
        }
        Err(error) => failed("conditions", &error),
    };
    vec![Finding::ok("directory", "can be read".to_owned()), conditions]
}

const CONDITIONS: Remedy = Remedy {
    likely_cause: Cow::Borrowed("the store or a proxy in front of it ignores If-None-Match or If-Match"),
    remedy: Cow::Borrowed(
        "use a store with conditional writes: with this one, concurrent requests of a user create several identities",
    ),
};

/// Returns the remedy for an error that has none of its own, such as a connection that failed.
fn remedy(location: &StoreLocation) -> Remedy {
    let (likely_cause, remedy) = match location {
        StoreLocation::Blob { emulated: true, .. } => {
            ("Azurite does not run at this address", "start Azurite and create the container")
        }
        StoreLocation::Blob { .. } => (
            "the name of the storage account does not resolve, a firewall blocks the connection, or Entra issued no token",
            "compare USER_DIRECTORY with the storage account, and check its firewall and the identity of the service",
        ),
        StoreLocation::S3 { .. } => (
            "the address of the store is wrong, a firewall blocks the connection, or there are no credentials",
            "compare USER_DIRECTORY, AWS_REGION and AWS_ENDPOINT_URL_S3 with the store, and check the credentials of AWS",
        ),
        StoreLocation::Files(_) | StoreLocation::Memory => (
            "this user may not use the folder",
            "run the check as the user of the service, and give that user access to the folder",
        ),
    };
    Remedy { likely_cause: likely_cause.into(), remedy: remedy.into() }
}
