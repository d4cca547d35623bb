//! Auth0, Okta, Keycloak, Cognito, Google, Firebase, and Duende as an issuer that follows RFC 9068.

use serde_json::{Value, json};

use super::{
    super::{
        rejection::{AMBIGUOUS, APPLICATION, CLIENT, NOT_AN_ACCESS_TOKEN, WRONG_AUDIENCE},
        with,
    },
    Expected::{BackEnd, Rejected, User},
    ROLE, Style, assert_style, settings,
};

#[tokio::test]
async fn auth0() {
    let audience = json!(["https://tokens.contoso.example", "https://contoso.eu.auth0.com/userinfo"]);
    let user = json!({
        "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "aud": audience, "azp": "my_client", "scope": "openid profile calls",
        "https://contoso.example/roles": ["host"], "gty": "password",
    });
    let app = json!({
        "sub": "my_client@clients", "aud": "https://tokens.contoso.example", "azp": "my_client",
        "gty": "client-credentials", "https://contoso.example/roles": [ROLE],
    });
    let id_token = json!({ "sub": "auth0|5f7c", "aud": "https://tokens.contoso.example", "nonce": "x", "sid": "x" });
    let style = Style {
        issuer: "/auth0/",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/auth0/"),
            ("OIDC_AUDIENCES", "https://tokens.contoso.example"),
            // The literal name comes first, although it looks like a path.
            ("OIDC_ROLES_CLAIM", "https://contoso.example/roles"),
        ]),
        tokens: vec![
            ("user", user, User),
            ("application", app.clone(), BackEnd),
            ("application without gty", with(app.clone(), &json!({ "gty": null })), BackEnd),
            (
                "application without the role",
                with(app, &json!({ "https://contoso.example/roles": null, "scope": ROLE })),
                Rejected(APPLICATION),
            ),
            ("ID token", id_token, Rejected(NOT_AN_ACCESS_TOKEN)),
        ],
    };
    assert_style("Auth0", style).await;
}

#[tokio::test]
async fn okta() {
    let user = json!({
        "ver": 1, "jti": "AT.x", "aud": "api://acs", "cid": "0oa1web", "uid": "00u1anna", "auth_time": 1,
        "scp": ["openid", "profile", "calls"], "sub": "anna@contoso.example", "groups": ["host"],
    });
    let app = json!({
        "ver": 1, "jti": "AT.x", "aud": "api://acs", "cid": "0oa1job", "scp": ["acs.manage"], "sub": "0oa1job",
        "groups": ["backends"],
    });
    let id_token =
        json!({ "ver": 1, "jti": "ID.x", "aud": "api://acs", "sub": "00u1anna", "at_hash": "x", "idp": "x" });
    let style = Style {
        issuer: "/oauth2/default",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/oauth2/default"),
            ("OIDC_AUDIENCES", "api://acs"),
            ("OIDC_ROLES_CLAIM", "groups"),
            ("OIDC_MANAGE_ROLE", "backends"),
            ("OIDC_CLIENTS", "0oa1web, 0oa1job"),
        ]),
        tokens: vec![
            ("user", user.clone(), User),
            ("user of another client", with(user, &json!({ "cid": "0oa1evil" })), Rejected(CLIENT)),
            ("user with the name of a client", with(app.clone(), &json!({ "uid": "00u1anna" })), Rejected(AMBIGUOUS)),
            ("application", app.clone(), BackEnd),
            ("application without the role", with(app, &json!({ "groups": null })), Rejected(APPLICATION)),
            ("ID token", with(id_token, &json!({ "cid": "0oa1web" })), Rejected(NOT_AN_ACCESS_TOKEN)),
        ],
    };
    assert_style("Okta", style).await;
}

