//! The audit trail: reading it, and writing down who was refused. What was done is written by the changes themselves.

mod api;
mod refusal;

pub use api::routes;
pub use refusal::{Budget, note_refusal};
