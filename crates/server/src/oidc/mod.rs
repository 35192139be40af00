//! Sign-in by another party (OpenID Connect): the code flow with PKCE, and nothing else.
//!
//! A provider's word is one factor: whoever has a second one here is asked for it, and whoever needs one has to set it up. A
//! statement that cannot be verified ends the attempt; nothing is ever asked for in its place. Where a browser goes afterwards
//! is a path of this server.

mod api;
mod flow;
#[cfg(test)]
mod fuzz;
mod jws;
mod party;

pub use api::routes;
pub use flow::Redirect;
