//! The audit trail: reading it, exporting it, signing it, and writing down who was refused. What was done is written by the changes themselves.

mod api;
mod export;
mod notary;
mod refusal;

pub use api::routes;
pub use notary::{Notary, upkeep};
pub(crate) use refusal::tell_unwritten;
pub use refusal::{Budget, Who, note_refusal};
