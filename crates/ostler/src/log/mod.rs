//! The log: one event is one line, whatever its fields hold, and nothing in it drives a terminal.
//!
//! Everything that is logged passes through [`Layer`], so a careless `{text}` elsewhere cannot forge a line. Spans have no
//! prefix: what they know (the task, the request) is a field of each event within them.

mod file;
mod line;

use anyhow::{Context as _, Result};
use file::File;
use line::{Fields, Style};
use ostler_server::config::LogFormat;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tracing::span;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

/// Logs to standard error.
pub(crate) fn to_terminal(format: LogFormat) {
    let style = Style { format, is_coloured: is_coloured() };
    start(Layer::new(vec![Sink { style, to: Box::new(std::io::stderr()) }]));
}

/// Logs to a file, and to standard error where that is asked for.
pub(crate) fn to_file(format: LogFormat, path: &Path, also_to_terminal: bool) -> Result<()> {
    let file = File::open(path).with_context(|| format!("could not open the log {}", path.display()))?;
    let mut sinks = vec![Sink { style: Style { format, is_coloured: false }, to: Box::new(file) }];
    if also_to_terminal {
        let style = Style { format, is_coloured: is_coloured() };
        sinks.push(Sink { style, to: Box::new(std::io::stderr()) });
    }
    start(Layer::new(sinks));
    Ok(())
}

fn start(layer: Layer) {
    let filter = EnvFilter::try_from_env("OSTLER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    Registry::default().with(filter).with(layer).init();
}

/// Colours are for terminals, and for people who have not said that they want none.
fn is_coloured() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

struct Sink {
    style: Style,
    to: Box<dyn std::io::Write + Send>,
}

/// Writes each event to every sink.
struct Layer(Mutex<Vec<Sink>>);

impl Layer {
    fn new(sinks: Vec<Sink>) -> Self {
        Self(Mutex::new(sinks))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Layer {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::of_span(span.name());
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // From the innermost outwards: what is nearer says it better.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.add_missing(outer);
            }
        }
        let at = line::now();
        let mut sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sink in sinks.iter_mut() {
            let line = line::write(sink.style, &at, event.metadata(), &fields);
            // A log that cannot be written must not stop what it tells of.
            let _ = sink.to.write_all(line.as_bytes()).and_then(|()| sink.to.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Bytes(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Bytes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What the real layer writes of what is logged within.
    fn logged(format: LogFormat, is_coloured: bool, act: impl FnOnce()) -> String {
        let bytes = Bytes::default();
        let sink = Sink { style: Style { format, is_coloured }, to: Box::new(bytes.clone()) };
        let subscriber = Registry::default().with(EnvFilter::new("trace")).with(Layer::new(vec![sink]));
        tracing::subscriber::with_default(subscriber, act);
        String::from_utf8(bytes.0.lock().unwrap().clone()).unwrap()
    }

    /// Every way by which text comes into an event.
    fn every_kind(text: &str) {
        let error = std::io::Error::other(text.to_owned());
        let span = tracing::info_span!("task", name = text, inner = tracing::field::Empty);
        span.record("inner", text);
        let _in = span.enter();
        tracing::error!("{text}");
        tracing::warn!(text, "a string");
        tracing::info!(shown = %text, "displayed");
        tracing::info!(printed = ?text, "debugged");
        tracing::info!(raw = ?tracing::field::display(text), "debugged as it is displayed");
        tracing::info!(error = &error as &dyn std::error::Error, "an error");
        tracing::debug!(
            bytes = text.as_bytes(),
            number = 1_u64,
            float = 1.5_f64,
            wide = u128::MAX,
            yes = true,
            "values"
        );
        tracing::trace!(name: "an event with a name", "{:?}", format_args!("{text}"));
        tracing::info_span!("request", id = %text).in_scope(|| tracing::info!(message = text));
    }
    const EVENTS: usize = 9;

    /// Characters that end a line, drive a terminal or turn the text round.
    fn hostile() -> String {
        let all = (0..0x20).chain(0x7f..0xa0).chain([0x200b, 0x200e, 0x2028, 0x2029, 0x202e, 0x2066, 0xfeff, 0xe0041]);
        all.filter_map(char::from_u32).map(|c| format!("{c}2026-01-01T00:00:00.000Z ERROR forged{c}[2J")).collect()
    }

    #[test]
    fn s13_one_event_is_one_line_whatever_its_fields_hold() {
        let text = hostile();
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = logged(format, false, || every_kind(&text));
            assert_eq!(log.matches('\n').count(), EVENTS, "{log}");
            let bad = log.chars().find(|c| *c != '\n' && line::is_hidden(*c));
            assert_eq!(bad, None, "{:?}", bad.map(|c| c.escape_unicode().to_string()));
            assert!(!log.lines().any(|line| line.starts_with("2026-01-01T")), "a forged line");
        }
        let json = logged(LogFormat::Json, false, || tracing::info!(shown = %text, "{text}"));
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (read["fields"]["message"].as_str(), read["fields"]["shown"].as_str()),
            (Some(&*text), Some(&*text))
        );
    }

    #[test]
    fn s13_a_long_text_does_not_make_a_long_line() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = "\u{1b}".repeat(10 * line::FIELD_BYTES);
            let log = logged(format, false, || tracing::info!(shown = %text, "{text}"));
            assert!(log.len() < 30 * line::FIELD_BYTES, "{} bytes", log.len());
            assert!(log.contains("more bytes"), "it says that something is missing");
        }
    }

    #[test]
    fn f29_a_log_that_is_no_terminal_has_no_escape_codes() {
        let act = || every_kind("plain");
        for format in [LogFormat::Text, LogFormat::Json] {
            assert!(!logged(format, false, act).contains('\u{1b}'));
        }
        assert!(logged(LogFormat::Text, true, act).contains("\u{1b}[31mERROR\u{1b}[0m"), "terminals get colours");
    }

    #[test]
    fn spans_are_fields_and_no_prefix() {
        let log = logged(LogFormat::Text, false, || {
            let outer = tracing::info_span!("task", name = "link");
            let _outer = outer.enter();
            let inner = tracing::info_span!("task", name = "match-journal");
            let _inner = inner.enter();
            tracing::info!(node = "north 1", count = 2, "the link is up");
        });
        let (_, rest) = log.split_once(' ').unwrap();
        let wanted = " INFO ostler::log::tests: the link is up node=\"north 1\" count=2 task=match-journal\n";
        assert_eq!(rest, wanted);
    }
}
