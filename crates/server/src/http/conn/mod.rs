//! Connections: who is let in, how long each stage of one may take, and who leaves when there is no room.
//!
//! A connection is silent, sends a head, is answered, and idles; each stage has its deadline (`model::bounds::http`), and so
//! have the bodies in both directions. The table of all connections knows what each is doing. When descriptors or places run
//! low, it closes those that do nothing, so that a new one is let in; a request that is being answered is never cut for that.
//! A connection that became something else (a node's link, a WebSocket) keeps its place, has the heartbeats of what it
//! became, and is bound here only by how long its reader may stop.
//!
//! What this room does not do: look into requests.

mod accept;
mod body;
mod descriptors;
mod io;
mod owner;
mod serve;
mod stage;
mod table;

pub use accept::{Listener, accept};
pub use body::TooSlow;
pub use descriptors::raise;
pub use table::{Numbers, Table};
