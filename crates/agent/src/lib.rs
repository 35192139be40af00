//! What runs on a node: links, supervisor and drivers. It sees resources and ids, never a kind, a user or a price.

mod agent;
pub mod console;
pub mod driver;
mod forward;
pub mod identity;
pub mod join;
pub mod limits;
pub mod link;
pub mod machine;
pub mod probe;
mod router;
pub mod stats;
pub mod supervisor;
mod tree;

pub use agent::{Agent, Config};
pub use router::router;
