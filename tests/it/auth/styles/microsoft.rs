//! Entra in versions 1 and 2, Entra External ID, and Azure AD B2C.

use serde_json::{Value, json};

use super::{
    super::{
        rejection::{
            APPLICATION, CLIENT, NOT_AN_ACCESS_TOKEN, OBJECT_ID, SCOPE, TENANT_OF_ISSUER, TOO_MANY_GROUPS,
            WRONG_AUDIENCE,
        },
        with,
    },
    Expected::{BackEnd, Rejected, User},
    ROLE, Style, assert_style, settings,
};
use crate::harness::users::TENANT;

/// The application of the tokens. Entra uses the id as the audience too.
const APP: &str = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
const OBJECT: &str = "0a1b2c3d-0000-4000-8000-000000000001";

#[tokio::test]
async fn entra_version_2() {
    // https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    let user = json!({
        "aud": APP, "sub": "AAAAAA-pairwise", "tid": TENANT, "oid": OBJECT, "azp": APP, "azpacr": "0", "ver": "2.0",
        "name": "Anna", "preferred_username": "anna@contoso.example", "scp": "access_as_user", "sid": "x", "uti": "x",
    });
    let app = json!({
        "aud": APP, "sub": OBJECT, "oid": OBJECT, "tid": TENANT, "azp": APP, "azpacr": "1", "ver": "2.0", "uti": "x",
        "roles": [ROLE],
    });
    let user_with = |claims: Value| with(user.clone(), &claims);
    let app_with = |claims: Value| with(app.clone(), &claims);
    let style = Style {
        issuer: "/11111111-2222-4333-8444-555555555555/v2.0",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/11111111-2222-4333-8444-555555555555/v2.0"),
            ("OIDC_AUDIENCES", APP),
            ("OIDC_REQUIRED_SCOPE", "access_as_user"),
        ]),
        tokens: vec![
            ("user", user.clone(), User),
            ("user with the role of back ends", user_with(json!({ "roles": [ROLE] })), User),
            ("user, marked", user_with(json!({ "roles": [ROLE], "idtyp": "user" })), User),
            ("user without the scope", user_with(json!({ "scp": "other" })), Rejected(SCOPE)),
            ("user without oid", user_with(json!({ "oid": null })), Rejected(OBJECT_ID)),
            ("user of another tenant", user_with(json!({ "tid": OBJECT })), Rejected(TENANT_OF_ISSUER)),
            ("no tenant", user_with(json!({ "tid": null })), Rejected(TENANT_OF_ISSUER)),
            (
                "for Graph",
                user_with(json!({ "aud": "00000003-0000-0000-c000-000000000000" })),
                Rejected(WRONG_AUDIENCE),
            ),
            ("ID token", user_with(json!({ "scp": null, "nonce": "x" })), Rejected(NOT_AN_ACCESS_TOKEN)),
            ("ID token without nonce", user_with(json!({ "scp": null })), Rejected(NOT_AN_ACCESS_TOKEN)),
            (
                "ID token with the role of back ends",
                user_with(json!({ "scp": null, "sid": null, "roles": [ROLE] })),
                Rejected(NOT_AN_ACCESS_TOKEN),
            ),
            ("application", app.clone(), BackEnd),
            ("application, marked", app_with(json!({ "idtyp": "app" })), BackEnd),
            ("application without the role", app_with(json!({ "roles": null })), Rejected(APPLICATION)),
            ("application with another role", app_with(json!({ "roles": ["host"] })), Rejected(APPLICATION)),
        ],
    };
    assert_style("Entra v2", style).await;
}

#[tokio::test]
async fn entra_version_1() {
    let audience = "api://acs-tokens";
    let user = json!({
        "aud": audience, "sub": "AAAAAA-pairwise", "tid": TENANT, "oid": OBJECT, "appid": APP, "appidacr": "0",
        "ver": "1.0", "upn": "anna@contoso.example", "unique_name": "anna@contoso.example", "scp": "access_as_user",
    });
    let app = json!({
        "aud": audience, "sub": OBJECT, "oid": OBJECT, "tid": TENANT, "appid": APP, "appidacr": "1", "ver": "1.0",
        "idp": "https://sts.windows.net/11111111-2222-4333-8444-555555555555/", "roles": [ROLE],
    });
    // On sts.windows.net, the tenant is found in the URL. Here it is given, as for an issuer with `{tenantid}`.
    let style = Style {
        issuer: "/11111111-2222-4333-8444-555555555555/",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/{tenantid}/"),
            ("OIDC_TENANTS", TENANT),
            ("OIDC_AUDIENCES", audience),
            ("OIDC_REQUIRED_SCOPE", "access_as_user"),
            ("OIDC_CLIENTS", APP),
        ]),
        tokens: vec![
            ("user", user.clone(), User),
            ("another client", with(user.clone(), &json!({ "appid": OBJECT })), Rejected(CLIENT)),
            ("ID token", with(user, &json!({ "scp": null, "nonce": "x" })), Rejected(NOT_AN_ACCESS_TOKEN)),
            ("application", app.clone(), BackEnd),
            ("application without the role", with(app, &json!({ "roles": null })), Rejected(APPLICATION)),
        ],
    };
    assert_style("Entra v1", style).await;
}

