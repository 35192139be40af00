//! The schema, as numbered files that are applied once and never changed after their release.

use super::conn::Conn;
use super::error::{Result, StoreError, classify};
use super::store::Store;
use super::value::args;
use ostler_model::Timezone;
use ostler_model::user::Email;

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
    ("0013_identity", include_str!("../../migrations/0013_identity.sql")),
    ("0014_place", include_str!("../../migrations/0014_place.sql")),
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
    let new = &migrations[applied.len()..];
    for (name, sql) in new {
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
    if new.iter().any(|(name, _)| *name == "0013_identity") {
        one_spelling(&mut conn).await?;
    }
    conn.end("COMMIT").await.map_err(|e| classify(DOING, e))
}

/// Addresses and time zones that were stored as they were typed get the one spelling that they are looked for by.
async fn one_spelling(conn: &mut Conn) -> Result<()> {
    for row in conn.all("SELECT id, email FROM users ORDER BY id", vec![]).await? {
        let (id, stored): (String, String) = (row.get("id")?, row.get("email")?);
        let Some(email) = stored.parse::<Email>().ok().filter(|email| email.as_str() != stored) else { continue };
        if conn.opt("SELECT id FROM users WHERE email = $1", args![email]).await?.is_some() {
            tracing::warn!(
                user.id = id,
                "this person's address is spelled in another way than another person's; give them another one"
            );
            continue;
        }
        conn.exec("UPDATE users SET email = $2 WHERE id = $1", args![id, email]).await?;
    }
    for row in conn.all("SELECT user_id, timezone FROM preference WHERE timezone IS NOT NULL", vec![]).await? {
        let (id, stored): (String, String) = (row.get("user_id")?, row.get("timezone")?);
        if let Some(zone) = stored.parse::<Timezone>().ok().filter(|zone| zone.as_str() != stored) {
            conn.exec("UPDATE preference SET timezone = $2 WHERE user_id = $1", args![id, zone.to_string()]).await?;
        }
    }
    Ok(())
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
