//! Text of programs without what drives a terminal: control sequences are dropped whole, never half.

use ostler_model::text::{is_direction, is_line_break};

/// A sequence of parameters that is longer is no sequence.
const CSI_CHARS: usize = 64;
/// A title or another string that is longer, or never ends, is text from here on.
const STRING_CHARS: usize = 4096;

/// Takes control sequences out of text that comes in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plain(State);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC, and after ESC with intermediate characters: `ESC ( B`.
    Escape,
    Intermediate,
    /// `ESC [ … final`, so many characters so far.
    Csi(usize),
    /// `ESC ] …`, `ESC P …` and their like, until BEL or ST.
    String(usize),
    /// ESC within such a string: with a backslash it is ST.
    StringEscape(usize),
}

impl Plain {
    /// Adds what is text in this piece to `out`.
    pub(crate) fn take(&mut self, piece: &str, out: &mut String) {
        for c in piece.chars() {
            self.0 = self.next(c, out);
        }
    }

    /// The line is over: a sequence that has not ended is none, and hides nothing of the next line.
    pub(crate) fn end_line(&mut self) {
        self.0 = State::Text;
    }

    fn next(&self, c: char, out: &mut String) -> State {
        match (self.0, c) {
            // Cancelled by the one who sends it.
            (_, '\u{18}' | '\u{1a}') => State::Text,
            (State::String(n), '\u{1b}') => State::StringEscape(n),
            (State::String(_), '\u{7}' | '\u{9c}') | (State::StringEscape(_), '\\') => State::Text,
            (State::String(n), c) if n < STRING_CHARS && !is_line_break(c) => State::String(n + 1),
            (State::Csi(_), '\u{40}'..='\u{7e}') => State::Text,
            (State::Csi(n), '\u{20}'..='\u{3f}') if n < CSI_CHARS => State::Csi(n + 1),
            (State::Escape | State::StringEscape(_), '[') => State::Csi(0),
            (State::Escape | State::StringEscape(_), ']' | 'P' | 'X' | '^' | '_') => State::String(0),
            (State::Escape | State::StringEscape(_) | State::Intermediate, '\u{20}'..='\u{2f}') => State::Intermediate,
            (State::Escape | State::StringEscape(_) | State::Intermediate, '\u{30}'..='\u{7e}') => State::Text,
            // What cannot go on is over, and this character begins something of its own.
            _ => begin(c, out),
        }
    }
}

fn begin(c: char, out: &mut String) -> State {
    match c {
        '\u{1b}' => State::Escape,
        '\u{9b}' => State::Csi(0),
        '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => State::String(0),
        c => {
            if c == '\t' || !(c.is_control() || is_direction(c) || is_line_break(c)) {
                out.push(c);
            }
            State::Text
        }
    }
}

/// One text without control sequences and control characters, on one line.
pub(crate) fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    Plain::default().take(raw, &mut out);
    out
}

