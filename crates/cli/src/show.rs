//! Tables for people, JSON for programs. Times are relative and bytes binary in tables, exact in JSON.

use crate::ground::now;
pub(crate) use crate::plain::clean;
use crate::plain::harmless;
use anyhow::Result;
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use ostler_model::Time;
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};

/// How a value is written in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    Text,
    /// `3 min ago`
    Ago,
    /// `512 MiB`
    Bytes,
    /// Thousandths of a processor: `1.5`
    Cpu,
    Percent,
    YesNo,
    /// A word that is good, bad or on the way.
    State,
}

/// A column: its title, where the value is (`facts.os`), and how it is written.
pub(crate) type Column = (&'static str, &'static str, As);

/// Prints a list.
pub(crate) fn list(items: &[Value], columns: &[Column], json: bool) -> Result<()> {
    if json {
        return print(&serde_json::to_string_pretty(items)?);
    }
    if items.is_empty() {
        return print("Nothing here yet.");
    }
    // A column in which nobody has anything to say only takes room.
    let used: Vec<&Column> =
        columns.iter().filter(|c| items.iter().any(|item| !value(at(item, c.1), c.2).is_empty())).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(used.iter().map(|(title, ..)| *title));
    for item in items {
        table.add_row(used.iter().map(|(_, path, how)| cell(at(item, path), *how)));
    }
    for line in table.lines() {
        // Its cells are clean, and the sequences in it are its own colours.
        put(line.trim_end())?;
    }
    Ok(())
}

/// Prints one thing.
pub(crate) fn one(item: &Value, columns: &[Column], json: bool) -> Result<()> {
    if json {
        return print(&serde_json::to_string_pretty(item)?);
    }
    let rows: Vec<(&str, String)> =
        columns.iter().map(|(title, path, how)| (*title, value(at(item, path), *how))).collect();
    let width = rows.iter().filter(|(_, v)| !v.is_empty()).map(|(title, _)| title.len()).max().unwrap_or(0);
    for (title, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        print(&format!("{title:width$}  {value}"))?;
    }
    Ok(())
}

/// Prints a line. What goes to a program or a file is exact; a terminal is not driven by it.
pub(crate) fn print(line: &str) -> Result<()> {
    if std::io::stdout().is_terminal() { put(&harmless(line)) } else { put(line) }
}

/// Writes a line; a reader that has gone away ends the program quietly, as in `ostler … | head`.
fn put(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        done => Ok(done?),
    }
}

/// Prints a remark for people, apart from what programs read.
pub(crate) fn note(line: &str) {
    // Whoever has closed standard error does not want to hear of it.
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(line));
}

pub(crate) fn at<'a>(item: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(item, |value, key| &value[key])
}

fn cell(raw: &Value, how: As) -> Cell {
    let text = value(raw, how);
    let colour = match (how, text.as_str()) {
        _ if !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some() => None,
        (As::State, "running" | "online" | "succeeded") => Some(Color::Green),
        (As::State, "failed" | "offline" | "unknown") => Some(Color::Red),
        (As::State, "stopped" | "cancelled") => Some(Color::DarkGrey),
        (As::State, _) => Some(Color::Yellow),
        _ => None,
    };
    match colour {
        Some(colour) => Cell::new(text).fg(colour),
        None => Cell::new(text),
    }
}

fn value(raw: &Value, how: As) -> String {
    match (how, raw) {
        (As::Ago, Value::String(text)) => text.parse().map_or_else(|_| clean(text), |at| ago(at, now())),
        (As::Bytes, Value::Number(n)) => n.as_u64().filter(|n| *n > 0).map(bytes).unwrap_or_default(),
        (As::Cpu, Value::Number(n)) => n.as_f64().map(|n| trimmed(n / 1000.0, 2)).unwrap_or_default(),
        (As::Percent, Value::Number(n)) => format!("{n} %"),
        (As::YesNo, Value::Bool(yes)) => if *yes { "yes" } else { "" }.to_owned(),
        _ => text(raw),
    }
}

/// A value as text, with what could drive a terminal taken out.
pub(crate) fn text(value: &Value) -> String {
    let raw = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(map) => map.iter().map(|(k, v)| format!("{k}={}", text(v))).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    clean(&raw)
}

/// How long ago, or until when.
pub(crate) fn ago(at: Time, now: Time) -> String {
    let (span, is_past) = if at <= now { (now.since(at), true) } else { (at.since(now), false) };
    let secs = span.0 / 1000;
    let text = match secs {
        0..=4 => return "now".to_owned(),
        5..=89 => format!("{secs} s"),
        90..=5399 => format!("{} min", (secs + 30) / 60),
        5400..=129_599 => format!("{} h", (secs + 1800) / 3600),
        _ => format!("{} days", (secs + 43_200) / 86_400),
    };
    if is_past { format!("{text} ago") } else { format!("in {text}") }
}

/// A size in binary units.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = n as f64;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{} {}", trimmed(size, 1), UNITS[unit])
}

/// A number with at most so many decimals, and none that are zero.
fn trimmed(n: f64, decimals: usize) -> String {
    let text = format!("{n:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::Millis;

    #[test]
    fn nested_values_are_found_and_terminals_are_safe() {
        let item = serde_json::json!({"facts": {"os": "Debian\u{1b}[2J\u{202e} 12"}, "list": ["a", 1], "map": {"game": 27000}});
        assert_eq!(text(at(&item, "facts.os")), "Debian 12");
        assert_eq!(text(at(&item, "list")), "a, 1");
        assert_eq!(text(at(&item, "map")), "game=27000");
        assert_eq!(text(at(&item, "facts.none.deeper")), "");
    }

    #[test]
    fn times_are_relative_and_sizes_binary() {
        let now = Time::from_millis(10_000_000_000);
        for (secs, said) in [
            (0, "now"),
            (4, "now"),
            (5, "5 s ago"),
            (89, "89 s ago"),
            (90, "2 min ago"),
            (3600, "60 min ago"),
            (7200, "2 h ago"),
            (86_400, "24 h ago"),
            (3 * 86_400, "3 days ago"),
        ] {
            assert_eq!(ago(now - Millis::secs(secs), now), said, "{secs}");
        }
        assert_eq!(ago(now + Millis::secs(120), now), "in 2 min");
        for (n, said) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1 MiB"),
            (512 << 20, "512 MiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(n), said, "{n}");
        }
        assert_eq!(value(&serde_json::json!(1500), As::Cpu), "1.5");
        assert_eq!(value(&serde_json::json!(2000), As::Cpu), "2");
    }
}
