//! The store: opening it, and what the ways into it (`read!`, `snapshot!`, `change!`) are made of.

use super::conn::{Conn, Link};
use super::error::{Result, StoreError, classify, is_cut};
use super::fault::{self, Fault, Faults, Point};
use super::migrate;
use super::rights::{self, Moving, Rights};
use super::room::Room;
use super::sqlite::Sqlite;
use super::tx::Tx;
use crate::secret::MasterKey;
use ostler_model::event::Event;
use ostler_model::{Millis, Time};
use ostler_runtime::Clock;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// From the call to the answer, retries included.
const DEADLINE: Millis = Millis::secs(15);
/// Tries of one change before it is given up as busy.
const TRIES: u32 = 10;
/// How long one try waits for another process that writes to the same SQLite file.
const PATIENCE: Millis = Millis::secs(5);
/// The first pause between tries; it doubles up to [`PAUSE_MOST`].
const PAUSE_FIRST: Millis = Millis(5);
const PAUSE_MOST: Millis = Millis(500);
/// Connections to PostgreSQL per server process.
const POOL: u32 = 16;

/// What every connection to PostgreSQL begins with. All statements read and write few rows by an index: planning one anew for
/// each set of values, or compiling it, costs more than running it.
const SESSION: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off";

/// Which database, and what the store needs to work.
pub struct Options {
    place: Place,
    clock: Clock,
    key: MasterKey,
    faults: Option<Arc<dyn Faults>>,
    is_as_is: bool,
}

enum Place {
    File(PathBuf),
    Memory,
    Postgres(String),
}

impl Options {
    /// A SQLite file, made when it does not exist.
    pub fn sqlite(path: impl Into<PathBuf>, clock: Clock, key: MasterKey) -> Self {
        Self { place: Place::File(path.into()), clock, key, faults: None, is_as_is: false }
    }
    /// SQLite in memory, gone with the store.
    pub fn memory(clock: Clock, key: MasterKey) -> Self {
        Self { place: Place::Memory, clock, key, faults: None, is_as_is: false }
    }
    /// PostgreSQL, by its URL.
    pub fn postgres(url: impl Into<String>, clock: Clock, key: MasterKey) -> Self {
        Self { place: Place::Postgres(url.into()), clock, key, faults: None, is_as_is: false }
    }
    /// Leaves the schema as it is. For looking at, or copying, a database that another version may be using.
    #[must_use]
    pub fn as_is(mut self) -> Self {
        self.is_as_is = true;
        self
    }
    /// With faults on purpose.
    #[must_use]
    pub fn faults(mut self, faults: Arc<dyn Faults>) -> Self {
        self.faults = Some(faults);
        self
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    clock: Clock,
    key: MasterKey,
    faults: Option<Arc<dyn Faults>>,
    in_flight: AtomicUsize,
    listeners: RwLock<Vec<Listener>>,
    /// Held from taking sequence numbers to telling the listeners, so that they hear of commits in sequence.
    telling: tokio::sync::Mutex<()>,
    rights: Rights,
    room: Room,
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(PgPool),
}

type Listener = Box<dyn Fn(&[Event]) + Send + Sync>;

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.backend())
    }
}

/// Counts a call as under way until dropped.
pub(crate) struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Does not count a call as under way while it only waits for time to pass: simulated time would wait for it in turn.
struct Resting<'a>(&'a AtomicUsize);

