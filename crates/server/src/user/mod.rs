//! People: who exists, and who am I?

mod api;
mod view;

pub use api::routes;
pub(crate) use view::{me, reach, user_view};
