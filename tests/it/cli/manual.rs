//! Completions and man pages.

use std::fs;

use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{cli, in_time, run};

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

#[tokio::test]
async fn each_command_has_a_man_page() {
    let folder = TempDir::new().unwrap();
    let pages = folder.path().join("man1");
    let (code, _, stderr) = run(cli(&["man", pages.to_str().unwrap()], &[])).await;
    assert_eq!(code, 0, "{stderr}");
    for command in ["", "-dev", "-token", "-token-issue", "-identity-delete", "-directory-import", "-completions"] {
        let page = fs::read_to_string(pages.join(format!("acs-tokens{command}.1"))).unwrap();
        assert!(page.contains(".SH NAME\n") && page.contains(".SH SYNOPSIS\n"), "{command}: {page}");
    }
    let issue = fs::read_to_string(pages.join("acs-tokens-token-issue.1")).unwrap();
    assert!(issue.contains("\\-\\-valid\\-for") && issue.contains("FUNCTION_KEY"), "{issue}");
}
