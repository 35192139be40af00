//! A worker in this process behind a real listener, and a bot that talks to it.

use ostler_model::Secret;
use ostler_relay::worker::front;
use ostler_relay::{Config, Rules, Worker};
use ostler_runtime::{Clock, Ids, Spawn};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) struct Bot {
    pub(crate) base: String,
    key: Option<String>,
    http: reqwest::Client,
    spawn: Option<Spawn>,
    _dir: Option<tempfile::TempDir>,
}

pub(crate) async fn workers(dir: &Path, key: Option<&str>, count: u32, spawn: &Spawn) -> Vec<Worker> {
    let clock = Clock::system();
    let mut workers = Vec::new();
    for index in 0..count {
        let config = Config {
            index,
            count,
            data_dir: dir.join(format!("w{index}")),
            admin_bot_key: key.map(Secret::new),
            titles: Rules::builtin(),
            most_matches: 5_000,
        };
        let ids = Ids::system(clock.clone());
        workers.push(Worker::start(config, clock.clone(), ids, spawn.clone()).await.unwrap());
    }
    workers
}

impl Bot {
    pub(crate) async fn start(key: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spawn = Spawn::new();
        let router = front(workers(dir.path(), key, 2, &spawn).await);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = listener.local_addr().unwrap().to_string();
        drop(spawn.spawn("listen", async move { axum::serve(listener, router).await.unwrap() }));
        let mut bot = Self::at(base, key);
        (bot.spawn, bot._dir) = (Some(spawn), Some(dir));
        bot
    }

    pub(crate) fn at(base: String, key: Option<&str>) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { base, key: key.map(str::to_owned), http, spawn: None, _dir: None }
    }

    pub(crate) async fn raw(&self, path: &str, key: Option<&str>) -> (u16, String) {
        let request = self.http.post(format!("http://{}/api/adminbot/{path}", self.base)).json(&json!({}));
        let request = if let Some(key) = key { request.header("x-admin-bot-key", key) } else { request };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(reqwest::Method::POST, path, Some(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(reqwest::Method::GET, path, None).await
    }

    pub(crate) async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("http://{}/api/adminbot/{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("x-admin-bot-key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// A new match: its id and the prefix of its worker.
    pub(crate) async fn create(&self, query: &str, config: Value) -> (String, String) {
        let (status, made) = self.post(&format!("create_game{query}"), config).await;
        assert_eq!(status, 200, "{made}");
        (made["gameID"].as_str().unwrap().to_owned(), made["workerPath"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn intent(&self, id: &str, intent: Value) -> (u16, Value) {
        self.post(&format!("game/{id}/intent"), intent).await
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if let Some(spawn) = &self.spawn {
            spawn.cancel();
        }
    }
}
