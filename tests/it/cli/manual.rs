//! Completions and man pages.

use std::{fs, path::Path};

use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    docs,
    process::{cli, in_time, run},
};

/// Returns the completions of a command line in bash.
async fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let line = words.join(" ");
    let (last, before) = (words.last().unwrap(), words[words.len() - 2]);
    let script = format!(
        "{script}\nCOMP_WORDS=({line}); COMP_CWORD={}\n_acs__tokens acs-tokens '{last}' '{before}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.len() - 1
    );
    let mut bash = Command::new("bash");
    let output = in_time("bash", bash.args(["-c", &script]).output()).await.unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[tokio::test]
async fn bash_completes_commands_options_and_values() {
    let (code, script, stderr) = run(cli(&["completions", "bash"], &[])).await;
    assert_eq!((code, &*stderr), (0, ""));
    assert_eq!(completed(&script, &["acs-tokens", "tok"]).await, ["token"]);
    assert_eq!(completed(&script, &["acs-tokens", "token", "exch"]).await, ["exchange-teams"]);
    assert_eq!(completed(&script, &["acs-tokens", "token", "issue", "--valid"]).await, ["--valid-for"]);
    let scopes = completed(&script, &["acs-tokens", "token", "issue", "--scope", "chat"]).await;
    assert_eq!(scopes, ["chat", "chat.join", "chat.join.limited"]);
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        let (code, script, _) = run(cli(&["completions", shell], &[])).await;
        assert!(code == 0 && script.contains("exchange-teams"), "{shell}");
    }
}

/// Returns the names of the man pages of commands without subcommands, such as `token-issue`.
fn leaves(pages: &Path) -> Vec<String> {
    let names = fs::read_dir(pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.map(|name| name.trim_end_matches(".1").to_owned()).collect();
    names.sort_unstable();
    let has_children = |name: &String| names.iter().any(|other| other.starts_with(&format!("{name}-")));
    let leaves = names.iter().filter(|name| !has_children(name));
    leaves.filter_map(|name| Some(name.strip_prefix("acs-tokens-")?.to_owned())).collect()
}

#[tokio::test]
async fn each_command_has_a_man_page_and_a_row_in_the_document() {
    let folder = TempDir::new().unwrap();
    let pages = folder.path().join("man1");
    let (code, _, stderr) = run(cli(&["man", pages.to_str().unwrap()], &[])).await;
    assert_eq!(code, 0, "{stderr}");
    for entry in fs::read_dir(&pages).unwrap() {
        let page = fs::read_to_string(entry.unwrap().path()).unwrap();
        // `man` reads other characters only with the option of their encoding.
        assert!(page.is_ascii(), "{page}");
    }
    for command in ["", "-dev", "-token", "-token-issue", "-identity-delete", "-directory-import", "-completions"] {
        let page = fs::read_to_string(pages.join(format!("acs-tokens{command}.1"))).unwrap();
        assert!(page.contains(".SH NAME\n") && page.contains(".SH SYNOPSIS\n"), "{command}: {page}");
    }
    let mut documented: Vec<String> = docs::rows("docs/cli.md").iter().map(|row| row[0].replace(' ', "-")).collect();
    documented.sort_unstable();
    assert_eq!(leaves(&pages), documented);
    let issue = fs::read_to_string(pages.join("acs-tokens-token-issue.1")).unwrap();
    assert!(issue.contains("\\-\\-valid\\-for") && issue.contains("FUNCTION_KEY"), "{issue}");
}

/// The query selects what a shell exports. The answer is that of the documentation:
/// <https://learn.microsoft.com/cli/azure/functionapp/config/appsettings#az-functionapp-config-appsettings-list>
#[test]
fn the_query_for_app_settings_yields_names_and_values() {
    let document = docs::read("docs/cli.md");
    let (_, query) = document.split_once("appsettings list --resource-group <group> --name <app> --query \"").unwrap();
    let query = jmespath::compile(query.split('"').next().unwrap()).unwrap();
    let settings =
        r#"[{"name":"A","slotSetting":false,"value":"1"},{"name":"B","slotSetting":false,"value":"{\"x\": [2]}"}]"#;
    let found = query.search(jmespath::Variable::from_json(settings).unwrap()).unwrap();
    assert_eq!(found.to_string(), r#"["A=1","B={\"x\": [2]}"]"#);
}
