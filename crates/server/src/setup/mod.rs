//! First run: the one-time secret, and the first admin.

mod api;
mod secret;

pub use api::routes;
pub(crate) use secret::prepare;
