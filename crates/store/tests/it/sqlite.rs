//! What only SQLite can get wrong: one writer, a log beside the file, and other processes.

use crate::support::Db;
use ostler_model::Millis;
use ostler_model::authz::Collection;
use ostler_model::user::User;
use ostler_store::{Fault, Faults, Point};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Rests at the end of every new person, with the transaction open.
struct Rest;

impl Faults for Rest {
    fn at(&self, operation: &'static str, point: Point) -> Option<Fault> {
        (operation == "user_create" && point == Point::Commit).then_some(Fault::Slow(Millis::secs(3600)))
    }
}

#[tokio::test]
async fn a_change_that_is_dropped_while_its_transaction_is_open_is_rolled_back_at_once() {
    let t = Db::sqlite().await;
    let store = t.with_faults(Arc::new(Rest)).await;
    let grant = t.may(&Collection::<User>::platform());
    let new = t.new_user("gone@example.org");
    let call = store.user_create(&grant, &new, t.now());
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err(), "it rests in the middle");
    // Another connection gets the lock, and nothing of the change is there.
    t.user("next@example.org").await;
    assert!(store.user_find(new.id).await.unwrap().is_none());
    // And so does the one that was left in the middle.
    store.session_touch(&[], t.now()).await.unwrap();
    assert_eq!(store.in_flight(), 0);
    store.close().await;
    t.finish().await;
}

#[tokio::test]
async fn a_change_waits_for_another_process_that_writes_and_keeps_no_thread_waiting() {
    let t = Db::sqlite().await;
    let other = rusqlite::Connection::open(file(&t)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut call = Box::pin(t.user("late@example.org"));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut call).await.is_err(), "the lock is another's");
    // Reading goes on meanwhile.
    assert!(t.store.user_list(&Default::default()).await.unwrap().items.is_empty());
    other.execute_batch("COMMIT").unwrap();
    let late = (&mut call).await;
    drop(call);
    assert!(t.store.user_find(late.id).await.unwrap().is_some());
    t.finish().await;
}

#[tokio::test]
async fn the_log_is_folded_into_the_file_while_changes_go_on() {
    let t = Db::sqlite().await;
    let (path, end) = (file(&t), t.now() + Millis::secs(60));
    let size = || std::fs::metadata(&path).unwrap().len();
    let empty = size();
    let mut count = 0_i64;
    while size() <= empty {
        assert!(t.now() < end, "after {count} changes nothing is in the file but the log");
        t.user(&format!("u{count}@example.org")).await;
        count += 1;
    }
    // What is in the file alone is whole: it holds a beginning of what was done.
    let copy = path.with_file_name("copy.db");
    t.store.close().await;
    std::fs::copy(&path, &copy).unwrap();
    let conn = rusqlite::Connection::open(&copy).unwrap();
    let kept: i64 = conn.query_one("SELECT COUNT(*) FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, count, "closing folds in what was left");
}

fn file(t: &Db) -> PathBuf {
    t.store.path().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_short_however_busily_it_is_written() {
    let t = Db::sqlite().await;
    let path = file(&t);
    // Two at a time, so that somebody always wants to write: there is no moment in which the fold could catch up by itself.
    let write = async |who: &str| {
        for n in 0..1500 {
            t.user(&format!("{who}{n}@example.org")).await;
        }
    };
    tokio::join!(write("a"), write("b"));
    // The file is as long as the log ever was.
    let most = std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
    assert!(most < 40 << 20, "the log was {} MiB long", most >> 20);
    t.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_a_long_read_made_long_gives_its_space_back() {
    let t = Db::sqlite().await;
    let path = file(&t);
    let size = || std::fs::metadata(path.with_extension("db-wal")).unwrap().len() >> 20;
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT COUNT(*) FROM users").unwrap();
    let mut n = 0;
    let mut next = async || {
        t.user(&format!("u{n}@example.org")).await;
        n += 1;
    };
    while size() < 80 {
        next().await;
    }
    reader.execute_batch("ROLLBACK").unwrap();
    let end = t.now() + Millis::secs(60);
    while size() > 64 {
        assert!(t.now() < end, "the log is {} MiB long", size());
        next().await;
    }
    t.finish().await;
}

#[tokio::test]
async fn s21_the_files_of_a_database_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("private.db");
    let mode = |end: &str| {
        let file = PathBuf::from(format!("{}{end}", path.display()));
        file.metadata().unwrap().permissions().mode() & 0o777
    };
    for round in 0..2 {
        let options = ostler_store::Options::sqlite(
            &path,
            ostler_runtime::Clock::system(),
            ostler_store::MasterKey::new([1; 32]),
        );
        let store = ostler_store::Store::open(options).await.unwrap();
        store.ping().await.unwrap();
        for end in ["", "-wal", "-shm"] {
            assert_eq!(mode(end), 0o600, "{end} in round {round}");
        }
        store.close().await;
        // As an older version, or a copy by hand, has left it.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    }
}
