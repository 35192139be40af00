//! Reconcilers: loops that bring rows and nodes together, without arguments and without an end.
//!
//! `driver` runs one pass after another, woken by events and by the clock; `nodes` has one such loop per connected node, which
//! pushes what is wanted (`desired`) and takes over what is reported (`observed`). What this room does not do: decide what is
//! wanted, or hold links.

mod desired;
mod driver;
mod nodes;
mod observed;

pub use driver::{Health, Pass, Wake};
pub use nodes::{Needs, NodeSync, Reconciler};
