//! Live news: the bus in this process, and the resumable stream of events for people and programs.
//!
//! The table of events is the truth; the bus only says that there is more and keeps the newest at hand. `standing` and `sse`
//! serve every other stream as well. What this room does not do: make events. Those are written by the changes themselves, in
//! the same transaction.

mod bus;
mod may;
mod routes;
pub(crate) mod sse;
pub(crate) mod standing;
mod stream;

pub use bus::{Bus, Follower};
pub use may::may_see;
pub use routes::routes;
