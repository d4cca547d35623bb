//! The format of a log line as text, which fits a terminal of 120 columns.

use std::fmt::{self, Write};

use serde_json::Value;

use super::line::Fields;
use crate::request_log::RequestLog;

/// The columns of a terminal.
const WIDTH: usize = 120;

/// The length of the longest name of a function.
const FUNCTION_WIDTH: usize = 26;

/// The start of the lines that continue a long one.
const INDENT: &str = "    ";

/// Writes the line of a request: `<time> <level> <function> <status> <duration> <code>`. The cause and the remedy of a
/// problem follow on lines of their own.
pub(super) fn write_request(writer: &mut impl Write, fields: &Fields<'_>, log: &RequestLog) -> fmt::Result {
    // Another request has only a method, which may be anything.
    let function = log.function.map_or_else(|| log.method.chars().take(FUNCTION_WIDTH).collect(), str::to_owned);
    let status = log.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let duration = format!("{:.1} ms", log.duration_ms);
    let code = if log.outcome == "done" { "" } else { log.outcome };
    let (time, level) = (&fields.timestamp, fields.level);
    let line = format!("{time} {level:<5} {function:<FUNCTION_WIDTH$} {status:>3} {duration:>11}  {code}");
    writeln!(writer, "{}", line.trim_end())?;
    for (name, text) in [("cause", &log.cause), ("likely cause", &log.likely_cause), ("remedy", &log.remedy)] {
        if let Some(text) = text {
            write_wrapped(writer, INDENT, &format!("{name}: {}", printable(text)))?;
        }
    }
    Ok(())
}

/// Writes another line: `<time> <level> <message> <name>=<value> …`.
pub(super) fn write_event(writer: &mut impl Write, fields: &Fields<'_>) -> fmt::Result {
    let mut line = format!("{} {:<5} {}", fields.timestamp, fields.level, printable(&fields.message));
    let values = serde_json::to_value(fields).map_err(|_| fmt::Error)?;
    for (name, value) in values.as_object().into_iter().flatten() {
        match value {
            _ if ["timestamp", "level", "message", "target"].contains(&name.as_str()) => {}
            Value::String(word) if !word.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                write!(line, " {name}={word}")?;
            }
            // Quoted.
            value => write!(line, " {name}={value}")?,
        }
    }
    write_wrapped(writer, "", &line)
}

/// Writes a text in lines that fit the terminal. A longer word has a line of its own.
fn write_wrapped(writer: &mut impl Write, indent: &str, text: &str) -> fmt::Result {
    let mut line = indent.to_owned();
    let mut has_word = false;
    for word in text.split(' ') {
        if has_word && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(writer, "{}", line.trim_end())?;
            INDENT.clone_into(&mut line);
            has_word = false;
        }
        if has_word {
            line.push(' ');
        }
        line += word;
        has_word = true;
    }
    writeln!(writer, "{line}")
}

/// Replaces control characters: a text from a request or an answer must not change the terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str) -> Vec<String> {
        let mut written = String::new();
        write_wrapped(&mut written, "", text).unwrap();
        written.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_fit_the_terminal_and_keep_their_words() {
        let text = "word ".repeat(100);
        let lines = wrapped(text.trim_end());
        assert!(lines.len() > 4 && lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:#?}");
        assert!(lines[0].starts_with("word") && lines[1..].iter().all(|line| line.starts_with("    word")));
        assert_eq!(lines.join(" ").split_whitespace().count(), 100);
        let long = "x".repeat(200);
        assert_eq!(wrapped(&format!("a {long} b")), ["a".to_owned(), format!("    {long}"), "    b".to_owned()]);
        assert_eq!(wrapped("a  b"), ["a  b"]);
    }

    #[test]
    fn control_characters_are_not_written() {
        assert_eq!(printable("a\u{1b}[2J\nb"), "a [2J b");
    }
}
