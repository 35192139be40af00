//! A workload's own input and output: a bounded ring of numbered lines that anybody may follow.
//!
//! Followers hold a position, not a queue: who is slow misses lines and sees it from the numbers, and nobody's slowness costs
//! memory. What this room does not do: reading the output, which is the drivers' business.

mod players;
mod ring;

pub use players::Players;
pub use ring::{Console, Page, dropped};

use std::borrow::Cow;

/// A line as people see it, which is what patterns are for: without characters that only change the direction or take no
/// room. Programs put them around names, and nobody who writes a pattern knows of them.
pub(crate) fn visible(line: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| ostler_model::text::is_direction(c) || ostler_model::text::is_invisible(c);
    if line.is_ascii() || !line.contains(is_hidden) {
        return Cow::Borrowed(line);
    }
    Cow::Owned(line.replace(is_hidden, ""))
}
