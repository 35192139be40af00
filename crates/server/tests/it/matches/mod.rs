//! Matches through the control plane: bots, people, players, and those who try something else.

mod away;
mod bots;
mod people;
mod prefix;

use axum::body::Body;
use http::{Method, Request};
use ostler_model::Secret;
use ostler_server::config::{Config, Matches, Rates};
use ostler_testkit::server::{Answer, TestServer};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the platform's own bot presents.
const KEY: &str = "the-platforms-own-bot";

/// A server with workers.
struct House {
    t: TestServer,
    workers: Vec<ostler_testkit::matches::Worker>,
    _dir: TempDir,
}

impl House {
    async fn open(count: u32) -> Self {
        let matches = Matches { admin_bot_key: Some(Secret::new(KEY)), ..Matches::default() };
        let t = TestServer::with(Config { rates: Rates::NONE, matches, ..Config::default() }).await;
        let (workers, dir) = ostler_testkit::matches::attach(&t, count).await;
        Self { t, workers, _dir: dir }
    }

    /// Asks as a bot.
    async fn bot(&self, key: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        bot(&self.t, key, method, path, body).await
    }

    /// A tic-tac-toe of the platform's own bot.
    async fn game(&self) -> String {
        let made = self.bot(KEY, Method::POST, "/api/adminbot/create_game?title=tic-tac-toe", Some(json!({}))).await;
        made.is(200).json()["gameID"].as_str().unwrap().to_owned()
    }
}

async fn bot(t: &TestServer, key: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder().method(method).uri(path).header("x-admin-bot-key", key);
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    t.send(request.body(body).unwrap()).await
}
