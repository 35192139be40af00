//! Faults on purpose: what the simulation and the tests plug in to see every failure of a database.

use super::error::StoreError;
use ostler_model::Millis;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Busy or a serialisation failure: the store tries again by itself.
    Busy,
    /// No room: nothing is kept.
    Full,
    /// The connection breaks.
    Cut,
    /// The operation takes this much longer.
    Slow(Millis),
}

/// Where in an operation a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// Before anything is sent.
    Begin,
    /// After all statements, before the commit: everything must vanish.
    Commit,
    /// After the commit: the caller sees an error although the change was kept.
    Committed,
}

/// Decides about faults; asked at every point of every operation.
pub trait Faults: Send + Sync {
    /// The fault for this operation at this point, if any.
    fn at(&self, operation: &'static str, point: Point) -> Option<Fault>;
}

/// The error that a fault looks like from outside.
pub(crate) fn error(fault: Fault, point: Point, doing: &'static str) -> Option<StoreError> {
    let broken = || sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "injected"));
    match (fault, point) {
        (Fault::Slow(_), _) => None,
        (Fault::Busy | Fault::Full | Fault::Cut, Point::Committed) => {
            Some(StoreError::Unsure { doing, source: broken() })
        }
        (Fault::Busy, Point::Begin | Point::Commit) => Some(StoreError::Busy(sqlx::Error::PoolTimedOut)),
        (Fault::Full, Point::Begin | Point::Commit) => Some(StoreError::Full(broken())),
        (Fault::Cut, Point::Begin) => Some(StoreError::Busy(broken())),
        (Fault::Cut, Point::Commit) => Some(StoreError::Unsure { doing, source: broken() }),
    }
}
