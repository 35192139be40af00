//! Templates, for people who choose one and for the rooms that make workloads from them.

mod catalog;

pub use catalog::{Catalog, Entry};
