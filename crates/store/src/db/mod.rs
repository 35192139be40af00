//! The layer between the nouns and the two databases: connections, transactions, rows, pages, migrations.
//!
//! What it does not know: any noun. What it promises: one statement text for both databases; a change is kept whole or not at
//! all, together with its events and audit entries; every call ends within a deadline; every failure has a domain name.

mod backup;
pub(crate) mod conn;
pub(crate) mod error;
pub(crate) mod fault;
mod migrate;
pub(crate) mod page;
pub(crate) mod redact;
mod rights;
mod room;
pub(crate) mod row;
mod sqlite;
pub(crate) mod store;
pub(crate) mod tx;
pub(crate) mod value;

pub use error::{Constraint, Result, Rule, StoreError};
pub use fault::{Fault, Faults, Point};
pub use page::{PAGE_MOST, Page, Paging, Reach};
pub use room::Shortage;
pub use store::{Options, Store};
