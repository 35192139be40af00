//! A workload's own input and output: a bounded ring of numbered lines that anybody may follow.
//!
//! Followers hold a position, not a queue: who is slow misses lines and sees it from the numbers, and nobody's slowness costs
//! memory. What this room does not do: reading the output, which is the drivers' business.

mod players;
mod ring;

pub use players::Players;
pub use ring::{Console, Page};