#[tokio::test]
async fn groups_of_entra_that_are_too_many_are_not_read_as_none() {
    let user = |claims: Value| {
        let claims = with(json!({ "aud": APP, "sub": "x", "tid": TENANT, "oid": OBJECT, "azp": APP }), &claims);
        with(claims, &json!({ "scp": "access_as_user" }))
    };
    let overage = json!({
        "_claim_names": { "groups": "src1" },
        "_claim_sources": { "src1": { "endpoint": "https://graph.windows.net/x/users/x/getMemberObjects" } },
    });
    let mut style = Style {
        issuer: "/11111111-2222-4333-8444-555555555555/v2.0",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/11111111-2222-4333-8444-555555555555/v2.0"),
            ("OIDC_AUDIENCES", APP),
            ("OIDC_ROLES_CLAIM", "groups"),
        ]),
        tokens: vec![
            ("groups", user(json!({ "groups": [OBJECT] })), User),
            ("no groups", user(json!({})), User),
            ("another claim elsewhere", user(json!({ "_claim_names": { "x": "src1" } })), User),
            ("overage", user(overage.clone()), Rejected(TOO_MANY_GROUPS)),
            ("overage of the implicit flow", user(json!({ "hasgroups": true })), Rejected(TOO_MANY_GROUPS)),
        ],
    };
    style.settings.push(("OIDC_REQUIRED_SCOPE", "access_as_user".to_owned()));
    assert_style("Entra with groups", style).await;
    // With app roles, the groups do not matter.
    let style = Style {
        issuer: "/11111111-2222-4333-8444-555555555555/v2.0",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/11111111-2222-4333-8444-555555555555/v2.0"),
            ("OIDC_AUDIENCES", APP),
        ]),
        tokens: vec![("overage", user(overage), User)],
    };
    assert_style("Entra with app roles", style).await;
}

#[tokio::test]
async fn entra_external_id() {
    // The discovery document is on the host with the tenant's name, and names the host with the tenant's id.
    let document = r#"{
        "issuer": "{base}/11111111-2222-4333-8444-555555555555/v2.0",
        "metadata": "{base}/contoso/11111111-2222-4333-8444-555555555555/v2.0/.well-known/openid-configuration?appid=x",
        "audiences": ["2c3e1e83-8fd7-4615-ad2b-b8c1229845ac"],
        "requiredScope": "access_as_user"
    }"#;
    let user = json!({
        "aud": APP, "sub": "AAAAAA-pairwise", "tid": TENANT, "oid": OBJECT, "azp": APP, "ver": "2.0", "sid": "x",
        "scp": "access_as_user",
    });
    let app = json!({ "aud": APP, "sub": OBJECT, "oid": OBJECT, "tid": TENANT, "azp": APP, "roles": [ROLE] });
    let style = Style {
        issuer: "/11111111-2222-4333-8444-555555555555/v2.0",
        metadata: "/contoso/11111111-2222-4333-8444-555555555555/v2.0/.well-known/openid-configuration?appid=x",
        settings: settings([("OIDC_ISSUERS", document)]),
        tokens: vec![
            ("user", user.clone(), User),
            ("ID token", with(user, &json!({ "scp": null, "nonce": "x" })), Rejected(NOT_AN_ACCESS_TOKEN)),
            ("application", app, BackEnd),
        ],
    };
    assert_style("Entra External ID", style).await;
}

#[tokio::test]
async fn azure_ad_b2c() {
    let document = r#"{
        "issuer": "{base}/11111111-2222-4333-8444-555555555555/v2.0/",
        "metadata": "{base}/contosob2c.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=B2C_1_susi",
        "audiences": ["2c3e1e83-8fd7-4615-ad2b-b8c1229845ac"],
        "requiredScope": "access_as_user"
    }"#;
    let user = json!({
        "aud": APP, "sub": OBJECT, "azp": APP, "tfp": "B2C_1_susi", "scp": "access_as_user", "ver": "1.0",
        "auth_time": 1, "name": "Anna",
    });
    let id_token = json!({ "aud": APP, "sub": OBJECT, "tfp": "B2C_1_susi", "nonce": "x", "acr": "B2C_1_susi" });
    let app = json!({ "aud": APP, "sub": OBJECT, "oid": OBJECT, "azp": APP, "ver": "1.0", "roles": [ROLE] });
    let style = Style {
        issuer: "/11111111-2222-4333-8444-555555555555/v2.0/",
        metadata: "/contosob2c.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=B2C_1_susi",
        settings: settings([("OIDC_ISSUERS", document)]),
        tokens: vec![
            ("user", user.clone(), User),
            // These claims are optional, and the user is the same with and without them.
            ("user with oid and tid", with(user, &json!({ "oid": OBJECT, "tid": TENANT })), User),
            ("ID token", id_token.clone(), Rejected(NOT_AN_ACCESS_TOKEN)),
            ("ID token without nonce", with(id_token, &json!({ "nonce": null })), Rejected(SCOPE)),
            ("application, which is not recognized", app, Rejected(SCOPE)),
        ],
    };
    assert_style("B2C", style).await;
}
