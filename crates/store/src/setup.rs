//! Looking at a PostgreSQL before anything is installed into it.

use crate::db::error::Result;
use crate::db::store::{Options, Store, read};
use crate::secret::MasterKey;
use ostler_runtime::Clock;

/// What is in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As the database names it.
    pub version: String,
    pub holds: Holds,
}

/// Whose tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Nothing,
    /// Ours.
    Ostler,
    /// Somebody else's: nothing is ever installed beside them.
    Others,
}

/// Connects to a PostgreSQL and looks, without changing anything.
pub async fn look_at(url: &str, clock: &Clock) -> Result<Found> {
    let options = Options::postgres(url, clock.clone(), MasterKey::new([0; 32])).as_is();
    let store = Store::open(options).await?;
    let found = look(&store).await;
    store.close().await;
    found
}

async fn look(store: &Store) -> Result<Found> {
    read!(store, "setup_look", |db| {
        let row = db
            .one(
                "SELECT current_setting('server_version') AS version, COUNT(*) AS tables,
                     COUNT(*) FILTER (WHERE table_name IN ('migration', 'chain')) AS ours
                 FROM information_schema.tables WHERE table_schema = current_schema()",
                vec![],
            )
            .await?;
        let (tables, ours): (i64, i64) = (row.get("tables")?, row.get("ours")?);
        let holds = match (tables, ours) {
            (0, _) => Holds::Nothing,
            (_, 2) => Holds::Ostler,
            _ => Holds::Others,
        };
        Ok(Found { version: row.get("version")?, holds })
    })
}
