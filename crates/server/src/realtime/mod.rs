//! Live news: the bus in this process, and the resumable stream of events for people and programs.
//!
//! The table of events is the truth; the bus only says that there is more and keeps the newest at hand. What this room
//! does not do: make events. Those are written by the changes themselves, in the same transaction.

mod bus;

pub use bus::{Bus, Follower};
