//! Sessions and tokens: what is accepted, for how long, and what ends it at once.

mod cache;
mod database;
mod kinds;
mod refresh;
mod revoke;
