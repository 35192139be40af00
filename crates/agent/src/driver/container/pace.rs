//! How fast a container's output reaches its console: what is more in a second is left out and counted, and what is far more
//! is not even asked for, because the engine keeps a bounded log of its own.

use crate::console::{Console, dropped};
use ostler_model::bounds::agent::{OUTPUT_RATE, OUTPUT_SHOWN_LINES, OUTPUT_SHOWN_RATE};
use ostler_wire::console::ConsoleStream;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What has passed in this second.
pub(super) struct Pace {
    since: Instant,
    lines: u64,
    bytes: u64,
    dropped: u64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, lines: 0, bytes: 0, dropped: 0 }
    }
    /// Shows a line, or counts it.
    pub(super) fn pass(&mut self, console: &Console, now: Instant, stream: ConsoleStream, text: &str) {
        if now.saturating_duration_since(self.since) >= SECOND {
            self.tell(console);
            (self.since, self.lines, self.bytes) = (now, 0, 0);
        }
        let text = text.trim_end_matches(['\n', '\r']);
        self.lines += 1;
        self.bytes += text.len() as u64 + 1;
        if self.lines > OUTPUT_SHOWN_LINES || self.bytes > OUTPUT_SHOWN_RATE {
            self.dropped += text.len() as u64 + 1;
        } else {
            console.push(stream, if text.is_empty() { " " } else { text });
        }
    }
    /// True while more was read in this second than is worth reading.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.bytes > OUTPUT_RATE && now.saturating_duration_since(self.since) < SECOND
    }
    /// Says what was left out since it was last said.
    pub(super) fn tell(&mut self, console: &Console) {
        if self.dropped > 0 {
            console.say(&dropped(std::mem::take(&mut self.dropped)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_runtime::Clock;

    #[test]
    fn s3_a_container_that_prints_without_end_is_shown_at_a_pace_and_its_rest_is_counted() {
        let (console, begun) = (Console::new(Clock::system()), Clock::system().instant());
        let mut pace = Pace::new(begun);
        for n in 0..OUTPUT_SHOWN_LINES * 10 {
            pace.pass(&console, begun, ConsoleStream::Out, &format!("{n:09}\n"));
        }
        assert_eq!(console.last_seq(), OUTPUT_SHOWN_LINES);
        assert!(!pace.is_full(begun));
        // The next second begins with what was left out of the last.
        pace.pass(&console, begun + SECOND, ConsoleStream::Out, "next");
        let page = console.page(OUTPUT_SHOWN_LINES, 10);
        let texts: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["… 450,000 bytes dropped …", "next"]);
        for _ in 0..10 {
            pace.pass(&console, begun + SECOND, ConsoleStream::Err, &"x".repeat(1 << 20));
        }
        assert!(pace.is_full(begun + SECOND) && !pace.is_full(begun + SECOND * 2));
        pace.tell(&console);
        assert!(console.page(0, usize::MAX).lines.last().unwrap().text.ends_with("bytes dropped …"));
    }
}
