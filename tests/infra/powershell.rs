//! The syntax of the scripts in PowerShell, which is not installed where the tests run.

use tree_sitter::{Node, Parser};

/// Returns the first line with a syntax error.
fn first_error(script: &str) -> Option<usize> {
    fn find(node: Node<'_>) -> Option<usize> {
        if node.is_error() || node.is_missing() {
            return Some(node.start_position().row + 1);
        }
        (0..node.child_count()).find_map(|index| find(node.child(u32::try_from(index).unwrap())?))
    }
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    find(parser.parse(script, None).unwrap().root_node())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn script_of_the_app_registration_has_no_syntax_error() {
    let script = read("infra/app-registration.ps1");
    assert_eq!(first_error(&script), None);
    for (from, to) in
        [("} else {", "} else "), ("[switch] $WhatIf,", "[switch] $WhatIf,,"), ("if ($Remove) {", "if ($Remove {")]
    {
        assert!(script.contains(from), "{from}");
        assert!(first_error(&script.replacen(from, to, 1)).is_some(), "{to}");
    }
}

#[test]
fn hooks_for_windows_have_no_syntax_error() {
    let azure = read("azure.yaml");
    let hooks: Vec<&str> = azure.split("windows:\n").skip(1).collect();
    assert_eq!(hooks.len(), 2);
    for hook in hooks {
        let (_, script) = hook.split_once("run: ").unwrap();
        let script = script.trim_start_matches("|\n");
        let end = script.find("\nhooks:").unwrap_or(script.len());
        assert_eq!(first_error(&script[..end]), None, "{script}");
    }
}