impl<'a> Resting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_sub(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(options: Options) -> Result<Store> {
        let is_as_is = options.is_as_is;
        let backend = match options.place {
            Place::File(path) => Backend::Sqlite(Sqlite::file(&path, &options.clock)?),
            Place::Memory => Backend::Sqlite(Sqlite::memory(&options.clock)?),
            Place::Postgres(url) => Backend::Postgres(postgres(&url).await?),
        };
        let store = Store(Arc::new(Inner {
            backend,
            clock: options.clock,
            key: options.key,
            faults: options.faults,
            in_flight: AtomicUsize::new(0),
            listeners: RwLock::new(Vec::new()),
            telling: tokio::sync::Mutex::new(()),
            rights: Rights::new(),
            room: Room::default(),
        }));
        if !is_as_is {
            migrate::run(&store).await?;
        }
        Ok(store)
    }
    /// `sqlite` or `postgres`.
    pub fn backend(&self) -> &'static str {
        match self.0.backend {
            Backend::Sqlite(_) => "sqlite",
            Backend::Postgres(_) => "postgres",
        }
    }
    /// The file, when it is SQLite and not in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.path.as_deref(),
            Backend::Postgres(_) => None,
        }
    }
    /// Calls under way now. The simulation lets time pass only when there are none.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::SeqCst)
    }
    /// Hears the events of every change made through this store, after its commit and in sequence.
    ///
    /// An empty slice means that something may have been committed whose events are not known here (the caller went away while
    /// committing): read on from the last known sequence number. The listener must not block.
    pub fn on_commit(&self, listener: impl Fn(&[Event]) + Send + Sync + 'static) {
        self.0.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }
    /// Proves that the database answers and can be read.
    pub async fn ping(&self) -> Result<()> {
        read!(self, "ping", |db| { db.one("SELECT COUNT(*) AS n FROM counter", vec![]).await.map(|_| ()) })
    }
    /// Ends all connections. Calls under way finish first or fail as busy.
    pub async fn close(&self) {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.close(),
            Backend::Postgres(pool) => pool.close().await,
        }
    }
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }
    pub(crate) fn key(&self) -> &MasterKey {
        &self.0.key
    }
    pub(super) fn room(&self) -> &Room {
        &self.0.room
    }
    pub(crate) fn rights_state(&self) -> &Rights {
        &self.0.rights
    }

    /// Counts a call as under way until the guard is dropped.
    pub(crate) fn call(&self) -> InFlight<'_> {
        InFlight::new(&self.0.in_flight)
    }
    /// The future's result, or an error once its time is up.
    pub(crate) async fn within_deadline<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.0.clock.timeout(DEADLINE, work).await.unwrap_or(Err(StoreError::Late { doing }))
    }
    /// Begins an attempt that changes nothing. Each statement sees the latest commit.
    pub(crate) async fn begin_read(&self, doing: &'static str) -> Result<Conn> {
        self.fault(doing, Point::Begin).await?;
        self.reader(doing).await
    }
    /// Begins an attempt that changes nothing and whose statements all see the same moment.
    pub(crate) async fn begin_snapshot(&self, doing: &'static str) -> Result<Conn> {
        let mut conn = self.begin_read(doing).await?;
        conn.begin(if conn.is_postgres() { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } else { "BEGIN" })
            .await?;
        Ok(conn)
    }
    /// Begins an attempt at a change.
    pub(crate) async fn begin_change(&self, doing: &'static str, at: Time) -> Result<Tx> {
        self.fault(doing, Point::Begin).await?;
        let mut conn = self.writer(doing).await?;
        self.begin_writing(&mut conn).await?;
        Ok(Tx::new(conn, at))
    }
    /// Opens a transaction that writes.
    pub(super) async fn begin_writing(&self, conn: &mut Conn) -> Result<()> {
        if conn.is_postgres() {
            return conn.begin("BEGIN").await;
        }
        let until = self.0.clock.now() + PATIENCE;
        loop {
            // SQLite takes the write lock now: a transaction that begins as a reader cannot always become a writer. Another
            // process may have it for a while, for example somebody who mends something by hand.
            match conn.begin("BEGIN IMMEDIATE").await {
                Err(StoreError::Busy(_)) if self.0.clock.now() < until => {}
                begun => return begun,
            }
            let _resting = Resting::new(&self.0.in_flight);
            self.0.clock.sleep(PAUSE_FIRST).await;
        }
    }
    /// Ends an attempt: commits what succeeded, undoes what failed.
    pub(crate) async fn end_change<T>(&self, doing: &'static str, mut tx: Tx, out: Result<T>) -> Result<T> {
        match out {
            Ok(out) => self.commit(doing, tx).await.map(|()| out),
            Err(error) => {
                // A roll-back that fails leaves an unclean connection behind, which is cleaned or replaced before its next use.
                let _ = tx.conn.end("ROLLBACK").await;
                Err(error)
            }
        }
    }
    /// `None` after a pause when the attempt should be made again, else its final result.
    pub(crate) async fn settle<T>(&self, tries: &mut u32, done: Result<T>) -> Option<Result<T>> {
        *tries += 1;
        self.0.room.note(&done);
        match &done {
            Err(error) if error.is_retryable() && *tries < TRIES => {
                tracing::debug!(%error, tries, "the database is busy; trying again");
            }
            _ => return Some(done),
        }
        let pause = PAUSE_FIRST.0 << (*tries - 1).min(16);
        let _resting = Resting::new(&self.0.in_flight);
        self.0.clock.sleep(Millis(pause.min(PAUSE_MOST.0))).await;
        None
    }

    async fn commit(&self, doing: &'static str, mut tx: Tx) -> Result<()> {
        if let Err(error) = tx.check_touched().await {
            return self.undo(tx, error).await;
        }
        let _in_sequence = if tx.has_facts() { Some(self.0.telling.lock().await) } else { None };
        let moves_rights = !rights::is_neutral(doing);
        let written = match tx.write_facts().await {
            Ok(events) if moves_rights => tx.rights_moved().await.map(|()| events),
            written => written,
        };
        let events = match written {
            Ok(events) => match self.fault(doing, Point::Commit).await {
                Ok(()) => events,
                Err(error) => return self.undo(tx, error).await,
            },
            Err(error) => return self.undo(tx, error).await,
        };
        // From here on the change may be seen; the copies of rights end whatever becomes of this call.
        let rights = moves_rights.then_some(&self.0.rights);
        let mut moving = Moving { rights, now: self.0.clock.now(), is_sure: false };
        let mut telling = Telling { store: self, events: &events, is_sure: false };
        match tx.conn.end("COMMIT").await {
            Ok(()) => {
                (telling.is_sure, moving.is_sure) = (true, true);
                self.0.room.kept();
            }
            Err(source) if is_cut(&source) => return Err(StoreError::Unsure { doing, source }),
            Err(source) => {
                moving.is_sure = true;
                return Err(classify(doing, source));
            }
        }
        drop(moving);
        drop(telling);
        self.fault(doing, Point::Committed).await
    }

    async fn undo(&self, mut tx: Tx, error: StoreError) -> Result<()> {
        let _ = tx.conn.end("ROLLBACK").await;
        Err(error)
    }

    async fn fault(&self, doing: &'static str, point: Point) -> Result<()> {
        let Some(fault) = self.0.faults.as_ref().and_then(|faults| faults.at(doing, point)) else { return Ok(()) };
        if let Fault::Slow(span) = fault {
            let _resting = Resting::new(&self.0.in_flight);
            self.0.clock.sleep(span).await;
        }
        fault::error(fault, point, doing).map_or(Ok(()), Err)
    }

    pub(super) async fn reader(&self, doing: &'static str) -> Result<Conn> {
        let link = match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.reader().await.map(Link::Sqlite),
            Backend::Postgres(pool) => pool.acquire().await.map(Link::Postgres),
        };
        Ok(Conn::new(link.map_err(|e| classify(doing, e))?, doing))
    }

    /// Writes a copy of SQLite's database into an empty file.
    pub(super) async fn copy_sqlite(&self, to: &str) -> Result<()> {
        let Backend::Sqlite(sqlite) = &self.0.backend else {
            return Err(StoreError::Unusable("only SQLite is copied into a file".to_owned()));
        };
        sqlite.copy_into(to).await.map_err(|e| classify("backing up", e))
    }

    pub(super) async fn writer(&self, doing: &'static str) -> Result<Conn> {
        let link = match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.writer().await.map(Link::Sqlite),
            Backend::Postgres(pool) => pool.acquire().await.map(Link::Postgres),
        };
        Ok(Conn::new(link.map_err(|e| classify(doing, e))?, doing))
    }
}

