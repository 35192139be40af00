//! The schema, as numbered files that are applied once and never changed after their release.

use super::error::{Result, StoreError, classify};
use super::store::Store;
use super::value::args;

/// Every migration, in order. A released one never changes; `cargo xtask tidy` and the stored checksum both watch over that.
pub(crate) const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_foundation", include_str!("../../migrations/0001_foundation.sql")),
    ("0002_people", include_str!("../../migrations/0002_people.sql")),
    ("0003_factor", include_str!("../../migrations/0003_factor.sql")),
    ("0004_token", include_str!("../../migrations/0004_token.sql")),
    ("0005_workspace", include_str!("../../migrations/0005_workspace.sql")),
    ("0006_search", include_str!("../../migrations/0006_search.sql")),
    ("0007_match", include_str!("../../migrations/0007_match.sql")),
    ("0008_role", include_str!("../../migrations/0008_role.sql")),
    ("0009_archive", include_str!("../../migrations/0009_archive.sql")),
    ("0010_match_host", include_str!("../../migrations/0010_match_host.sql")),
    ("0011_search_teams", include_str!("../../migrations/0011_search_teams.sql")),
    ("0012_link", include_str!("../../migrations/0012_link.sql")),
];

/// Serialises servers that start at the same time on one PostgreSQL.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7310881720517603)";

pub(super) async fn run(store: &Store) -> Result<()> {
    apply(store, MIGRATIONS).await
}

/// Brings the schema up to the given list, all in one transaction.
pub(super) async fn apply(store: &Store, migrations: &[(&str, &str)]) -> Result<()> {
    const DOING: &str = "migrating the schema";
    let mut conn = store.writer(DOING).await?;
    store.begin_writing(&mut conn).await?;
    if conn.is_postgres() {
        conn.batch(LOCK.to_owned()).await.map_err(|e| classify(DOING, e))?;
    }
    conn.exec(
        "CREATE TABLE IF NOT EXISTS migration (
             name TEXT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)",
        vec![],
    )
    .await?;
    let mut applied = Vec::new();
    for row in conn.all("SELECT name, checksum FROM migration ORDER BY name", vec![]).await? {
        applied.push((row.get::<String>("name")?, row.get::<String>("checksum")?));
    }
    check(&applied, migrations)?;
    for (name, sql) in &migrations[applied.len()..] {
        conn.batch((*sql).to_owned()).await.map_err(|source| {
            tracing::error!(migration = name, error = %source, "a migration failed");
            StoreError::Failed { doing: DOING, source }
        })?;
        conn.exec(
            "INSERT INTO migration (name, checksum, applied_at) VALUES ($1, $2, $3)",
            args![*name, checksum(sql), store.clock().now()],
        )
        .await?;
    }
    conn.end("COMMIT").await.map_err(|e| classify(DOING, e))
}

/// What is applied must be the beginning of what is known, unchanged.
fn check(applied: &[(String, String)], known: &[(&str, &str)]) -> Result<()> {
    for (i, (name, sum)) in applied.iter().enumerate() {
        let Some((known_name, sql)) = known.get(i) else {
            return Err(StoreError::Unusable(format!(
                "the database is newer than this program: it has the migration {name}, which this version does not know. \
                 Use the version that wrote it, or restore a backup made before the upgrade"
            )));
        };
        if name != known_name {
            return Err(StoreError::Unusable(format!(
                "the database has the migration {name} where this program expects {known_name}: it belongs to another build"
            )));
        }
        if *sum != checksum(sql) {
            return Err(StoreError::Unusable(format!(
                "the migration {name} is not the one that was applied to this database: a released migration was changed"
            )));
        }
    }
    Ok(())
}

fn checksum(sql: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, sql.as_bytes()))
}
