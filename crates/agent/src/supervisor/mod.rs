//! Keeps what runs here as it is wanted: stores wishes, plans, acts, journals and reports.
//!
//! One keeper task per workload, all alike; the plan itself is pure and lives in `model`. Invariants: a wish is stored before
//! it is acknowledged; a thing is in the inventory before it is made; older generations and other installations are refused.
//! What this room does not know: how anything is done, which is the drivers' business.

mod conditions;
pub mod desired;
pub mod disk;
pub mod journal;
mod keeper;
mod operate;
mod recover;
pub mod report;
mod usage;
mod work;

pub use desired::{Here, Supervisor};