/// Tells the listeners of a commit, however the committing future ends.
struct Telling<'a> {
    store: &'a Store,
    events: &'a [Event],
    is_sure: bool,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let events = if self.is_sure { self.events } else { &[] };
        if self.events.is_empty() {
            return;
        }
        for listener in self.store.0.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
            listener(events);
        }
    }
}

async fn postgres(url: &str) -> Result<PgPool> {
    let options: PgConnectOptions =
        url.parse().map_err(|e| StoreError::Unusable(format!("the PostgreSQL URL cannot be read: {e}")))?;
    let options = options.application_name("ostler").disable_statement_logging();
    PgPoolOptions::new()
        .max_connections(POOL)
        .after_connect(|conn, _| Box::pin(async move { sqlx::raw_sql(SESSION).execute(conn).await.map(|_| ()) }))
        .acquire_timeout(std::time::Duration::from_secs(5))
        .connect_with(options)
        .await
        .map_err(|e| StoreError::Unusable(format!("PostgreSQL does not answer: {e}")))
}

/// Runs queries that change nothing; each sees the latest commit.
///
/// This and its siblings are macros because a closure that returns a future over its borrowed argument cannot yet be known to
/// be `Send`, and handlers need that. The body may run more than once and must have no effect outside the database.
macro_rules! read {
    ($store:expr, $doing:literal, |$db:ident| $body:block) => {{
        let store: &$crate::db::store::Store = $store;
        let _counted = store.call();
        // Pinned where it is: it can be large, and would be copied at each hand it goes through.
        let work = std::pin::pin!(async {
            let mut tries = 0;
            loop {
                let attempt = async {
                    let mut conn = store.begin_read($doing).await?;
                    let $db = &mut conn;
                    $body
                };
                if let Some(done) = store.settle(&mut tries, attempt.await).await {
                    break done;
                }
            }
        });
        store.within_deadline($doing, work).await
    }};
}
pub(crate) use read;