/// Text with lines of its own, with everything that would drive a terminal shown as JSON writes it.
pub fn harmless(raw: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        if matches!(c, '\n' | '\t') || !(c.is_control() || is_direction(c) || is_line_break(c)) {
            out.push(c);
        } else {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Node's readline writes, which flying-squid's console is made of: captured from it, not invented.
    const FLYING_SQUID: &str = "\u{1b}[1G\u{1b}[0J> \u{1b}[3G\u{1b}[1G\u{1b}[2K[\u{1b}[32mINFO\u{1b}[39m] Server listening on \
        port \u{1b}[33m25565\u{1b}[39m\n\u{1b}[1G\u{1b}[0J> \u{1b}[3Gsay hi\r\n";
    /// A Minecraft server with JLine, its prompt and a bright log line.
    const JLINE: &str = "\u{1b}[?1h\u{1b}=\u{1b}[?2004h> \r\u{1b}[K\u{1b}[m[12:00:00] [Server thread/INFO]: \u{1b}[38;2;85;255;85mDone (3.1s)!\u{1b}[0m";

    #[test]
    fn f33_control_sequences_are_dropped_whole() {
        for (raw, shown) in [
            ("\u{1b}[1Gtext", "text"),
            (FLYING_SQUID, "> [INFO] Server listening on port 25565> say hi"),
            (JLINE, "> [12:00:00] [Server thread/INFO]: Done (3.1s)!"),
            ("\u{1b}]0;a title\u{7}after", "after"),
            ("\u{1b}]8;;https://example.org\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}P1$r0m\u{1b}\\after", "after"),
            ("\u{1b}(Ba\u{1b}7b\u{1b}8c\u{1b}cd", "abcd"),
            ("\u{9b}31mred\u{9d}0;t\u{9c}.", "red."),
            ("a\u{1b}[12\u{18}b", "ab"),
            ("\u{1b}[1\u{1b}[2Jx", "x"),
            ("\u{1b}[1é", "é"),
            ("tab\tbell\u{7} back\u{8} turn\u{202e} null\u{0}", "tab\tbell back turn null"),
            ("Привет 🐎 §a", "Привет 🐎 §a"),
            ("[1G is text", "[1G is text"),
        ] {
            assert_eq!(clean(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn f33_a_sequence_may_come_in_pieces() {
        for raw in [FLYING_SQUID, JLINE, "a\u{1b}]0;t\u{1b}\\b\u{1b}Pq\u{7}c"] {
            let all: Vec<char> = raw.chars().collect();
            for at in 0..=all.len() {
                let (mut plain, mut out) = (Plain::default(), String::new());
                for piece in [&all[..at], &all[at..]] {
                    plain.take(&piece.iter().collect::<String>(), &mut out);
                }
                assert_eq!(out, clean(raw), "cut at {at}");
            }
        }
    }

    #[test]
    fn f33_what_never_ends_hides_little() {
        let long = format!("\u{1b}]0;{}", "x".repeat(10 * STRING_CHARS));
        assert!(clean(&long).len() > 8 * STRING_CHARS);
        let digits = format!("\u{1b}[{}", "1".repeat(10 * CSI_CHARS));
        assert!(clean(&digits).len() > 8 * CSI_CHARS);
        let (mut plain, mut out) = (Plain::default(), String::new());
        plain.take("a\u{1b}]0;never", &mut out);
        plain.end_line();
        plain.take("next line", &mut out);
        assert_eq!(out, "anext line");
    }

    #[test]
    fn fuzz_console_text() {
        let samples = [FLYING_SQUID, JLINE, "\u{1b}]0;title\u{7}a\u{1b}P1$r\u{1b}\\b\u{9b}31mc\u{9d}x\u{9c}d"];
        ostler_fuzz::run("console_text", &samples.map(|text| text.as_bytes().to_vec()), |data| {
            let text = String::from_utf8_lossy(data);
            let shown = clean(&text);
            assert!(!shown.chars().any(|c| (c.is_control() && c != '\t') || is_direction(c) || is_line_break(c)));
            assert_eq!(clean(&shown), shown, "there is nothing left to take out");
            let half = text.floor_char_boundary(text.len() / 2);
            let (mut plain, mut out) = (Plain::default(), String::new());
            plain.take(&text[..half], &mut out);
            plain.take(&text[half..], &mut out);
            assert_eq!(out, shown, "however it is cut");
            let safe = harmless(&text);
            assert!(!safe.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
        });
    }

    #[test]
    fn s13_errors_and_json_on_a_terminal_show_what_would_drive_it() {
        let json = serde_json::json!({"name": "a\u{1b}[2J\u{9b}31m\u{202e}b"}).to_string();
        let shown = harmless(&json);
        assert!(!shown.chars().any(|c| c.is_control() || is_direction(c)), "{shown:?}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["name"], "a\u{1b}[2J\u{9b}31m\u{202e}b", "and stay JSON with the same value");
        assert_eq!(harmless("two\nlines\tand \u{1b}]0;t\u{7}"), "two\nlines\tand \\u001b]0;t\\u0007");
    }
}
