//! Databases for tests, and the nouns that most tests begin with.

use ostler_model::authz::{
    Authority, Collection, Grant, Origin, Platform, Report, Resource, RoleRef, SystemReason, Verb, Write, authorize,
};
use ostler_model::node::{Abilities, Facts, Isolation, JoinToken, Node};
use ostler_model::user::{Session, SessionKind, State, User};
use ostler_model::workload::blueprint::Limits;
use ostler_model::workload::{Kind, Power, Runtime, Spec, Workload};
use ostler_model::workspace::{Member, Workspace};
use ostler_model::{Id, JobId, Millis, NodeId, Time, WorkloadId, WorkspaceId};
use ostler_runtime::{Clock, Ids};
use ostler_store::session::{Begun, SignIn};
use ostler_store::{Faults, MasterKey, Options, Store, StoreError, job, node, user, workload};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::OnceCell;

/// Runs a test once on SQLite and once on PostgreSQL.
macro_rules! both_backends {
    ($($(#[$doc:meta])* async fn $name:ident($t:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test needs every name")]
            use super::*;
            async fn run($t: &$crate::support::Db) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let db = $crate::support::Db::sqlite().await;
                run(&db).await;
                db.finish().await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let Some(db) = $crate::support::Db::postgres().await else { return };
                run(&db).await;
                db.finish().await;
            }
        }
    )*};
}
pub(crate) use both_backends;

/// The stored form of everybody's password.
pub(crate) const PASSWORD: &str = "$argon2id$stored";

/// One database of a test's own.
pub(crate) struct Db {
    pub(crate) store: Store,
    pub(crate) ids: Ids,
    pub(crate) clock: Clock,
    place: Place,
}

enum Place {
    File(tempfile::TempDir),
    Postgres { admin: String, name: String },
}

static NUMBER: AtomicU64 = AtomicU64::new(0);
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

pub(crate) fn key() -> MasterKey {
    MasterKey::new([7; 32])
}

