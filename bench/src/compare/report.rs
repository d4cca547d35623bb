//! The origin of a table, and the document that holds the tables.

use std::{fs, path::Path, process::Command};

use super::Options;
use crate::Result;

/// Returns the sentence that says where the numbers come from.
pub fn origin(section: &str, options: &Options) -> String {
    let date = Command::new("date").arg("+%Y-%m-%d").output().map(|output| output.stdout).unwrap_or_default();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let Options { runs, seconds, calls, .. } = options;
    let measured = match section {
        "growth" => format!("--calls {calls}"),
        "lambda" => format!("--runs {runs}"),
        _ => format!("--runs {runs} --seconds {seconds}"),
    };
    format!(
        "`cargo xtask bench -- --section {section} {measured}`, on {}, {cores} cores of {}.",
        String::from_utf8_lossy(&date).trim(),
        model.unwrap_or("an unknown processor").trim()
    )
}

/// Replaces the text between `<!-- bench: <section> -->` and `<!-- end -->`.
pub fn replace(document: &Path, section: &str, text: &str) -> Result<()> {
    let (begin, end) = (format!("<!-- bench: {section} -->\n"), "<!-- end -->");
    let old = fs::read_to_string(document)?;
    let (before, rest) = old.split_once(&begin).ok_or_else(|| format!("{} has no {begin}", document.display()))?;
    let (_, after) = rest.split_once(end).ok_or_else(|| format!("{} has no {end}", document.display()))?;
    fs::write(document, format!("{before}{begin}{text}\n{end}{after}"))?;
    Ok(())
}
