//! Which api-version knows what.

use super::Bench;

const UNSUPPORTED: &str = "2020-07-20-preview2";

#[tokio::test]
async fn every_stable_version_is_served() {
    let bench = Bench::start().await;
    for version in ["2021-03-07", "2022-06-01", "2022-10-01", "2023-10-01", "2025-06-30", "2026-09-23"] {
        assert_eq!(
            bench.ask("POST", &format!("/identities?api-version={version}"), "{}").await.status,
            201,
            "{version}"
        );
    }
}

#[tokio::test]
async fn other_versions_are_refused_by_name() {
    let bench = Bench::start().await;
    for version in [UNSUPPORTED, "2025-03-02-preview", "2099-01-01", "latest"] {
        let answer = bench.ask("POST", &format!("/identities?api-version={version}"), "{}").await;
        let expected = format!(
            r#"{{"error":{{"code":"UnsupportedApiVersion","message":"The HTTP resource that matches the request URI 'http://{}/identities' does not support the API version '{version}'."}}}}"#,
            bench.address
        );
        assert_eq!((answer.status, &answer.body), (400, &expected));
        assert!(answer.header("api-supported-versions").unwrap().contains("2026-09-23"));
    }
    for query in ["", "?", "?api-version=", "?version=2026-09-23"] {
        let answer = bench.ask("POST", &format!("/identities{query}"), "{}").await;
        let expected = r#"{"error":{"code":"ApiVersionUnspecified","message":"An API version is required, but was not specified."}}"#;
        assert_eq!((answer.status, answer.body.as_str()), (400, expected), "{query}");
    }
}

#[tokio::test]
async fn lifetimes_came_with_2022_10_01() {
    let bench = Bench::start().await;
    for (version, status) in [("2021-03-07", 201), ("2022-06-01", 201), ("2022-10-01", 400)] {
        let target = format!("/identities?api-version={version}");
        let answer = bench.ask("POST", &target, r#"{"createTokenWithScopes":["chat"],"expiresInMinutes":59}"#).await;
        assert_eq!(answer.status, status, "{version}");
    }
}

#[tokio::test]
async fn the_finer_scopes_came_with_2023_10_01() {
    let bench = Bench::start().await;
    for (version, status) in [("2022-10-01", 400), ("2023-10-01", 201)] {
        for scope in ["chat.join", "chat.join.limited", "voip.join"] {
            let body = format!(r#"{{"createTokenWithScopes":["{scope}"]}}"#);
            let answer = bench.ask("POST", &format!("/identities?api-version={version}"), &body).await;
            assert_eq!(answer.status, status, "{version} {scope}");
        }
    }
}

#[tokio::test]
async fn the_teams_exchange_came_with_2022_06_01() {
    let bench = Bench::start().await;
    let body = r#"{"token":"","appId":"","userId":""}"#;
    let target = "/teamsUser/:exchangeAccessToken?api-version=";
    let answer = bench.ask("POST", &format!("{target}2021-03-07"), body).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &"UnsupportedApiVersion".into()));
    assert_eq!(
        answer.header("api-supported-versions"),
        Some("2022-06-01, 2022-10-01, 2023-10-01, 2025-06-30, 2026-09-23")
    );
    let answer = bench.ask("POST", &format!("{target}2022-06-01"), body).await;
    assert_eq!(answer.json()["error"]["code"], "ValidationError");
}
