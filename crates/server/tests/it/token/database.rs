//! The same test on SQLite and on PostgreSQL.

use ostler_model::Secret;
use ostler_runtime::Ids;
use ostler_server::config::{Config, Rates};
use ostler_store::{MasterKey, Options, Store};
use ostler_testkit::server::{As, SkipClock, TestServer};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// A database of a test's own.
pub(super) enum Db {
    File(tempfile::TempDir),
    Postgres { admin: String, name: String },
}

static NUMBER: AtomicU64 = AtomicU64::new(0);
pub(super) const PASSWORD: &str = "correct horse battery";

impl Db {
    /// SQLite, and PostgreSQL when there is one; its absence is said loudly, and is a failure in CI.
    pub(super) async fn both() -> Vec<Db> {
        let mut all = vec![Db::File(tempfile::tempdir().unwrap())];
        match std::env::var("OSTLER_TEST_POSTGRES") {
            Ok(admin) => {
                let number = NUMBER.fetch_add(1, Ordering::SeqCst);
                let name = format!("ostler_s_{}_{number}", std::process::id());
                sql(&admin, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
                all.push(Db::Postgres { admin, name });
            }
            Err(_) => {
                assert!(std::env::var_os("CI").is_none(), "OSTLER_TEST_POSTGRES must be set in CI");
                eprintln!("SKIPPED: no PostgreSQL. Set OSTLER_TEST_POSTGRES to a superuser's URL to run this half.");
            }
        }
        all
    }
    /// Opens it as a server process would. May be called again: that is another server.
    pub(super) async fn server(&self) -> TestServer {
        let time = SkipClock::new();
        let key = MasterKey::new([7; 32]);
        let options = match self {
            Db::File(dir) => Options::sqlite(dir.path().join("t.db"), time.clock(), key),
            Db::Postgres { admin, name } => Options::postgres(url(admin, name), time.clock(), key),
        };
        let store = Store::open(options).await.unwrap();
        let ids = Ids::system(time.clock());
        TestServer::on(Config { rates: Rates::NONE, ..Config::default() }, store, time, ids).await
    }
    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Db::Postgres { .. })
    }
    /// Removes it.
    pub(super) async fn drop(self) {
        if let Db::Postgres { admin, name } = &self {
            sql(admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// Installs, with Ada as the admin.
pub(super) async fn install(t: &TestServer) {
    let body = json!({
        "secret": t.setup_secret.reveal(), "email": "ada@example.org", "name": "Ada", "password": PASSWORD
    });
    t.post(&As::Nobody, "/api/v1/setup/install", &body).await.is(201);
}

/// Signs Ada in for tokens.
pub(super) async fn tokens(t: &TestServer) -> Value {
    let body = json!({"email": "ada@example.org", "password": PASSWORD, "token": true});
    let answer = t.post(&As::Nobody, "/api/v1/auth/login", &body).await.is(200);
    assert_eq!(answer.header("set-cookie"), None, "who asks for tokens gets no cookie");
    answer.json()["tokens"].clone()
}

/// The access token as credentials.
pub(super) fn access(tokens: &Value) -> As {
    As::Bearer(tokens["access_token"].as_str().unwrap().to_owned())
}

/// The refresh token's text.
pub(super) fn refresh(tokens: &Value) -> Secret {
    Secret::new(tokens["refresh_token"].as_str().unwrap().to_owned())
}

async fn sql(url: &str, text: &str) {
    let mut conn = sqlx::PgConnection::connect(url).await.expect("OSTLER_TEST_POSTGRES must answer");
    sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

fn url(admin: &str, name: &str) -> String {
    let (base, query) = admin.split_once('?').map_or((admin, String::new()), |(b, q)| (b, format!("?{q}")));
    let start = base.find("://").expect("a URL has a scheme") + 3;
    let end = base[start..].find('/').map_or(base.len(), |slash| start + slash);
    format!("{}/{name}{query}", &base[..end])
}
