//! What the stand-in reads of an app: host.json, settings over it, functions, routes, keys.

use serde_json::json;

use super::{App, get, send};
use crate::host::{Host, HostOptions, Keys};

#[tokio::test]
async fn what_the_real_host_refuses_is_refused() {
    let app = App::echo();
    for (host, reason) in [
        (json!({ "customHandler": { "description": { "defaultExecutablePath": "x" } } }), "version must be \"2.0\""),
        (json!({ "version": "2.0" }), "Missing worker Description."),
        (
            json!({ "version": "2.0", "customHandler": { "description": { "defaultExecutablePath": "" } } }),
            "cannot be empty",
        ),
        (
            json!({ "version": "2.0", "configurationProfile": "x", "customHandler": { "description": {} } }),
            "profile 'x' is not supported",
        ),
    ] {
        app.host_json(&host);
        let refusal = app.refusal(&[]).await;
        assert!(refusal.contains(reason), "{refusal}");
    }
}

#[tokio::test]
async fn routes_stand_in_for_function_json_but_not_beside_it() {
    let app = App::echo();
    let route = ("AzureFunctionsJobHost__customHandler__http__routes__0__route", "{*route}");
    let level = ("AZUREFUNCTIONSJOBHOST__CUSTOMHANDLER__HTTP__ROUTES__0__AUTHORIZATIONLEVEL", "anonymous");
    let runtime = ("FUNCTIONS_WORKER_RUNTIME", "custom");
    assert!(app.refusal(&[route]).await.contains("only allowed for worker runtime: custom"));
    assert!(app.refusal(&[route, runtime]).await.contains("Detected both function.json files and"));

    std::fs::remove_dir_all(app.0.path().join("echo")).unwrap();
    let host = app.start(&[route, level, runtime]).await;
    let answer = get(&host, "/api/anything/at/all").await;
    assert_eq!((answer.status(), &answer.json()["target"]), (200, &json!("/api/anything/at/all")));
}

#[tokio::test]
async fn a_profile_gives_defaults_only() {
    let app = App::echo();
    std::fs::remove_dir_all(app.0.path().join("echo")).unwrap();
    let env = [
        ("FUNCTIONS_WORKER_RUNTIME", "custom"),
        ("AzureFunctionsJobHost__configurationProfile", "web-app-custom-handler"),
        ("AzureFunctionsJobHost__extensions__http__routePrefix", "api/v1"),
    ];
    let host = app.start(&env).await;
    assert_eq!(get(&host, "/api/v1/x").await.json()["target"], "/api/v1/x");
    assert_eq!(get(&host, "/x").await.status(), 404);
}

#[tokio::test]
async fn the_program_gets_its_settings_its_folder_and_the_variables_of_the_host() {
    let app = App::echo();
    let host = app.start(&[("SETTING", "value")]).await;
    let told = get(&host, "/api/echo").await.json();
    let root = app.0.path().canonicalize().unwrap();
    let environment = &told["environment"];
    assert_eq!(told["folder"], json!(root));
    assert_eq!(environment["SETTING"], "value");
    assert_eq!(environment["FUNCTIONS_APP_ROOT_PATH"], json!(root));
    assert_eq!(environment["FUNCTIONS_CUSTOMHANDLER_PORT"], environment["FUNCTIONS_HTTPWORKER_PORT"]);
    assert_eq!(environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"], environment["FUNCTIONS_HTTPWORKER_ID"]);
    uuid::Uuid::parse_str(environment["FUNCTIONS_HTTPWORKER_ID"].as_str().unwrap()).unwrap();
}

#[tokio::test]
async fn a_function_in_error_is_left_out_and_the_others_load() {
    let app = App::echo();
    app.function("1st", &json!({ "authLevel": "anonymous", "route": "first" }));
    std::fs::create_dir_all(app.0.path().join("nested/deeper")).unwrap();
    std::fs::write(app.0.path().join("nested/deeper/function.json"), "{}").unwrap();
    let host = app.start(&[]).await;
    assert_eq!(get(&host, "/api/first").await.status(), 404);
    assert_eq!(get(&host, "/api/deeper").await.status(), 404);
    assert_eq!(get(&host, "/api/echo").await.status(), 200);
    host.until("the fault", |host| {
        host.log_lines().iter().any(|line| line.text.contains("The '1st' function is in error"))
    })
    .await;
}

#[tokio::test]
async fn without_functions_no_program_is_started() {
    let app = App::echo();
    std::fs::remove_dir_all(app.0.path().join("echo")).unwrap();
    let host = app.start(&[("ECHO_EXITS_WITH", "1")]).await;
    assert_eq!(get(&host, "/").await.status(), 204);
    assert_eq!(get(&host, "/api/echo").await.status(), 404);
    assert_eq!(host.exit_events(), []);
    host.stop().await;
}

#[tokio::test]
async fn the_method_belongs_to_the_route_and_the_specific_route_wins() {
    let app = App::echo();
    app.function("posts", &json!({ "authLevel": "anonymous", "methods": ["post"], "route": "only" }));
    app.function("admin", &json!({ "authLevel": "admin", "route": "echo/special" }));
    let host = Host::start(HostOptions { keys: Some(Keys::default()), ..app.options() }).await.unwrap();
    assert_eq!(send(&host, "POST /api/only", "Content-Length: 0\r\n", "").await.status(), 200);
    let wrong = get(&host, "/api/only").await;
    assert_eq!((wrong.status(), wrong.body.as_str()), (404, ""));
    assert_eq!(send(&host, "HEAD /api/only", "", "").await.status(), 404);
    assert_eq!(get(&host, "/api/echo/special").await.status(), 401);
    assert_eq!(get(&host, "/api/ECHO/other").await.status(), 200);
    assert_eq!(get(&host, "/api//echo/other").await.status(), 404);
}

#[tokio::test]
async fn a_key_comes_in_the_header_before_the_query_and_is_not_taken_out() {
    let app = App::echo();
    app.function("keyed", &json!({ "authLevel": "function" }));
    app.function("admins", &json!({ "authLevel": "admin" }));
    let keys = Keys { master: "m".into(), host: vec!["h".into()], functions: vec![("keyed".into(), "k".into())] };
    let host = Host::start(HostOptions { keys: Some(keys), ..app.options() }).await.unwrap();
    for (target, header, status) in [
        ("/api/keyed", "", 401),
        ("/api/keyed?code=k", "", 200),
        ("/api/keyed?code=h", "", 200),
        ("/api/keyed?code=m", "", 200),
        ("/api/keyed?code=x", "", 401),
        ("/api/keyed", "x-functions-key: k\r\n", 200),
        ("/api/keyed?code=k", "x-functions-key: x\r\n", 401),
        ("/api/admins?code=h", "", 401),
        ("/api/admins?code=m", "", 200),
        ("/api/echo", "", 200),
    ] {
        let answer = send(&host, &format!("GET {target}"), header, "").await;
        assert_eq!(answer.status(), status, "{target} {header}");
        if status == 401 {
            assert_eq!((answer.body.as_str(), answer.header("x-custom")), ("", vec!["from host.json"]));
        } else if target.contains("code=") {
            assert_eq!(answer.json()["target"], target);
        }
    }
}
