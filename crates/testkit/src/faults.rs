//! What can go wrong: between machines, and with the database.

use ostler_model::Millis;
use ostler_runtime::Ids;
use ostler_store::{Fault, Faults, Point};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// The state of one host's way to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// How long bytes are under way.
    pub delay: Millis,
    /// Bytes are taken and not delivered; nobody is told.
    pub is_held: bool,
    /// As held, and nobody can be reached anew.
    pub is_partitioned: bool,
    /// Each new connection breaks after this many bytes towards the server.
    pub cut_after: Option<usize>,
}

impl Weather {
    /// Nothing is wrong.
    pub fn fine() -> Self {
        Self::default()
    }
    /// Everything takes this long.
    pub fn slow(delay: Millis) -> Self {
        Self { delay, ..Self::default() }
    }
    /// Nothing arrives.
    pub fn partitioned() -> Self {
        Self { is_partitioned: true, ..Self::default() }
    }
}

/// How the database is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    #[default]
    Fine,
    /// Often busy.
    Busy,
    /// Changes are undone at the last moment, and the caller cannot know.
    Cut,
    /// Changes are kept, but the answer is lost.
    Mute,
    /// No room for changes.
    Full,
    /// Everything takes a while.
    Slow,
}

/// A database whose mood can be changed while it is used. One operation in four is struck.
pub struct Mood {
    now: Mutex<Database>,
    ids: Ids,
}

impl Mood {
    /// A fine mood; the dice are thrown with these ids.
    pub fn new(ids: Ids) -> Self {
        Self { now: Mutex::default(), ids }
    }
    /// Changes the mood.
    pub fn set(&self, database: Database) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = database;
    }
    /// The present mood.
    pub fn get(&self) -> Database {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for Mood {
    fn at(&self, _: &'static str, point: Point) -> Option<Fault> {
        let fault = match (self.get(), point) {
            (Database::Busy, Point::Begin) => Fault::Busy,
            (Database::Cut, Point::Commit) | (Database::Mute, Point::Committed) => Fault::Cut,
            (Database::Full, Point::Commit) => Fault::Full,
            (Database::Slow, Point::Begin) => Fault::Slow(Millis(300)),
            _ => return None,
        };
        let [random] = self.ids.bytes();
        (random < 64).then_some(fault)
    }
}