#[tokio::test]
async fn keycloak() {
    let user = json!({
        "jti": "x", "aud": ["acs-tokens", "account"], "sub": "5f0a7b3c-3333-4444-8555-6b7c8d9e0f11", "typ": "Bearer",
        "azp": "web-client", "sid": "x", "acr": "1", "scope": "openid profile email", "preferred_username": "anna",
        "realm_access": { "roles": ["host", "offline_access"] },
    });
    let app = json!({
        "jti": "x", "aud": ["acs-tokens", "account"], "sub": "99999999-3333-4444-8555-6b7c8d9e0f11", "typ": "Bearer",
        "azp": "Nightly-Job", "acr": "1", "scope": "profile email", "clientHost": "192.0.2.9",
        "clientAddress": "192.0.2.9", "client_id": "Nightly-Job",
        "preferred_username": "service-account-nightly-job", "realm_access": { "roles": [ROLE] },
    });
    let user_with = |claims: Value| with(user.clone(), &claims);
    let app_with = |claims: Value| with(app.clone(), &claims);
    let with_role = json!({ "realm_access": { "roles": [ROLE] } });
    let id_token = json!({ "scope": null, "typ": "ID", "at_hash": "x" });
    // A user can choose such a name. The token lacks the claims of service accounts.
    let impostor = json!({ "preferred_username": "service-account-web-client", "scope": "profile", "sid": null });
    let style = Style {
        issuer: "/realms/contoso",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/realms/contoso"),
            ("OIDC_AUDIENCES", "acs-tokens"),
            ("OIDC_ROLES_CLAIM", "realm_access.roles"),
        ]),
        tokens: vec![
            ("user", user.clone(), User),
            ("user with the role of back ends", user_with(with_role.clone()), User),
            ("user with a flat claim", user_with(json!({ "roles": [ROLE] })), User),
            ("user with the name of a service account", user_with(with(impostor, &with_role)), User),
            ("ID token", user_with(id_token), Rejected(NOT_AN_ACCESS_TOKEN)),
            ("ID token without at_hash", user_with(json!({ "typ": "ID" })), Rejected(NOT_AN_ACCESS_TOKEN)),
            ("service account", app.clone(), BackEnd),
            (
                "service account of an older version",
                app_with(json!({ "client_id": null, "clientId": "Nightly-Job" })),
                BackEnd,
            ),
            ("service account without the role", app_with(json!({ "realm_access": null })), Rejected(APPLICATION)),
            ("without audience mapper", user_with(json!({ "aud": "account" })), Rejected(WRONG_AUDIENCE)),
        ],
    };
    assert_style("Keycloak", style).await;
}

#[tokio::test]
async fn roles_of_a_keycloak_client_are_at_a_path() {
    let app = json!({
        "aud": "acs-tokens", "sub": "nightly", "client_id": "nightly",
        "resource_access": { "acs.tokens": { "roles": [ROLE] } },
    });
    let style = Style {
        issuer: "/realms/contoso",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/realms/contoso"),
            ("OIDC_AUDIENCES", "acs-tokens"),
            ("OIDC_ROLES_CLAIM", "resource_access.acs.tokens.roles"),
        ]),
        tokens: vec![
            ("name with a dot", app.clone(), BackEnd),
            (
                "nested names",
                with(app.clone(), &json!({ "resource_access": { "acs": { "tokens": { "roles": [ROLE] } } } })),
                BackEnd,
            ),
            (
                "literal name",
                with(app.clone(), &json!({ "resource_access.acs.tokens.roles": ["host"] })),
                Rejected(APPLICATION),
            ),
            ("no object", with(app, &json!({ "resource_access": ROLE })), Rejected(APPLICATION)),
        ],
    };
    assert_style("Keycloak client roles", style).await;
}

#[tokio::test]
async fn cognito() {
    let client = "3n4b5urk1ft4fl3mg5e62d9ado";
    let user = json!({
        "sub": "aaaaaaaa-1b2c-4d5e-8f90-111111111111", "token_use": "access", "client_id": client, "username": "anna",
        "scope": "aws.cognito.signin.user.admin", "version": 2, "auth_time": 1, "cognito:groups": ["host"],
    });
    let app = json!({
        "sub": client, "token_use": "access", "client_id": client, "scope": "acs-tokens/manage", "version": 2,
        "auth_time": 1, "cognito:groups": [ROLE],
    });
    let id_token = json!({
        "sub": "aaaaaaaa-1b2c-4d5e-8f90-111111111111", "token_use": "id", "aud": client, "cognito:username": "anna",
    });
    let style = Style {
        issuer: "/eu-central-1_AbCdEf",
        metadata: "",
        settings: settings([
            ("OIDC_ISSUERS", "{base}/eu-central-1_AbCdEf"),
            ("OIDC_AUDIENCES", client),
            ("OIDC_ROLES_CLAIM", "cognito:groups"),
        ]),
        tokens: vec![
            ("user", user.clone(), User),
            ("user of another client", with(user.clone(), &json!({ "client_id": "other" })), Rejected(WRONG_AUDIENCE)),
            // A resource binding puts an audience into the token; then it counts.
            (
                "another audience",
                with(user.clone(), &json!({ "aud": "https://other.example" })),
                Rejected(WRONG_AUDIENCE),
            ),
            ("without token_use", with(user, &json!({ "token_use": null })), Rejected(WRONG_AUDIENCE)),
            ("ID token", id_token, Rejected(NOT_AN_ACCESS_TOKEN)),
            ("application", app.clone(), BackEnd),
            ("application without the role", with(app, &json!({ "cognito:groups": null })), Rejected(APPLICATION)),
        ],
    };
    assert_style("Cognito", style).await;
}

