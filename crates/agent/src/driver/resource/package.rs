//! Packages: `apt` for the whole machine, `npm` into a volume.

use super::Machinery;
use super::file::Place;
use crate::driver::account::{Account, Accounts, is_root};
use crate::driver::process::network::{self, Network};
use crate::driver::process::sandbox::Launch;
use crate::driver::{Job, Note, Progress, tool};
use ostler_model::Millis;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io::Read as _;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

/// The slowest honest installation.
const LIMIT: Millis = Millis::secs(40 * 60);
/// Lines of a failed installation that are worth showing.
const LAST_LINES: usize = 6;

impl Machinery {
    pub(super) async fn apt(
        &self,
        name: &str,
        version: Option<&str>,
        provides: Option<&str>,
        progress: Progress<'_>,
    ) -> Result<Note, String> {
        if provides.is_some_and(|path| path.starts_with('/') && std::path::Path::new(path).is_file()) {
            return Ok(Note::ready());
        }
        let is_plain = |text: &str, more: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !is_plain(name, "+.-") || !version.is_none_or(|v| is_plain(v, "+.-:~")) {
            return Err(format!("{name:?} {version:?} does not name a package"));
        }
        if provides.is_none() && version.is_none() {
            let state = tool::run(&self.clock, "dpkg-query", &["-W", "-f=${db:Status-Status}", name]).await;
            if state.is_ok_and(|s| s.trim() == "installed") {
                return Ok(Note::ready());
            }
        }
        if !is_root() {
            return Err(format!("the agent is not root and may not install it; please run: apt-get install {name}"));
        }
        let wanted = version.map_or_else(|| name.to_owned(), |v| format!("{name}={v}"));
        let install = ["install", "-y", "--no-install-recommends", &wanted];
        progress("waiting for another installation".to_owned());
        let _one = self.apt.lock().await;
        if self.apt_get(&install, progress).await.is_err() {
            // The lists may be missing or old.
            self.apt_get(&["update"], progress).await?;
            self.apt_get(&install, progress).await?;
        }
        Ok(Note::ready())
    }

