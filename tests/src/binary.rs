//! The program under test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::until;

/// The built `ostler`: `OSTLER_BIN`, or the one beside this test's own binary.
pub fn ostler() -> Result<PathBuf> {
    let named = std::env::var_os("OSTLER_BIN").map(PathBuf::from);
    let beside = std::env::current_exe().ok().and_then(|test| Some(test.parent()?.parent()?.join("ostler")));
    let Some(binary) = named.or(beside) else { bail!("this test does not know where it is") };
    if !binary.is_file() {
        bail!("{} is missing: run `cargo build --workspace --bins`, or name another in OSTLER_BIN", binary.display());
    }
    Ok(binary)
}

/// A process of the test's own that does not outlive it.
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts `ostler` with these arguments in `dir`; what it prints goes to `dir/<name>.log`.
    pub fn start(dir: &Path, name: &str, args: &[&str]) -> Result<Self> {
        Self::start_with(dir, name, args, &[])
    }

    /// The same with variables of its own in its environment.
    pub fn start_with(dir: &Path, name: &str, args: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        Self::spawn(Command::new(ostler()?).args(args).current_dir(dir).envs(environment.iter().copied()), dir, name)
    }

    /// Starts `ostler` with the rights of an account that has none, from a copy that this account can reach.
    pub fn start_as(uid: u32, dir: &Path, name: &str, args: &[&str]) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let copy = dir.join("ostler");
        if !copy.exists() {
            std::fs::copy(ostler()?, &copy).context("could not copy the program")?;
        }
        Self::spawn(Command::new(copy).args(args).current_dir(dir).uid(uid).gid(uid).env("HOME", dir), dir, name)
    }

    fn spawn(command: &mut Command, dir: &Path, name: &str) -> Result<Self> {
        let log = std::fs::File::create(dir.join(format!("{name}.log"))).context("could not make the log")?;
        command.stdout(log.try_clone()?).stderr(log).stdin(std::process::Stdio::null());
        // The container engine of the tests, and no other that this machine may have.
        if let Some(host) = std::env::var_os("OSTLER_TEST_DOCKER_HOST") {
            command.env("DOCKER_HOST", host);
        }
        Ok(Self { child: command.spawn().with_context(|| format!("could not start {command:?}"))? })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, as `kill -s` knows it.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status()?;
        if !status.success() {
            bail!("could not send {name} to {}", self.id());
        }
        Ok(())
    }

    /// Waits for its end.
    pub fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        until("the process ends", within, || Ok(self.child.try_wait()?))
    }
}

impl Drop for Running {
    /// Asks first, so that it stops its own children; a test that failed must not leave a game running.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.signal("TERM");
            if self.ended(Duration::from_secs(10)).is_err() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
    }
}
