//! The checks of the issuers.

use super::{RESOURCE, check, states};
use crate::{harness, process::free_port};

#[tokio::test]
async fn the_documents_of_each_issuer_are_fetched_and_the_issuer_is_compared() {
    let (address, connection_string) = harness::emulator().await;
    let issuer = format!("{address}/_emulator/oidc");
    let unused = format!("http://{}", free_port().await);
    let issuers = format!("{issuer},{issuer}/,{unused}");
    let environment = [
        (RESOURCE, &*connection_string),
        ("OIDC_ISSUERS", &issuers),
        ("OIDC_AUDIENCES", "app"),
        ("USER_DIRECTORY", "memory:"),
    ];
    let (code, report) = check(&environment).await;
    assert_eq!(code, 1);
    assert_eq!(states(&report, &["issuer"]), [("issuer", "ok"), ("issuer", "failed"), ("issuer", "failed")]);
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == "issuer");
    let details: Vec<&str> = checks.map(|check| check["detail"].as_str().unwrap()).collect();
    assert!(details[0].starts_with(&issuer) && details[0].contains("usable keys"), "{details:?}");
    assert!(details[1].contains(&format!("names the issuer \"{issuer}\"; only the slash at the end")), "{details:?}");
    assert!(details[2].contains(&unused), "{details:?}");
    let warnings = report["warnings"].as_array().unwrap();
    assert!(warnings.len() == 1 && warnings[0]["setting"] == "USER_DIRECTORY", "{warnings:?}");

    let (code, report) = check(&[environment[0], ("OIDC_ISSUERS", &issuer), environment[2], environment[3]]).await;
    assert_eq!((code, states(&report, &["issuer"])), (0, vec![("issuer", "ok")]));
}
