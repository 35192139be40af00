//! Running one suite, and the services that suites share.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::counts::{Counts, Dialect};
use super::engine::{Engine, Kind};
use super::needs::{self, Need};
use super::postgres::Postgres;
use super::suites::{self, Suite, Work};
use super::{direct, scratch::Scratch};
use crate::guard::{Guarded, Leash, Stop};
use crate::{panel, say, shell, tidy};

/// The run: its services are started when the first suite that needs them comes, and end with this value.
pub struct House {
    strict: bool,
    has_build: bool,
    built: bool,
    postgres: Option<Postgres>,
    docker: Option<Engine>,
    podman: Option<Engine>,
    nextest: bool,
    temp: Option<(Scratch, Leash)>,
}

impl House {
    /// Nothing is started yet. `has_build` says that the `build` suite is part of the run.
    pub fn new(strict: bool, has_build: bool) -> Self {
        let nextest = shell::output(shell::cargo().args(["nextest", "--version"])).is_ok();
        if !nextest {
            say::note(
                "cargo-nextest is missing, so each test binary runs directly: `cargo install cargo-nextest --locked`",
            );
        }
        Self { strict, has_build, built: false, postgres: None, docker: None, podman: None, nextest, temp: None }
    }

    /// Runs a suite to its end: what was counted, and why it is not green if that is not in the counts.
    pub fn run(&mut self, suite: &Suite) -> (Counts, Option<anyhow::Error>) {
        let mut counts = Counts::default();
        let error = self.work(suite, &mut counts).err();
        (counts, error)
    }