/// Runs queries that change nothing and all see the same moment.
macro_rules! snapshot {
    ($store:expr, $doing:literal, |$db:ident| $body:block) => {{
        let store: &$crate::db::store::Store = $store;
        let _counted = store.call();
        let work = std::pin::pin!(async {
            let mut tries = 0;
            loop {
                let attempt = async {
                    let mut conn = store.begin_snapshot($doing).await?;
                    let out: $crate::db::error::Result<_> = async {
                        let $db = &mut conn;
                        $body
                    }
                    .await;
                    // Nothing was changed; an end that fails is noticed by the connection's next user.
                    let _ = conn.end("ROLLBACK").await;
                    out
                };
                if let Some(done) = store.settle(&mut tries, attempt.await).await {
                    break done;
                }
            }
        });
        store.within_deadline($doing, work).await
    }};
}
pub(crate) use snapshot;

/// Runs a change in one transaction, together with its events and audit entries.
macro_rules! change {
    ($store:expr, $doing:literal, $at:expr, |$tx:ident| $body:block) => {{
        let store: &$crate::db::store::Store = $store;
        let _counted = store.call();
        let work = std::pin::pin!(async {
            let mut tries = 0;
            loop {
                let attempt = async {
                    let mut begun = store.begin_change($doing, $at).await?;
                    let out: $crate::db::error::Result<_> = async {
                        let $tx = &mut begun;
                        $body
                    }
                    .await;
                    store.end_change($doing, begun, out).await
                };
                if let Some(done) = store.settle(&mut tries, attempt.await).await {
                    break done;
                }
            }
        });
        store.within_deadline($doing, work).await
    }};
}
pub(crate) use change;
