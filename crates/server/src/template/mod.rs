//! Templates, for people who choose one and for the rooms that make workloads from them.

mod catalog;
mod routes;

pub use catalog::{Catalog, Entry};
pub use routes::routes;
