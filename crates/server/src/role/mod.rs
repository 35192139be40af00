//! Roles: the four that every workspace has, and those that it made for itself.
//!
//! What keeps people from giving themselves more is in the store, under the workspace's lock: an answer of this room is only
//! about whether what was said makes sense.

mod api;
mod said;

pub use api::routes;
pub(crate) use said::{no_such_role, prose};
