//! The formats of results: JSON, a table and tab-separated values, as the Azure CLI has them.

use clap::ValueEnum;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The format of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// A JSON object
    Json,
    /// Columns with a header
    Table,
    /// Values separated by tabs, without a header
    Tsv,
}

/// A result with its fields in the order of the columns.
#[derive(Debug)]
pub(super) struct Fields(pub(super) Vec<(&'static str, Value)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Fields {
    /// Returns the result in a format.
    ///
    /// # Errors
    /// An error of the JSON library.
    pub(super) fn format(&self, output: Output) -> serde_json::Result<String> {
        let values = || self.0.iter().map(|(_, value)| plain(value)).collect();
        Ok(match output {
            Output::Json => serde_json::to_string_pretty(self)?,
            Output::Table => {
                let header: Vec<String> = self.0.iter().map(|(name, _)| capitalized(name)).collect();
                table(&header, &[values()])
            }
            Output::Tsv => tsv(&[values()]),
        })
    }
}

/// Returns a table: a header, a line of dashes, and the rows.
pub(super) fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let cells = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    let width = |column: usize| cells().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &[String]| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let rows = rows.iter().map(|row| line(row));
    [line(header), line(&dashes)].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Returns rows of values separated by tabs.
pub(super) fn tsv(rows: &[Vec<String>]) -> String {
    rows.iter().map(|row| row.join("\t")).collect::<Vec<_>>().join("\n")
}

/// Returns a value as the text of a cell: strings without quotes, and lists separated by spaces. Control characters are
/// escaped, because values may come from a server or a token, and could change the terminal.
pub(super) fn plain(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_keep_their_order_in_each_format() {
        let fields =
            Fields(vec![("token", json!("abc")), ("scopes", json!(["chat", "voip"])), ("identity", Value::Null)]);
        let json =
            "{\n  \"token\": \"abc\",\n  \"scopes\": [\n    \"chat\",\n    \"voip\"\n  ],\n  \"identity\": null\n}";
        assert_eq!(fields.format(Output::Json).unwrap(), json);
        let table = "Token  Scopes     Identity\n-----  ---------  --------\nabc    chat voip";
        assert_eq!(fields.format(Output::Table).unwrap(), table);
        assert_eq!(fields.format(Output::Tsv).unwrap(), "abc\tchat voip\t");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain(&json!("a\u{1b}[2J\tb\nc é")), "a\\u{1b}[2J\\tb\\nc é");
        assert_eq!(plain(&json!({ "a": "\u{1b}" })), "{\"a\":\"\\u001b\"}");
    }
}
