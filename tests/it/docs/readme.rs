//! The READMEs: the table of functions, the index of documents, and that the translation has the parts of the original.

use acs_tokens::functions::{AuthLevel, FUNCTIONS, PREFIX};

use super::{documents, read, rows};

/// The README in each language, with the words for the callers: anyone, a key, a user and a pass.
const READMES: [(&str, [&str; 4]); 2] =
    [("README.md", ["anyone", "key", "user", "pass"]), ("README.sv.md", ["alla", "nyckel", "användare", "pass"])];

#[test]
fn each_readme_lists_every_function() {
    let prefix = format!("`/{PREFIX}/");
    for (document, [anyone, key, user, pass]) in READMES {
        let rows = rows(document).into_iter().filter(|row| row.get(2).is_some_and(|cell| cell.starts_with(&prefix)));
        let rows: Vec<[String; 4]> = rows.map(|row| [0, 1, 2, 3].map(|i| row[i].clone())).collect();
        let functions = FUNCTIONS.iter().map(|function| {
            let caller = match function.auth_level {
                AuthLevel::Anonymous => anyone,
                AuthLevel::Function => key,
                AuthLevel::Bearer => user,
                AuthLevel::Pass => pass,
            };
            [function.name, &function.methods.join(", "), &format!("{prefix}{}`", function.route), caller]
                .map(str::to_owned)
        });
        assert_eq!(rows, functions.collect::<Vec<_>>(), "{document}");
    }
}

#[test]
fn each_readme_is_short_and_its_index_lists_every_document() {
    for (readme, _) in READMES {
        let text = read(readme);
        assert!(text.lines().count() <= 150, "{readme}");
        let index: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        let others = documents().into_iter().filter(|document| document.contains('/') || document == "CONTRIBUTING.md");
        for document in others {
            let link = format!("]({document}");
            assert!(index.iter().any(|row| row.contains(&link)), "{readme}: the index has no {document}");
        }
    }
}

/// The parts of a README that do not depend on its language.
#[derive(Debug, PartialEq)]
struct Parts {
    /// The levels of the headings.
    headings: Vec<usize>,
    /// The lines of the code blocks, without comments. Of a diagram, whose labels are translated, the arrows.
    blocks: Vec<String>,
    /// The targets of the links, sorted, without the links between the READMEs.
    links: Vec<String>,
    /// The code in the text and in tables, sorted.
    code: Vec<String>,
}

fn parts(readme: &str) -> Parts {
    let text = read(readme);
    let mut parts = Parts { headings: Vec::new(), blocks: Vec::new(), links: Vec::new(), code: Vec::new() };
    for (i, part) in text.split("```").enumerate() {
        if i % 2 == 1 {
            let diagram = part.starts_with("mermaid");
            let code = |line: &str| match line.split_once(" # ") {
                _ if diagram => line.split_whitespace().filter(|word| word.contains("->")).collect(),
                Some((code, _)) => code.trim_end().to_owned(),
                None => line.to_owned(),
            };
            parts.blocks.extend(part.lines().map(code));
            continue;
        }
        let levels = part.lines().filter_map(|line| line.split_once(' ')?.0.strip_prefix('#'));
        parts.headings.extend(levels.map(str::len));
        let links = part.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        parts.links.extend(links.filter(|link| !link.starts_with("README")).map(str::to_owned));
        parts.code.extend(part.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    parts.links.sort_unstable();
    parts.code.sort_unstable();
    parts
}

#[test]
fn the_translated_readme_has_the_headings_code_and_links_of_the_original() {
    let [(original, _), (translation, _)] = READMES;
    let (original_parts, translated_parts) = (parts(original), parts(translation));
    assert!(original_parts.blocks.len() > 30 && original_parts.links.len() > 30, "{original_parts:?}");
    assert_eq!(original_parts, translated_parts);
    assert!(
        read(original).contains(&format!("]({translation})")) && read(translation).contains(&format!("]({original})"))
    );
}
