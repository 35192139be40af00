//! A control plane of a test's own: the built program on a free port and an empty folder, with a first admin.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{Running, folder, until, until_async};

/// The first admin of every house.
pub const EMAIL: &str = "ada@example.org";
/// Their password.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running control plane with one admin and one API key that may do everything.
pub struct House {
    /// The process; `None` while it is stopped.
    pub server: Option<Running>,
    dir: tempfile::TempDir,
    listen: String,
    args: Vec<String>,
    environment: Vec<(String, String)>,
    /// The admin's key, `ost_…`.
    pub key: String,
    /// The admin's session, a cookie: for what a key may not do.
    pub cookie: String,
    /// The one-time secret that the first admin was made with.
    pub setup_secret: String,
    /// For requests that no method here makes.
    pub http: reqwest::Client,
}

impl House {
    /// Starts `ostler <command> --data DIR --listen 127.0.0.1:FREE <more>` and makes the first admin.
    pub async fn start(command: &str, more: &[&str]) -> Result<Self> {
        Self::start_with(command, more, &[]).await
    }

    /// The same with variables of its own in its environment.
    pub async fn start_with(command: &str, more: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let listen = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr())?.to_string();
        let dir = folder()?;
        let mut args = vec![command.to_owned(), "--data".into(), dir.path().join("data").display().to_string()];
        args.extend(["--listen".into(), listen.clone()]);
        if command == "up" {
            // Tests run side by side, and each agent believes that its ports are its own.
            let first =
                28000 + u32::from(listen.rsplit(':').next().and_then(|p| p.parse::<u16>().ok()).unwrap_or(0)) % 500 * 8;
            args.extend(["--port-range".into(), format!("{first}-{}", first + 7)]);
        }
        args.extend(more.iter().map(ToString::to_string));
        // The second call in one process finds a provider already there, which is just as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let idle = Duration::from_secs(30);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).pool_idle_timeout(idle).build()?;
        let (key, cookie, setup_secret) = (String::new(), String::new(), String::new());
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut house = Self { server: None, dir, listen, args, environment, key, cookie, setup_secret, http };
        house.resume().await?;
        house.install().await?;
        Ok(house)
    }

    /// Starts the program again on the same folder and waits until it is ready.
    pub async fn resume(&mut self) -> Result<()> {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.server = Some(Running::start_with(self.dir.path(), "ostler", &args, &environment)?);
        let ready = format!("{}/ready", self.url());
        let came = until_async("the server is ready", Duration::from_secs(30), async || {
            Ok(self.http.get(&ready).send().await?.status().is_success().then_some(()))
        });
        came.await.with_context(|| self.log())
    }

    async fn install(&mut self) -> Result<()> {
        self.setup_secret = until("the setup link is printed", Duration::from_secs(20), || {
            let log = self.log();
            Ok(log.split("#secret=").nth(1).map(|rest| {
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect::<String>()
            }))
        })?;
        let install = json!({"secret": self.setup_secret, "email": EMAIL, "name": "Ada", "password": PASSWORD});
        let answer = self.http.post(self.at("/setup/install")).json(&install).send().await?;
        let status = answer.status();
        let cookie = answer.headers().get("set-cookie").and_then(|c| c.to_str().ok()).unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        if !status.is_success() || cookie.is_empty() {
            bail!("setup answered {status}: {}", answer.text().await.unwrap_or_default());
        }
        let kinds =
            ["platform", "workspace", "member", "user", "session", "key", "node", "template", "workload", "job"];
        let kinds = kinds.into_iter().chain(["match", "bot", "event", "audit"]);
        let all: Vec<String> =
            kinds.flat_map(|k| ["read", "operate", "write"].map(|verb| format!("{k}:{verb}"))).collect();
        let answer = self
            .http
            .post(self.at("/keys"))
            .header("cookie", &cookie)
            .header("x-ostler-csrf", "1")
            .json(&json!({"label": "tests", "capabilities": all}))
            .send()
            .await?;
        let status = answer.status();
        let body: Value = answer.json().await.with_context(|| format!("making a key answered {status}"))?;
        self.key = body["secret"].as_str().with_context(|| format!("no secret in {body}"))?.to_owned();
        self.cookie = cookie;
        Ok(())
    }

    /// Changes something as the admin in person; the answer must be a success.
    pub async fn patch_in_person(&self, path: &str, body: Value) -> Result<Value> {
        let request = self.http.patch(self.at(path)).header("cookie", &self.cookie).header("x-ostler-csrf", "1");
        let answer = request.json(&body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("PATCH {path} answered {status}: {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Where it listens, for example `http://127.0.0.1:4711`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url())
    }

    /// The folder that holds `data` and the log.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What the program has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("ostler.log")).unwrap_or_default()
    }

    /// A GET as the admin; the answer must be a success.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(reqwest::Method::GET, path, None).await
    }

    /// A POST as the admin; the answer must be a success.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.send(reqwest::Method::POST, path, Some(body).filter(|body| !body.is_null())).await
    }

    /// A DELETE as the admin; the answer must be a success.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.send(reqwest::Method::DELETE, path, None).await
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self.http.request(method.clone(), self.at(path)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{method} {path} answered {status}: {text}");
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    /// Asks until the answer to a GET satisfies `is_it`, or fails with the last answer.
    pub async fn wait(&self, path: &str, limit: Duration, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let seen = std::cell::RefCell::new(Value::Null);
        let what = format!("{path} comes to it");
        let came = until_async(&what, limit, async || {
            let now = self.get(path).await?;
            let found = is_it(&now).then(|| now.clone());
            *seen.borrow_mut() = now;
            Ok(found)
        });
        came.await.with_context(|| format!("last:\n{:#}\nlog:\n{}", seen.borrow(), self.log()))
    }
}
