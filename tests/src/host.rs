//! A match worker of a test's own: the built program on a free port and an empty folder.

use crate::{Running, folder, until};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The trusted bot's key of every match host.
pub const BOT_KEY: &str = "a key for the bot of these tests";

/// A running `ostler match-worker`.
pub struct MatchHost {
    /// The process; `None` while it is stopped.
    pub process: Option<Running>,
    dir: tempfile::TempDir,
    /// How many workers share the matches, at the next start.
    pub workers: u32,
    /// Where it listens, for example `127.0.0.1:4711`. It stays the same over restarts.
    pub address: String,
    http: reqwest::Client,
}

impl MatchHost {
    /// Starts a host with so many workers.
    pub fn start(workers: u32) -> Result<Self> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let address = "127.0.0.1:0".to_owned();
        let mut host = Self { process: None, dir: folder()?, workers, address, http };
        host.resume()?;
        Ok(host)
    }

    /// Starts the program again on the same folder and address, and waits until it listens.
    pub fn resume(&mut self) -> Result<()> {
        let data = self.data().display().to_string();
        let workers = self.workers.to_string();
        let args = ["match-worker", "--listen", &self.address, "--data", &data, "--workers", &workers];
        let mut process = Running::start_with(self.dir.path(), "worker", &args, &[("ADMIN_BOT_API_KEY", BOT_KEY)])?;
        let listening = until("the worker listens", Duration::from_secs(30), || {
            let log = self.log();
            let found =
                log.split_once("listens on http://").and_then(|(_, rest)| Some(rest.split_once('\n')?.0.to_owned()));
            let has_ended = found.is_none() && process.ended(Duration::ZERO).is_ok();
            Ok(if has_ended { Some(None) } else { found.map(Some) })
        })?;
        self.address = listening.with_context(|| format!("the worker ended at once: {}", self.log()))?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills the process the hard way and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { bail!("there is nothing to kill") };
        process.signal("KILL")?;
        process.ended(Duration::from_secs(10))?;
        Ok(())
    }

    /// The folder of journals and archives.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("matches")
    }

    /// The folder that holds the data and the log.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What the program has printed since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("worker.log")).unwrap_or_default()
    }

    /// One request of the trusted bot's, `METHOD path` below `/api/adminbot/`: the status and the answer.
    pub async fn bot(&self, request: &str, body: Value) -> Result<(u16, Value)> {
        self.bot_at(&format!("http://{}", self.address), request, body).await
    }

    /// The same through a prefix, for example of one worker.
    pub async fn bot_at(&self, base: &str, request: &str, body: Value) -> Result<(u16, Value)> {
        let (method, path) = request.split_once(' ').context("a method and a path")?;
        let url = format!("{base}/api/adminbot/{path}");
        let mut request = self.http.request(method.parse()?, url).header("x-admin-bot-key", BOT_KEY);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status().as_u16(), answer.text().await?);
        Ok((status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? }))
    }
}