#[tokio::test]
async fn google_and_firebase() {
    let client = "407408718192.apps.googleusercontent.com";
    let user = json!({
        "sub": "110169484474386276334", "aud": client, "azp": client, "email": "anna@contoso.example",
        "email_verified": true, "name": "Anna", "jti": "x",
    });
    let service_account = json!({
        "sub": "105000000000000000001", "azp": "105000000000000000001", "aud": client, "email_verified": true,
        "email": "job@contoso.iam.gserviceaccount.com",
    });
    let style = Style {
        issuer: "",
        metadata: "",
        settings: settings([("OIDC_ISSUERS", "{base}"), ("OIDC_AUDIENCES", client)]),
        tokens: vec![
            ("credential of the button", user.clone(), User),
            ("with nonce", with(user.clone(), &json!({ "nonce": "x" })), Rejected(NOT_AN_ACCESS_TOKEN)),
            ("of the code flow", with(user, &json!({ "at_hash": "x" })), Rejected(NOT_AN_ACCESS_TOKEN)),
            ("service account", service_account, Rejected(APPLICATION)),
        ],
    };
    assert_style("Google", style).await;
    let user = json!({
        "aud": "contoso-app", "auth_time": 1, "user_id": "x9", "sub": "x9", "email": "anna@contoso.example",
        "firebase": { "identities": {}, "sign_in_provider": "password" },
    });
    let style = Style {
        issuer: "/contoso-app",
        metadata: "",
        settings: settings([("OIDC_ISSUERS", "{base}/contoso-app"), ("OIDC_AUDIENCES", "contoso-app")]),
        tokens: vec![
            ("user", user.clone(), User),
            ("user with a custom claim", with(user.clone(), &json!({ "roles": [ROLE] })), User),
            ("another project", with(user, &json!({ "aud": "other-app" })), Rejected(WRONG_AUDIENCE)),
        ],
    };
    assert_style("Firebase", style).await;
}

#[tokio::test]
async fn duende_and_rfc_9068() {
    let user = json!({
        "aud": "acs-tokens", "sub": "818727", "client_id": "web", "sid": "x", "scope": ["openid", "calls"], "amr": ["pwd"],
    });
    let app = json!({ "aud": "acs-tokens", "client_id": "nightly", "scope": ["acs.manage"], "roles": [ROLE] });
    let style = Style {
        issuer: "",
        metadata: "",
        settings: settings([("OIDC_ISSUERS", "{base}"), ("OIDC_AUDIENCES", "acs-tokens")]),
        tokens: vec![
            ("user", user.clone(), User),
            ("user with the role of back ends", with(user, &json!({ "roles": [ROLE] })), User),
            ("application", app.clone(), BackEnd),
            ("application by RFC 9068", with(app.clone(), &json!({ "sub": "nightly" })), BackEnd),
            ("application without the role", with(app, &json!({ "roles": null })), Rejected(APPLICATION)),
            // The token has no sign of an application, so its role does not count.
            ("no evidence", json!({ "aud": "acs-tokens", "sub": "x", "roles": [ROLE] }), User),
            (
                "no evidence, a client",
                json!({ "aud": "acs-tokens", "sub": "x", "client_id": "y", "roles": [ROLE] }),
                User,
            ),
            (
                "claims of Entra of other types",
                json!({ "aud": "acs-tokens", "sub": "x", "tid": 42, "oid": ["x"] }),
                User,
            ),
        ],
    };
    assert_style("Duende", style).await;
}
