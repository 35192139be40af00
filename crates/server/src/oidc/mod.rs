//! Sign-in by another party (OpenID Connect): the code flow with PKCE, and nothing else.
//!
//! A provider's word is one factor: whoever has a second one here is asked for it, and whoever needs one has to set it up. A
//! statement that cannot be verified ends the attempt; nothing is ever asked for in its place. Where a browser goes afterwards
//! is a path of this server.
//!
//! Outside its domains a provider's word says nothing about an address; and by address it leads to no person who has a
//! password of their own or administers the platform: they link it themselves, signed in.

mod api;
mod cache;
mod flow;
#[cfg(test)]
mod fuzz;
mod identity;
mod jws;
mod party;

pub use api::routes;
pub use cache::Journeys;
pub use flow::Redirect;
