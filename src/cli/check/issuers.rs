//! Checks that the keys of each issuer can be fetched and that its discovery document names it.

use futures_util::future::join_all;

use super::report::Finding;
use crate::auth::{Bearer, bearer::Issuer};

pub(super) async fn examine(bearer: Option<&Bearer>) -> Vec<Finding> {
    join_all(bearer.into_iter().flat_map(Bearer::issuers).map(examine_issuer)).await
}

async fn examine_issuer(issuer: &Issuer) -> Finding {
    match issuer.verify().await {
        Ok(verified) => Finding::ok("issuer", format!("{} has {} usable keys", issuer.name(), verified.usable_keys)),
        Err(error) => Finding::failed("issuer", error.to_string(), None),
    }
}
