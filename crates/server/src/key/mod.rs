//! API keys: never stronger than their owner is now, and never stronger than the key that made them.

mod api;
mod said;

pub use api::routes;
