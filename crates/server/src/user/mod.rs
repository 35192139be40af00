//! People: who exists, how they come in and go, and who am I?

mod api;
mod invite;
mod own;
mod reset;
mod view;

use crate::http::Routes;

pub(crate) use invite::fresh_token;
pub use invite::{Offer, offer, routes as invite_routes};
pub(crate) use reset::hand_out;
pub(crate) use view::{me, user_view};

/// The endpoints about people.
pub fn routes() -> Routes {
    reset::add(own::add(api::routes()))
}