    fn work(&mut self, suite: &Suite, counts: &mut Counts) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(suite.minutes * 60);
        match &suite.work {
            Work::Tidy => tidy::check_all(counts_of_rules(counts)),
            Work::Commands(commands) => {
                for words in *commands {
                    let mut command = if words[0] == "cargo" { shell::cargo() } else { Command::new(words[0]) };
                    command.args(&words[1..]).current_dir(shell::root());
                    if self.has_build {
                        // What is built already is not built again with other features.
                        command.env("OSTLER_BIN", shell::binary(false));
                    }
                    one_check(counts, self.follow(&mut command, Dialect::ExitCode, limit, &mut Counts::default()))?;
                }
                Ok(())
            }
            Work::Npm(scripts) => self.npm(suite, scripts, limit, counts),
            Work::Rust(_) => self.rust(suite, limit, counts),
        }
    }

    fn npm(&mut self, suite: &Suite, scripts: &[&str], limit: Instant, counts: &mut Counts) -> Result<()> {
        if !panel::exists() {
            bail!("web/package.json is missing");
        }
        panel::require_node()?;
        panel::install(&panel::folder())?;
        self.fixtures(suite)?;
        let manifest = std::fs::read_to_string(panel::folder().join("package.json"))?;
        let manifest: serde_json::Value = serde_json::from_str(&manifest)?;
        if let Some(script) = scripts.iter().find(|script| !manifest["scripts"][**script].is_string()) {
            bail!("web/package.json has no script {script:?}");
        }
        let environment = self.environment(suite)?;
        for script in scripts {
            let mut command = Command::new("npm");
            command.args(["run", "--silent", script]).current_dir(panel::folder());
            command.envs(environment.iter().map(|(name, value)| (name, value)));
            let mut counted = Counts::default();
            let result = self.follow(&mut command, Dialect::Web, limit, &mut counted);
            if counted == Counts::default() {
                one_check(counts, result)?;
            } else {
                counts.passed += counted.passed;
                counts.failed += counted.failed;
                counts.skipped += counted.skipped;
                result?;
            }
        }
        Ok(())
    }

    fn rust(&mut self, suite: &Suite, limit: Instant, counts: &mut Counts) -> Result<()> {
        self.fixtures(suite)?;
        let environment = self.environment(suite)?;
        if !self.nextest {
            return direct::run(suite.name, &environment, |command| {
                self.follow(command, Dialect::Libtest, limit, counts)
            });
        }
        let filter = suites::filter(suite.name).unwrap_or_default();
        let mut command = shell::cargo();
        command.args(["nextest", "run", "--workspace", "--no-tests=pass", "--cargo-quiet", "-E", &filter]);
        command.args(["--color", if say::colourful() { "always" } else { "never" }]);
        command.envs(environment);
        self.follow(&mut command, Dialect::Nextest, limit, counts)
    }

    /// npm packages of test fixtures (bots, game servers), for suites that use Node.js.
    fn fixtures(&self, suite: &Suite) -> Result<()> {
        if !suite.needs.contains(&Need::Node) {
            return Ok(());
        }
        lock_folders(&shell::root().join("tests"), 3).iter().try_for_each(|dir| panel::install(dir))
    }

    /// Starts what the suite wants and is here, and says where it is.
    fn environment(&mut self, suite: &Suite) -> Result<Vec<(String, String)>> {
        let uses = |need| suite.needs.contains(&need) || suite.wants.contains(&need);
        let mut out = vec![
            ("OSTLER_BIN".to_owned(), shell::binary(false).display().to_string()),
            ("OSTLER_SIM_SEEDS".to_owned(), std::env::var("OSTLER_SIM_SEEDS").unwrap_or_else(|_| "200".to_owned())),
        ];
        if self.strict {
            // Tests that would skip loudly refuse instead.
            out.push(("CI".to_owned(), "true".to_owned()));
        }
        // One folder for what tests leave behind, gone with the run.
        if self.temp.is_none() {
            let scratch = Scratch::new("t")?;
            let leash = Leash::new(None, &Stop { after: scratch.removal(), ..Stop::default() })?;
            self.temp = Some((scratch, leash));
        }
        out.extend(self.temp.iter().map(|(scratch, _)| ("TMPDIR".to_owned(), scratch.path().display().to_string())));
        if let (true, Some(browser)) = (uses(Need::Chromium), needs::browser()) {
            out.push(("OSTLER_TEST_CHROMIUM".to_owned(), browser.display().to_string()));
        }
        if let (true, Some(program)) = (uses(Need::Schemathesis), needs::schemathesis()) {
            out.push(("OSTLER_TEST_SCHEMATHESIS".to_owned(), program.display().to_string()));
        }
        if uses(Need::Postgres) && Need::Postgres.missing().is_none() {
            if self.postgres.is_none() {
                self.postgres = Some(Postgres::start()?);
            }
            out.extend(self.postgres.as_ref().map(|postgres| ("OSTLER_TEST_POSTGRES".to_owned(), postgres.url())));
        }
        if uses(Need::Docker) && Need::Docker.missing().is_none() {
            let host = match needs::external_engine() {
                Some(host) => host,
                None => {
                    if self.docker.is_none() {
                        self.docker = Some(Engine::start(Kind::Docker)?);
                    }
                    self.docker.as_ref().map(Engine::host).unwrap_or_default()
                }
            };
            out.push(("DOCKER_HOST".to_owned(), host.clone()));
            out.push(("OSTLER_TEST_DOCKER_HOST".to_owned(), host));
        }
        if uses(Need::Podman) && Need::Podman.missing().is_none() {
            if self.podman.is_none() {
                self.podman = Some(Engine::start(Kind::Podman)?);
            }
            out.extend(self.podman.as_ref().map(|podman| ("OSTLER_TEST_PODMAN_HOST".to_owned(), podman.host())));
        }
        let uses_binary = matches!(suite.work, Work::Npm(_)) && uses(Need::Chromium) || uses(Need::Luanti);
        if uses_binary && !self.has_build && !self.built {
            shell::run(shell::cargo().args(["build", "--workspace", "--bins", "--tests"]))?;
            self.built = true;
        }
        Ok(out)
    }

    /// Runs a command, shows what it prints, counts in it, and stops it at the limit.
    fn follow(&self, command: &mut Command, dialect: Dialect, limit: Instant, counts: &mut Counts) -> Result<()> {
        let name = shell::describe(command);
        let mut guarded = Guarded::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()), &Stop::default())?;
        let (send, lines) = channel();
        let out = guarded.child().stdout.take().map(|pipe| relay(pipe, send.clone()));
        let err = guarded.child().stderr.take().map(|pipe| relay(pipe, send));
        let status = guarded.wait(limit.saturating_duration_since(Instant::now()))?;
        let Some(status) = status else {
            drop(guarded);
            bail!("{name} took too long and was stopped");
        };
        guarded.release();
        // A process that was left behind with our pipe open must not hold the run: what is printed later is not counted.
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut seen = VecDeque::new();
        while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            seen.push_back(line);
        }
        drop((out, err));
        seen.iter().for_each(|line| counts.eat(dialect, line));
        if status.success() || counts.failed > 0 { Ok(()) } else { Err(anyhow!("{name} failed ({status})")) }
    }
}

/// Folders below `dir` (and itself) that hold an npm lock file.
fn lock_folders(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if dir.join("package-lock.json").is_file() {
        found.push(dir.to_owned());
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| depth > 0 && entry.file_name() != "node_modules") {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(lock_folders(&entry.path(), depth - 1));
        }
    }
    found.sort();
    found
}

/// Copies lines to standard error and to the counter.
fn relay(pipe: impl Read + Send + 'static, send: Sender<String>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut line) {
            let _ = std::io::stderr().lock().write_all(&line);
            let _ = send.send(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    })
}

/// A command that counts nothing itself is one check.
fn one_check(counts: &mut Counts, result: Result<()>) -> Result<()> {
    match &result {
        Ok(()) => counts.passed += 1,
        Err(_) => counts.failed += 1,
    }
    result
}

fn counts_of_rules(counts: &mut Counts) -> impl FnMut(bool) {
    |passed| if passed { counts.passed += 1 } else { counts.failed += 1 }
}