impl Db {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Options::sqlite(dir.path().join("t.db"), Clock::system(), key())).await.unwrap();
        Self::of(store, Place::File(dir))
    }
    /// `None`, said loudly, when no PostgreSQL was given; a failure in CI.
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(admin) = std::env::var("OSTLER_TEST_POSTGRES") else {
            assert!(std::env::var_os("CI").is_none(), "OSTLER_TEST_POSTGRES must be set in CI");
            eprintln!("SKIPPED: no PostgreSQL. Set OSTLER_TEST_POSTGRES to a superuser's URL to run this half.");
            return None;
        };
        let template = TEMPLATE.get_or_init(|| template(&admin)).await;
        let name = format!("ostler_t_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        sql(&admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let url = with_database(&admin, &name);
        let store = Store::open(Options::postgres(url, Clock::system(), key())).await.unwrap();
        Some(Self::of(store, Place::Postgres { admin, name }))
    }
    fn of(store: Store, place: Place) -> Self {
        let clock = Clock::system();
        Self { store, ids: Ids::system(clock.clone()), clock, place }
    }
    /// A second store on the same database, as another server process would have.
    pub(crate) async fn reopen(&self) -> Store {
        Store::open(self.options(key())).await.unwrap()
    }
    pub(crate) async fn with_faults(&self, faults: Arc<dyn Faults>) -> Store {
        Store::open(self.options(key()).faults(faults)).await.unwrap()
    }
    pub(crate) fn options(&self, key: MasterKey) -> Options {
        match &self.place {
            Place::File(dir) => Options::sqlite(dir.path().join("t.db"), self.clock.clone(), key),
            Place::Postgres { admin, name } => Options::postgres(with_database(admin, name), self.clock.clone(), key),
        }
    }
    /// Does something to the database behind the store's back.
    pub(crate) async fn meddle(&self, text: &str) {
        match &self.place {
            Place::File(dir) => {
                let conn = rusqlite::Connection::open(dir.path().join("t.db")).unwrap();
                conn.execute_batch(text).unwrap();
            }
            Place::Postgres { admin, name } => sql(&with_database(admin, name), text).await,
        }
    }
    /// The same, to see whether the database refuses it.
    pub(crate) async fn try_meddle(&self, text: &str) -> Result<(), String> {
        match &self.place {
            Place::File(dir) => {
                let conn = rusqlite::Connection::open(dir.path().join("t.db")).unwrap();
                conn.execute_batch(text).map_err(|error| error.to_string())
            }
            Place::Postgres { admin, name } => {
                use sqlx::Connection as _;
                let mut conn = sqlx::PgConnection::connect(&with_database(admin, name)).await.unwrap();
                let done = sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut conn).await;
                done.map(drop).map_err(|error| error.to_string())
            }
        }
    }
    /// The one text that a query finds.
    pub(crate) async fn text(&self, query: &str) -> String {
        match &self.place {
            Place::File(dir) => {
                let conn = rusqlite::Connection::open(dir.path().join("t.db")).unwrap();
                conn.query_row(query, [], |row| row.get(0)).unwrap()
            }
            Place::Postgres { admin, name } => {
                use sqlx::{Connection as _, Row as _};
                let mut conn = sqlx::PgConnection::connect(&with_database(admin, name)).await.unwrap();
                let row = sqlx::query(sqlx::AssertSqlSafe(query.to_owned())).fetch_one(&mut conn).await.unwrap();
                row.get(0)
            }
        }
    }
    /// The columns of a table, as the schema has them.
    pub(crate) async fn columns(&self, table: &str) -> Vec<String> {
        let query = match &self.place {
            Place::File(_) => format!("SELECT group_concat(name) FROM pragma_table_info('{table}')"),
            Place::Postgres { .. } => format!(
                "SELECT string_agg(column_name::text, ',') FROM information_schema.columns WHERE table_name = '{table}'"
            ),
        };
        self.text(&query).await.split(',').map(str::to_owned).collect()
    }
    /// A row, column by column, as texts.
    pub(crate) async fn row(&self, table: &str, columns: &[String], id: impl std::fmt::Display) -> Vec<String> {
        let mut row = Vec::new();
        for column in columns {
            let query = format!("SELECT COALESCE(CAST({column} AS TEXT), 'NULL') FROM {table} WHERE id = '{id}'");
            row.push(self.text(&query).await);
        }
        row
    }
    /// A database of its own with the schema as it was before this migration; to be filled with SQL, and then opened.
    pub(crate) async fn older(&self, migration: &str) -> Db {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let mut text = "CREATE TABLE migration (name TEXT NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL);"
            .to_owned();
        for file in files.iter().take_while(|file| file.file_stem().unwrap().to_str().unwrap() < migration) {
            let (sql, name) = (std::fs::read_to_string(file).unwrap(), file.file_stem().unwrap().to_str().unwrap());
            let sum = hex::encode(ring::digest::digest(&ring::digest::SHA256, sql.as_bytes()));
            text = format!("{text}\n{sql}\nINSERT INTO migration VALUES ('{name}', '{sum}', 0);");
        }
        let place = match &self.place {
            Place::File(_) => Place::File(tempfile::tempdir().unwrap()),
            Place::Postgres { admin, .. } => {
                let name = format!("ostler_t_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
                sql(admin, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
                Place::Postgres { admin: admin.clone(), name }
            }
        };
        // The store of a database in memory, until the real one is opened.
        let store = Store::open(Options::memory(self.clock.clone(), key())).await.unwrap();
        let older = Db { store, ids: self.ids.clone(), clock: self.clock.clone(), place };
        older.meddle(&text).await;
        older
    }
    /// A literal of bytes.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        match &self.place {
            Place::File(_) => format!("x'{}'", hex::encode(bytes)),
            Place::Postgres { .. } => format!("decode('{}', 'hex')", hex::encode(bytes)),
        }
    }
    /// Connections to PostgreSQL on which somebody left a transaction open; none on SQLite.
    pub(crate) async fn left_open(&self) -> i64 {
        let Place::Postgres { admin, name } = &self.place else { return 0 };
        use sqlx::{Connection as _, Row as _};
        let mut conn = sqlx::PgConnection::connect(admin).await.unwrap();
        let text =
            "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = $1 AND state LIKE 'idle in transaction%'";
        let count = sqlx::query(text).bind(name).fetch_one(&mut conn).await.unwrap().get("n");
        conn.close().await.unwrap();
        count
    }
    pub(crate) async fn finish(self) {
        assert_eq!(self.store.in_flight(), 0, "no call is under way when a test ends");
        self.store.close().await;
        if let Place::Postgres { admin, name } = &self.place {
            sql(admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }
    pub(crate) fn id<T: Id>(&self) -> T {
        self.ids.next()
    }
    /// The grant of somebody who may do everything that people can do.
    pub(crate) fn may<R: Resource, V: Verb>(&self, what: &R) -> Grant<R, V> {
        let mut who = Authority::system(SystemReason::Setup);
        who.actor.kind = ostler_model::authz::ActorKind::User(Id::from_parts(Time::ZERO, 0));
        who.actor.label = "root".into();
        who.is_platform_admin = true;
        authorize(&who, what, &Arc::new(Origin::default())).unwrap()
    }
    /// The grant of the platform itself.
    pub(crate) fn system<R: Resource, V: Verb>(&self, reason: SystemReason, what: &R) -> Grant<R, V> {
        authorize(&Authority::system(reason), what, &Arc::new(Origin::default())).unwrap()
    }
    /// The grant of a person with the rights they have now.
    pub(crate) async fn by<R: Resource, V: Verb>(&self, user: &User, what: &R) -> Grant<R, V> {
        let (_, who) = self.store.user_authority(user.id).await.unwrap().unwrap();
        authorize(&who, what, &Arc::new(Origin::default())).unwrap()
    }
    pub(crate) fn report(&self, node: &Node) -> Grant<Node, Report> {
        authorize(&Authority::node(node.id, node.name.as_str()), node, &Arc::new(Origin::default())).unwrap()
    }

    pub(crate) fn new_user(&self, email: &str) -> user::New {
        user::New {
            id: self.id(),
            email: email.parse().unwrap(),
            name: "Somebody".parse().unwrap(),
            state: State::Active,
            is_platform_admin: false,
            password_hash: Some(PASSWORD.into()),
        }
    }
    pub(crate) async fn user(&self, email: &str) -> User {
        let grant = self.may(&Collection::<User>::platform());
        self.store.user_create(&grant, &self.new_user(email), self.now()).await.unwrap()
    }
    /// A session that has not begun.
    pub(crate) fn session(&self, user: &User) -> Session {
        Session {
            id: self.id(),
            user: user.id,
            kind: SessionKind::Browser,
            created_at: self.now(),
            seen_at: self.now(),
            expires_at: self.now() + Millis::secs(60),
            address: Some("192.0.2.1".into()),
            user_agent: None,
        }
    }
    /// Begins a session under a token of its own.
    pub(crate) async fn begin(
        &self,
        session: &Session,
        sign_in: impl Into<SignIn<'_>>,
    ) -> Result<Option<Begun>, StoreError> {
        self.begin_with(session, &self.ids.bytes::<32>(), sign_in).await
    }
    pub(crate) async fn begin_with(
        &self,
        session: &Session,
        token: &[u8],
        sign_in: impl Into<SignIn<'_>>,
    ) -> Result<Option<Begun>, StoreError> {
        let grant = self.system(SystemReason::SignIn, &Collection::<Session>::platform());
        self.store.session_create(&grant, (session, token), sign_in.into(), session.created_at).await
    }
    pub(crate) async fn workspace(&self, slug: &str) -> (Workspace, User) {
        let owner = self.user(&format!("{slug}@example.org")).await;
        let workspace = Workspace::new(self.id(), slug.parse().unwrap(), slug.parse().unwrap(), self.now());
        let grant = self.may(&Collection::<Workspace>::platform());
        (self.store.workspace_create(&grant, &workspace, owner.id, self.now()).await.unwrap(), owner)
    }
    pub(crate) async fn member(&self, workspace: &Workspace, email: &str, role: impl Into<RoleRef>) -> (User, Member) {
        let user = self.user(email).await;
        let grant = self.system_member(workspace);
        let member = self.store.member_add(&grant, user.id, role, self.now()).await.unwrap();
        (user, member)
    }
    fn system_member(&self, workspace: &Workspace) -> Grant<Collection<Member>, Write> {
        self.system(SystemReason::Setup, &Collection::<Member>::of(workspace.id))
    }
    pub(crate) async fn token(&self, workspace: Option<WorkspaceId>, secret: &[u8], span: Millis) -> JoinToken {
        let collection = workspace.map_or_else(Collection::<Node>::platform, Collection::<Node>::of);
        let token = JoinToken {
            id: self.id(),
            workspace,
            created_by: None,
            label: None,
            created_at: self.now(),
            expires_at: self.now() + span,
            used_at: None,
            node: None,
        };
        let grant = self.may(&collection);
        self.store.join_token_create(&grant, &token, secret, self.now()).await.unwrap()
    }
    pub(crate) fn joining(&self, name: &str) -> node::Joining {
        let can = Abilities { isolation: Isolation::Full, ..Abilities::default() };
        let facts = Facts { port_range: (20_000, 20_099), memory_bytes: 64 << 30, can, ..Facts::default() };
        node::Joining { id: self.id(), name: name.parse().unwrap(), public_key: self.ids.bytes::<32>().to_vec(), facts }
    }
    pub(crate) async fn node(&self, workspace: Option<WorkspaceId>, name: &str) -> Node {
        let secret = self.ids.bytes::<32>();
        self.token(workspace, &secret, Millis::secs(60)).await;
        let (joining, origin) = (self.joining(name), Origin::default());
        self.store.node_join(&secret, &joining, &origin, self.now()).await.unwrap()
    }
    pub(crate) fn new_workload(&self, name: &str, node: Option<NodeId>, ports: &[&str]) -> workload::New {
        workload::New {
            id: self.id(),
            kind: Kind::Game,
            name: name.parse().unwrap(),
            spec: Spec {
                template: "luanti".into(),
                runtime: Runtime::Process,
                variables: Default::default(),
                limits: Limits::default(),
            },
            node,
            power: Power::On,
            ports: ports.iter().map(|p| (*p).to_owned()).collect(),
            hosting: None,
        }
    }
    pub(crate) async fn workload(&self, workspace: &Workspace, name: &str, node: Option<NodeId>) -> Workload {
        let grant = self.may(&Collection::<Workload>::of(workspace.id));
        let new = self.new_workload(name, node, &["game"]);
        self.store.workload_create(&grant, &new, None, self.now()).await.unwrap()
    }
    pub(crate) fn new_job(&self, workspace: Option<WorkspaceId>, target: WorkloadId) -> job::New {
        job::New {
            id: self.id::<JobId>(),
            workspace,
            kind: "workload.provision".into(),
            target: target.to_string(),
            input: "{}".into(),
            step: Some("place".into()),
            due_at: self.now(),
        }
    }
    pub(crate) fn platform<V: Verb>(&self) -> Grant<Platform, V> {
        self.may(&Platform)
    }
}

async fn template(admin: &str) -> String {
    let name = format!("ostler_tpl_{}", std::process::id());
    sql(admin, &format!("DROP DATABASE IF EXISTS {name}")).await;
    sql(admin, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    let url = with_database(admin, &name);
    let store = Store::open(Options::postgres(url, Clock::system(), key())).await.unwrap();
    store.close().await;
    name
}

async fn sql(url: &str, text: &str) {
    use sqlx::Connection as _;
    let mut conn = sqlx::PgConnection::connect(url).await.expect("OSTLER_TEST_POSTGRES must answer");
    sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// The URL with another database: the path between the authority and the query.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, String::new()), |(base, query)| (base, format!("?{query}")));
    let start = base.find("://").expect("a URL has a scheme") + 3;
    let end = base[start..].find('/').map_or(base.len(), |slash| start + slash);
    format!("{}/{name}{query}", &base[..end])
}
