//! Tests of the model as a whole.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fuzz;
mod lifecycle;
mod mutant;
mod oracle;
mod place;
mod policy;
mod restart;
mod template;
