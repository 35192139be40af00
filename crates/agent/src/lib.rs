//! What runs on a node: links, supervisor and drivers. It sees resources and ids, never a kind, a user or a price.

pub mod identity;
pub mod join;
pub mod link;
