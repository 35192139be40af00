//! Tests that need both sides: server and agent.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests own time, randomness and tasks")]

mod fleet;
mod link;
mod machine;
mod node;
mod place;
mod proof;
mod proxies;
mod proxy;
