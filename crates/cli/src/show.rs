//! Tables for people, JSON for programs.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use std::io::Write as _;

/// A column: its title, and where the value is (`facts.os`).
pub(crate) type Column = (&'static str, &'static str);

/// Prints a list.
pub(crate) fn list(items: &[Value], columns: &[Column], json: bool) -> Result<()> {
    if json {
        return print(&serde_json::to_string_pretty(items)?);
    }
    if items.is_empty() {
        return print("Nothing here yet.");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(columns.iter().map(|(title, _)| *title));
    for item in items {
        table.add_row(columns.iter().map(|(_, path)| text(at(item, path))));
    }
    print(&table.to_string())
}

/// Prints one thing.
pub(crate) fn one(item: &Value, columns: &[Column], json: bool) -> Result<()> {
    if json {
        return print(&serde_json::to_string_pretty(item)?);
    }
    let width = columns.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    for (title, path) in columns {
        let value = text(at(item, path));
        if !value.is_empty() {
            print(&format!("{title:width$}  {value}"))?;
        }
    }
    Ok(())
}

/// Prints a line; a reader that has gone away ends the program quietly, as in `ostler … | head`.
pub(crate) fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        done => Ok(done?),
    }
}

fn at<'a>(item: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(item, |value, key| &value[key])
}

/// A value as text, with what could drive a terminal taken out.
fn text(value: &Value) -> String {
    let raw = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    clean(&raw)
}

/// Text from elsewhere without control characters: a game's output must not move the cursor or set the title.
pub(crate) fn clean(raw: &str) -> String {
    raw.chars().filter(|c| !c.is_control() || *c == '\t').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_found_and_terminals_are_safe() {
        let item = serde_json::json!({"facts": {"os": "Debian\u{1b}[2J 12"}, "list": ["a", 1]});
        assert_eq!(text(at(&item, "facts.os")), "Debian[2J 12");
        assert_eq!(text(at(&item, "list")), "a, 1");
        assert_eq!(text(at(&item, "facts.none.deeper")), "");
    }
}
