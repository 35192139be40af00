//! The audit trail, for those who may read it. Entries are written by the changes themselves.

mod api;

pub use api::routes;