    /// Goes on when the caller does not wait any longer: an interrupted dpkg leaves the machine with a half installed package.
    async fn apt_get(&self, arguments: &[&str], progress: Progress<'_>) -> Result<(), String> {
        let mut command = tokio::process::Command::new(tool::find("apt-get").ok_or("apt-get is not installed")?);
        command
            .args(["-q", "-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=5", "-o", "Dpkg::Use-Pty=0"])
            .args(["-o", "Dpkg::Options::=--force-confold"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("PATH", tool::PATH)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("apt-get cannot be run: {e}"))?;
        let (say, mut said) = mpsc::channel(64);
        let (done, end) = oneshot::channel();
        let clock = self.clock.clone();
        self.spawn.spawn("apt", async move {
            let result = clock.timeout(LIMIT, watch("apt-get", &mut child, say)).await;
            let _ = done.send(result.unwrap_or_else(|| Err("apt-get takes too long".to_owned())));
        });
        while let Some(line) = said.recv().await {
            progress(line);
        }
        end.await.map_err(|_| "the agent is going down".to_owned())?
    }

    pub(super) async fn npm(
        &self,
        job: &Job,
        name: &str,
        version: Option<&str>,
        volume: &str,
        progress: Progress<'_>,
    ) -> Result<Note, String> {
        check_npm(name, version)?;
        let dir = self.layout.volume(job.id, volume)?;
        let account = Accounts::of(job.id);
        if installed(&dir, name).is_some_and(|found| version.is_none_or(|v| v == found)) {
            return Ok(Note::ready());
        }
        let wanted = version.map_or_else(|| name.to_owned(), |v| format!("{name}@{v}"));
        let prefix = dir.display().to_string();
        // Scripts of packages are other people's programs; they do not run while installing.
        let args = [
            "install",
            "--prefix",
            &prefix,
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--loglevel=http",
            &wanted,
        ];
        let env = BTreeMap::from([("npm_config_cache".to_owned(), dir.join(".npm-cache").display().to_string())]);
        let mut child = self.npm_fenced(job, &args, &env, volume, account.as_ref()).await?;
        let (say, mut said) = mpsc::channel(64);
        let work = async {
            let (done, ()) = futures_util::join!(watch("npm", &mut child, say), async {
                while let Some(line) = said.recv().await {
                    progress(line);
                }
            });
            done
        };
        let done = self.clock.timeout(LIMIT, work).await.unwrap_or_else(|| Err("npm takes too long".to_owned()));
        if let Err(error) = self.layout.trash().remove(&dir.join(".npm-cache"), &format!("{}.npm-cache", job.id)).await
        {
            tracing::warn!(workload = %job.id, %error, "what npm has fetched cannot be removed");
        }
        if let (Network::Own, Some(account)) = (self.network, &account) {
            network::disconnect(&self.clock, account.uid).await?;
        }
        done?;
        match installed(&dir, name) {
            Some(_) => Ok(Note::ready()),
            None => Err(format!("npm says that it has installed {wanted}, but it is not there")),
        }
    }

    /// Starts npm. What a tenant has written into the volume is read by it, so it is fenced like the tenant's own programs.
    async fn npm_fenced(
        &self,
        job: &Job,
        args: &[&str],
        env: &BTreeMap<String, String>,
        volume: &str,
        account: Option<&Account>,
    ) -> Result<Child, String> {
        let own = account.filter(|_| self.network == Network::Own).map(|account| account.uid);
        let (wait, gate) = std::io::pipe().map_err(|e| format!("npm cannot be held back: {e}"))?;
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let launch = Launch {
            id: job.id,
            program: "npm",
            args: &args,
            env,
            volumes: &[volume],
            tool: None,
            workdir: volume,
            account,
            join: vec![],
            status: None,
            network: if own.is_some() { Network::Own } else { Network::Shared },
            gate: own.map(|_| wait.into()),
        };
        let io = [Stdio::null(), Stdio::piped(), Stdio::piped()];
        let child = self.sandbox.launch_to_end(&self.layout, launch, io)?;
        if let (Some(own), Some(pid)) = (own, child.id().and_then(|pid| i32::try_from(pid).ok())) {
            network::connect(&self.clock, own, pid, &[]).await?;
        }
        drop(gate);
        Ok(child)
    }
}

/// Names come from outside and become arguments: nothing that npm could take for an option, a path or an address.
fn check_npm(name: &str, version: Option<&str>) -> Result<(), String> {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '_', '-'])
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
    };
    let is_name = match name.strip_prefix('@').map(|n| n.split_once('/')) {
        Some(Some((scope, own))) => is_part(scope) && is_part(own),
        Some(None) => false,
        None => is_part(name),
    };
    let is_version =
        version.is_none_or(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-".contains(&b)));
    if is_name && is_version { Ok(()) } else { Err(format!("{name:?} {version:?} does not name an npm package")) }
}

/// The version of a package in a volume. The tenant may have written anything there, so little is read and nothing followed.
fn installed(volume: &std::path::Path, name: &str) -> Option<String> {
    let place = Place::find_existing(volume, &format!("node_modules/{name}/package.json")).ok()?;
    let mut text = String::new();
    place.read()?.take(1 << 20).read_to_string(&mut text).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    value["version"].as_str().map(str::to_owned)
}

/// Passes on what a tool prints, and its last words when it fails.
async fn watch(name: &str, child: &mut tokio::process::Child, say: mpsc::Sender<String>) -> Result<(), String> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (from_out, from_err) = futures_util::join!(lines(out, &say), lines(err, &say));
    drop(say);
    let status = child.wait().await.map_err(|e| format!("{name} cannot be waited for: {e}"))?;
    if status.success() {
        return Ok(());
    }
    let last = if from_err.is_empty() { from_out } else { from_err };
    Err(format!("{name} failed ({status}): {}", Vec::from(last).join(" / ")))
}

async fn lines(from: Option<impl AsyncRead + Unpin>, say: &mpsc::Sender<String>) -> VecDeque<String> {
    let mut last = VecDeque::new();
    let Some(from) = from else { return last };
    let mut from = BufReader::new(from);
    let mut line = vec![];
    loop {
        line.clear();
        // A tool prints short lines; one that does not is read in pieces of the buffer's size.
        match tokio::io::AsyncReadExt::take(&mut from, 8 * 1024).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return last,
            Ok(_) => {}
        }
        let text: String = String::from_utf8_lossy(&line).trim().chars().take(300).collect();
        if text.is_empty() {
            continue;
        }
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(text.clone());
        // Progress is only for looking at: whoever does not keep up misses some.
        let _ = say.try_send(text);
    }
}
