//! Backups of SQLite.

use crate::support::{Db, key};
use ostler_runtime::Clock;
use ostler_store::{Options, Store, StoreError};

#[tokio::test]
async fn a_backup_made_while_writing_can_be_opened_and_never_overwrites() {
    let t = Db::sqlite().await;
    t.user("before@example.org").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("copy.db");
    let writers = futures_util::future::join_all((0..10).map(|i| {
        let (t, email) = (&t, format!("u{i}@example.org"));
        async move { t.user(&email).await }
    }));
    let (_, backup) = tokio::join!(writers, t.store.backup_to(&path));
    backup.unwrap();
    let copy = Store::open(Options::sqlite(&path, Clock::system(), key())).await.unwrap();
    let people = copy.user_list(&Default::default()).await.unwrap().items.len();
    assert!((1..=11).contains(&people));
    assert!(matches!(copy.audit_verify(None).await.unwrap(), ostler_store::audit::Verdict::Whole { .. }));
    copy.close().await;
    let again = t.store.backup_to(&path).await;
    assert!(matches!(&again, Err(StoreError::Unusable(why)) if why.contains("never overwrites")), "{again:?}");
    t.finish().await;
}

#[tokio::test]
async fn postgres_says_which_tool_to_use() {
    let Some(t) = Db::postgres().await else { return };
    let refused = t.store.backup_to(std::path::Path::new("/nowhere/x")).await.unwrap_err();
    assert!(refused.to_string().contains("pg_dump"));
    t.finish().await;
}

#[tokio::test]
async fn a_database_in_memory_works_for_readers_and_writers() {
    let store = Store::open(Options::memory(Clock::system(), key())).await.unwrap();
    store.ping().await.unwrap();
    assert!(store.user_list(&Default::default()).await.unwrap().items.is_empty());
}
