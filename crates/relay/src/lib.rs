//! The lockstep match relay: a pure engine that orders what players intend, and the worker that moves its messages.
//!
//! It relays intents and simulates nothing. Every turn goes to every player in order, also when it is empty; whoever
//! comes back gets every turn since the last one they had. The engine has no IO and no clock, so the same inputs give the
//! same bytes. What this crate does not do: accounts, panels, forwarding between machines.

pub mod engine;
pub mod rules;
pub mod worker;

pub use engine::{Archive, Input, Match, Output, step};
pub use rules::Rules;
pub use worker::{Config, NewMatch, Trusted, Worker};
