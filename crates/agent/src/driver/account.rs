//! System accounts of workloads.

use super::tool;
use ostler_model::WorkloadId;
use ostler_runtime::Clock;
use tokio::sync::Mutex;

/// A system account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// Makes and removes accounts.
pub struct Accounts {
    clock: Clock,
    /// The tools lock the files themselves, but give up soon.
    one: Mutex<()>,
}

/// True when this process may do everything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Accounts {
    pub fn new(clock: Clock) -> Self {
        Self { clock, one: Mutex::default() }
    }
    /// The workload's account; `None` without root rights.
    pub fn of(id: WorkloadId) -> Option<Account> {
        if is_root() { find(&name_of(id)) } else { None }
    }
    /// Makes the account if it is not there.
    pub async fn ensure(&self, id: WorkloadId) -> Result<Account, String> {
        let name = name_of(id);
        let _one = self.one.lock().await;
        if let Some(account) = find(&name) {
            return Ok(account);
        }
        let arguments = [
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
            &name,
        ];
        self.tool("useradd", &arguments).await?;
        find(&name).ok_or_else(|| format!("the account {name} was made but is not in /etc/passwd"))
    }
    /// Removes the account and its group.
    pub async fn remove(&self, id: WorkloadId) -> Result<(), String> {
        let name = name_of(id);
        let _one = self.one.lock().await;
        if is_root() && find(&name).is_some() {
            self.tool("userdel", &[&name]).await?;
        }
        Ok(())
    }

    async fn tool(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let mut said = String::new();
        for attempt in 0..10_u64 {
            if attempt > 0 {
                self.clock.sleep(ostler_model::Millis(200 * attempt)).await;
            }
            match tool::run(&self.clock, program, arguments).await {
                Ok(_) => return Ok(()),
                Err(error) if error.contains("lock") => said = error,
                Err(error) => return Err(error),
            }
        }
        Err(said)
    }
}

/// Short enough for every tool; the random part of the id.
fn name_of(id: WorkloadId) -> String {
    let id = id.to_string();
    format!("ostler-{}", &id[id.len() - 16..])
}

fn find(name: &str) -> Option<Account> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (found, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        // An account with uid 0 of this name would be somebody's trap.
        let (uid, gid) = (uid.parse().ok().filter(|uid| *uid != 0)?, gid.parse().ok().filter(|gid| *gid != 0)?);
        (found == name).then(|| Account { name: name.to_owned(), uid, gid })
    })
}
