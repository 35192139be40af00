//! What things are and what may happen to them.
//!
//! Pure: no IO, no async, no clock and no randomness. Time, ids and facts come in as arguments, so every rule
//! of the product can be tested by the million in milliseconds. Rows and wire types convert to these types by name.

pub mod address;
pub mod audit;
pub mod authz;
pub mod bounds;
pub mod event;
pub mod factor;
pub mod id;
pub mod job;
pub mod key;
pub mod matches;
pub mod name;
pub mod network;
pub mod node;
pub mod oidc;
pub mod role;
pub mod search;
pub mod secret;
pub mod team;
pub mod template;
pub mod text;
pub mod time;
pub mod timezone;
pub mod user;
pub mod workload;
pub mod workspace;

pub use id::*;
pub use name::{Label, Name};
pub use network::Network;
pub use secret::Secret;
pub use text::Foreign;
pub use time::{Millis, Time};
pub use timezone::Timezone;
