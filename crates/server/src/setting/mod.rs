//! Settings of the platform: what is said where, which of it holds, and starting anew so that all of it does.
//!
//! Over the defaults goes the file, over it what admins say here (in the database), over that the environment and the flags:
//! whoever can start the server can always undo what was said in the panel. Secrets go in and never come out.

mod api;
mod current;
mod items;
mod problems;

pub use api::routes;
pub(crate) use current::changes;
pub use current::{Effective, Settings};
pub(crate) use items::{ITEMS, Item};
pub(crate) use problems::problems;
