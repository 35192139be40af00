//! First run: the one-time secret, checks before anything is installed, and the first admin.

mod api;
mod check;
mod secret;

pub use api::routes;
pub(crate) use secret::prepare;
