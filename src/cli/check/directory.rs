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
    let failed = |name, error: &StoreError| Finding::failed(name, causes(error), Some(remedy(&settings.location)));
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

fn remedy(location: &StoreLocation) -> Remedy {
    let (likely_cause, remedy) = match location {
        StoreLocation::Blob { emulated: true, .. } => {
            ("Azurite does not run, or the container does not exist", "start Azurite and create the container")
        }
        StoreLocation::Blob { .. } => (
            "the container does not exist, the identity has no role on it, or a firewall blocks the connection",
            "create the container, assign the role 'Storage Blob Data Contributor' on it, and wait up to 10 minutes",
        ),
        StoreLocation::S3 { .. } => (
            "the bucket does not exist, or the credentials lack a permission",
            "create the bucket, and allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket",
        ),
        StoreLocation::Files(_) | StoreLocation::Memory => (
            "this user may not read and write the folder, or the disk is full",
            "run the check as the user of the service, and give that user access to the folder",
        ),
    };
    Remedy { likely_cause: likely_cause.into(), remedy: remedy.into() }
}
