//! An event as a line: for people, or as JSON.

use ostler_model::text::{is_direction, is_invisible, is_line_break};
use ostler_runtime::Clock;
use ostler_server::config::LogFormat;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

/// Most bytes of one field; more is cut, and the line says so.
pub(super) const FIELD_BYTES: usize = 8 << 10;

/// How a sink wants its lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) format: LogFormat,
    pub(super) is_coloured: bool,
}

/// What an event or a span says, in order.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// The span's name; it takes the place of a field that is called `name`.
    span: Option<&'static str>,
    all: Vec<(&'static str, Value)>,
}

impl Fields {
    pub(super) fn of_span(name: &'static str) -> Self {
        Self { span: Some(name), all: vec![] }
    }
    fn put(&mut self, field: &Field, value: Value) {
        let name = match (field.name(), self.span) {
            ("name", Some(span)) => span,
            (name, _) => name,
        };
        match self.all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.all.push((name, value)),
        }
    }
    pub(super) fn add_missing(&mut self, outer: &Self) {
        for (name, value) in &outer.all {
            if !self.all.iter().any(|(known, _)| known == name) {
                self.all.push((name, value.clone()));
            }
        }
    }
}

/// The beginning of a text, with a word about what is missing.
fn cut(mut text: String) -> Value {
    if text.len() > FIELD_BYTES {
        let all = text.len();
        text.truncate(text.floor_char_boundary(FIELD_BYTES));
        let _ = write!(text, "… ({} more bytes)", all - text.len());
    }
    Value::String(text)
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, cut(value.to_owned()));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, cut(format!("{value:?}")));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

/// The time as logs say it.
pub(super) fn now() -> String {
    Clock::system().now().to_string()
}

/// One line with its end.
pub(super) fn write(style: Style, at: &str, meta: &Metadata<'_>, fields: &Fields) -> String {
    match style.format {
        LogFormat::Text => text(style, at, meta, fields),
        LogFormat::Json => as_json(at, meta, fields),
    }
}

fn text(style: Style, at: &str, meta: &Metadata<'_>, fields: &Fields) -> String {
    let level = meta.level();
    let colour = match *level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    };
    let pad = &"     "[level.as_str().len()..];
    let mut line = match style.is_coloured {
        true => {
            format!("\u{1b}[2m{at}\u{1b}[0m {pad}\u{1b}[{colour}m{level}\u{1b}[0m \u{1b}[2m{}:\u{1b}[0m", meta.target())
        }
        false => format!("{at} {pad}{level} {}:", meta.target()),
    };
    if let Some((_, Value::String(message))) = fields.all.iter().find(|(name, _)| *name == "message") {
        line.push(' ');
        shown(&mut line, message);
    }
    for (name, value) in fields.all.iter().filter(|(name, _)| *name != "message") {
        let _ = write!(line, " {name}=");
        match value {
            Value::String(word) if is_word(word) => line.push_str(word),
            Value::String(text) => {
                shown(&mut line, &format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
            }
            other => drop(write!(line, "{other}")),
        }
    }
    line.push('\n');
    line
}

/// Text that needs no quotes to be told from what follows.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !is_hidden(c) && !matches!(c, '"' | '=' | '\\'))
}

/// A character that ends a line, drives a terminal, or hides what a text says.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control() || is_line_break(c) || is_direction(c) || is_invisible(c)
}

fn shown(line: &mut String, text: &str) {
    for c in text.chars() {
        if is_hidden(c) {
            let _ = write!(line, "{}", c.escape_unicode());
        } else {
            line.push(c);
        }
    }
}

fn as_json(at: &str, meta: &Metadata<'_>, fields: &Fields) -> String {
    let all: Map<String, Value> = fields.all.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let event = json!({"timestamp": at, "level": meta.level().as_str(), "target": meta.target(), "fields": all});
    let mut line = String::new();
    // Outside its strings JSON has none of these characters, and inside it may have them in this form.
    for c in event.to_string().chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}
