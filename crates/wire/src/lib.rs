//! Everything that crosses a process boundary: API inputs and views, agent messages, the typed API client.
//!
//! Types here are what callers see: they are never stored, and each converts to or from a model type by name.
//! Inputs refuse unknown fields and name them.

pub mod audit;
pub mod auth;
pub mod bot;
pub mod client;
pub mod code;
pub mod console;
pub mod error;
pub mod event;
pub mod factor;
#[cfg(test)]
mod fuzz;
pub mod invite;
pub mod job;
pub mod key;
pub mod link;
pub mod match_cbor;
pub mod matches;
pub mod matches_api;
pub mod member;
pub mod node;
pub mod oidc;
pub mod page;
pub mod role;
pub mod sample;
pub mod search;
pub mod setting;
pub mod setup;
pub mod stats;
pub mod system;
pub mod team;
pub mod template;
pub mod user;
pub mod workload;
pub mod workspace;

pub use error::ErrorBody;
pub use page::Page;
pub use sample::Sample;

/// A field that was said, even if what was said is null: what is absent stays as it is, and null takes it away.
fn said<'de, T: serde::Deserialize<'de>, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    serde::Deserialize::deserialize(d).map(Some)
}
