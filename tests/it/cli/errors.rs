//! Errors of the commands: the exit code, the next step, and no secret.

use super::{KEY, Target, at};
use crate::{
    harness::FOREIGN_ID,
    process::{cli, free_port, run},
};

#[tokio::test]
async fn errors_name_the_next_step() {
    let app = Target::app().await;
    let url = ["--url", &*app.api.base];
    let nobody = format!("http://{}", free_port().await);
    let key = [("FUNCTION_KEY", KEY)];
    for (arguments, environment, step) in [
        (&["token", "issue", url[0], url[1]][..], &[][..], "set FUNCTION_KEY to a key of the app, or BEARER_TOKEN"),
        (&["token", "issue", "--url", &nobody], &[], "start it with `acs-tokens dev`"),
        (&["token", "issue", FOREIGN_ID, url[0], url[1]], &key, "it was deleted, or belongs to another resource"),
        (&["identity", "delete", "-y", FOREIGN_ID, url[0], url[1]], &key, "404 "),
    ] {
        let (code, stdout, stderr) = run(cli(arguments, environment)).await;
        assert_eq!((code, &*stdout), (1, ""), "{arguments:?}");
        assert!(stderr.starts_with("error: ") && stderr.contains(step), "{arguments:?}: {stderr}");
    }

    let acs = Target::acs().await;
    let (code, _, stderr) = acs.run(&["token", "issue", FOREIGN_ID]).await;
    let step = "the identity was deleted, or is of another resource; create one with `identity create`";
    assert!(code == 1 && stderr.contains(step), "{stderr}");
    let wrong = acs.api.connection_string().replace("accesskey=", "accesskey=AAAA");
    let environment = [("COMMUNICATION_SERVICES_CONNECTION_STRING", &*wrong)];
    let (code, _, stderr) = run(cli(&["identity", "create"], &environment)).await;
    assert!(code == 1 && stderr.contains("copy key and endpoint from the Keys page"), "{stderr}");
}

#[tokio::test]
async fn a_failure_of_the_app_names_the_request() {
    let app = Target::app().await;
    let fault = serde_json::json!({ "operation": "create-identity", "times": 3, "answer": { "status": 500 } });
    app.api.control("POST", "faults", Some(fault)).await;
    let (code, _, stderr) = app.run(&["identity", "create"]).await;
    assert_eq!(code, 1);
    let (_, id) = stderr.split_once("; the log of the app has the cause under request_id ").unwrap();
    assert_eq!(id.trim_end().len(), 36, "{stderr}");
}

#[tokio::test]
async fn invalid_arguments_end_with_2_and_repeat_no_secret() {
    let acs = Target::acs().await;
    let missing = at(std::path::Path::new("/no/such/file"));
    for (arguments, text) in [
        (&["token", "issue", "8:acs:x"][..], "not an ACS identity id"),
        (
            &["token", "issue", "--scope", "voice"],
            "[possible values: chat, voip, chat.join, chat.join.limited, voip.join]",
        ),
        (&["token", "issue", "--scope", "chat,chat"], "--scope: the scope chat is named twice"),
        (&["token", "issue", "--valid-for", "2d"], "write 1h to 24h, such as 90m"),
        (&["token", "issue", "--token-only", "--output", "json"], "cannot be used with"),
        (&["token", "issue", "--url", "http://contoso.example"], "use https"),
        (&["token", "issue", "--url", "https://a.example", "--function-key", &missing], "cannot read the file"),
        (&["token", "exchange-teams"], "--teams-token"),
        (&["identity", "delete"], "<IDENTITY>"),
        (&["token", "revoke", FOREIGN_ID], "confirm it with --yes, because there is no terminal to ask on"),
        (&["identity", "delete", FOREIGN_ID], "confirm it with --yes, because there is no terminal to ask on"),
    ] {
        let (code, stdout, stderr) = acs.run(arguments).await;
        assert_eq!((code, &*stdout), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(text), "{arguments:?}: {stderr}");
    }
    assert_eq!(acs.api.upstream_calls().await, 0, "nothing was sent");

    let (code, _, stderr) = run(cli(&["token", "decode", "a-secret-which-is-no-token"], &[])).await;
    assert!(
        code == 1 && stderr.starts_with("error: not a token: dots separate 1 of 3 parts") && !stderr.contains("secret"),
        "{stderr}"
    );
}
