//! One throw-away PostgreSQL cluster for the whole run, from the distribution's binaries, on a unix socket only.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::scratch::Scratch;
use crate::guard::{Guarded, Stop};
use crate::{say, shell};

/// A running cluster; stops and disappears with this value.
pub struct Postgres {
    // In this order: the server ends before its files do.
    server: Guarded,
    scratch: Scratch,
}

/// Whom the server runs as, in numbers.
struct Account {
    uid: String,
    gid: String,
}

/// The folder of `initdb` and `postgres`: newest of Debian's, else from `PATH`.
pub fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, bin)| bin);
    newest.or_else(|| {
        let initdb = shell::which("initdb")?.canonicalize().ok()?;
        let bin = initdb.parent()?.to_path_buf();
        bin.join("postgres").is_file().then_some(bin)
    })
}

impl Postgres {
    /// Makes a cluster and waits until it answers.
    pub fn start() -> Result<Self> {
        let bin = programs().context("PostgreSQL is not installed")?;
        say::step("starting a temporary PostgreSQL cluster");
        let scratch = Scratch::new("pg")?;
        let data = scratch.path().join("data");
        std::fs::create_dir(&data).context("could not make a folder for PostgreSQL")?;
        let account = account()?;
        if let Some(Account { uid, .. }) = &account {
            shell::output(Command::new("chown").arg(uid).arg(scratch.path()).arg(&data))?;
        }
        let mut initdb = as_account(account.as_ref(), &bin.join("initdb"));
        initdb.args(["-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--no-locale", "-D"]).arg(&data);
        shell::output(initdb.current_dir(scratch.path()))?;
        let server = Self::spawn(&bin, account.as_ref(), &scratch, &data)?;
        let mut cluster = Self { server, scratch };
        cluster.wait_ready(&data)?;
        Ok(cluster)
    }

    fn spawn(bin: &Path, account: Option<&Account>, scratch: &Scratch, data: &Path) -> Result<Guarded> {
        let mut server = as_account(account, &bin.join("postgres"));
        server.arg("-D").arg(data).arg("-k").arg(scratch.path()).current_dir(scratch.path());
        let settings =
            ["listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"];
        for setting in settings {
            server.args(["-c", setting]);
        }
        let log = std::fs::File::create(scratch.path().join("log")).context("could not make PostgreSQL's log")?;
        server.stdout(Stdio::null()).stderr(log);
        // INT is its fast shutdown: do not wait for clients.
        Guarded::spawn(&mut server, &Stop { signal: "INT", after: scratch.removal(), ..Stop::default() })
    }

    fn wait_ready(&mut self, data: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        // The status is the last line of the server's own lock file, as `pg_ctl` reads it.
        let ready = || {
            let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            text.lines().nth(7).is_some_and(|line| line.trim() == "ready")
        };
        while !ready() {
            if self.server.wait(Duration::from_millis(20))?.is_some() || Instant::now() >= deadline {
                let log = std::fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default();
                bail!("PostgreSQL did not come up:\n{log}");
            }
        }
        Ok(())
    }

    /// The address for `OSTLER_TEST_POSTGRES`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.scratch.path().display())
    }
}

/// PostgreSQL refuses to run as root; as anybody else it runs as that person.
fn account() -> Result<Option<Account>> {
    if !shell::is_root() {
        return Ok(None);
    }
    let id = |flag: &str, name: &str| shell::output(Command::new("id").args([flag, name]));
    let name = if id("-u", "postgres").is_ok() { "postgres" } else { "nobody" };
    Ok(Some(Account { uid: id("-u", name)?.trim().to_owned(), gid: id("-g", name)?.trim().to_owned() }))
}

fn as_account(account: Option<&Account>, program: &Path) -> Command {
    let Some(Account { uid, gid }) = account else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups", "--"]).arg(program);
    command
}
