//! Processes that cannot outlive this one.
//!
//! Each guarded child runs in its own process group, and beside it runs a small shell that holds the reading end of a pipe
//! from this process. When the pipe closes, for whatever reason (done, failed, Ctrl-C, SIGKILL), the shell stops the group,
//! waits for it, kills what is left, and cleans up. So stopping and crashing are the same path, and need no signal handler.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::shell;

const SCRIPT: &str = r#"
read -r word
[ "$word" = released ] && exit 0
if [ -n "$GROUP" ]; then
    kill -s "$SIGNAL" -- "-$GROUP" 2>/dev/null
    i=0
    while kill -0 -- "-$GROUP" 2>/dev/null && [ "$i" -lt "$PATIENCE" ]; do sleep 0.1; i=$((i + 1)); done
    kill -s KILL -- "-$GROUP" 2>/dev/null
fi
eval "$AFTER"
"#;

/// How a guarded process is stopped.
pub struct Stop {
    /// The signal that asks it to end.
    pub signal: &'static str,
    /// How long it may take before it is killed.
    pub patience: Duration,
    /// Shell text that runs after it ended, however that came about.
    pub after: String,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: "TERM", patience: Duration::from_secs(10), after: String::new() }
    }
}

/// What is left to do when this value, or this process, is gone.
pub struct Leash {
    pipe: Option<ChildStdin>,
    guard: Child,
}

impl Leash {
    /// Watches over `group`, or only cleans up when there is none.
    pub fn new(group: Option<u32>, stop: &Stop) -> Result<Self> {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guard"])
            .env("SIGNAL", stop.signal)
            .env("GROUP", group.map(|id| id.to_string()).unwrap_or_default())
            .env("PATIENCE", (stop.patience.as_millis() / 100).to_string())
            .env("AFTER", &stop.after)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .context("could not start /bin/sh")?;
        let pipe = guard.stdin.take();
        Ok(Self { pipe, guard })
    }

    /// There is nothing left to do.
    fn release(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // A guard that is already gone has nothing left to be told.
            let _ = pipe.write_all(b"released\n");
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.guard.wait();
    }
}

/// A running process group that ends with this value.
pub struct Guarded {
    child: Child,
    leash: Leash,
}

impl Guarded {
    /// Starts `command` in its own process group with nothing on standard input.
    pub fn spawn(command: &mut Command, stop: &Stop) -> Result<Self> {
        let name = shell::describe(command);
        let child =
            command.stdin(Stdio::null()).process_group(0).spawn().with_context(|| format!("could not start {name}"))?;
        let leash = Leash::new(Some(child.id()), stop)?;
        Ok(Self { child, leash })
    }

    /// The process itself, to take its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the end; `None` when `limit` passes first.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().context("could not wait for a child")? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lets go of a process that has ended by itself: nothing is signalled and nothing is cleaned up.
    pub fn release(mut self) {
        self.leash.release();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.leash.pipe.take());
        // Reaping while the guard waits lets it see the group end.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("ostler-xtask-guard-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn dropping_stops_the_whole_group_and_cleans_up() {
        let dir = scratch("drop");
        let mark = dir.join("cleaned");
        let stop = Stop { after: format!("touch '{}'", mark.display()), ..Stop::default() };
        // The grandchild ignores the polite signal, and would outlive its parent.
        let script = "sh -c 'trap \"\" TERM; while :; do sleep 1; done' & wait";
        let stop = Stop { patience: Duration::from_millis(300), ..stop };
        let guarded = Guarded::spawn(Command::new("sh").args(["-c", script]), &stop).unwrap();
        let group = guarded.child.id();
        drop(guarded);
        assert!(mark.exists());
        let alive = Command::new("sh").args(["-c", &format!("kill -0 -- -{group} 2>/dev/null")]).status().unwrap();
        assert!(!alive.success(), "the group still runs");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_released_process_is_not_cleaned_up_after() {
        let dir = scratch("release");
        let mark = dir.join("cleaned");
        let stop = Stop { after: format!("touch '{}'", mark.display()), ..Stop::default() };
        let mut guarded = Guarded::spawn(&mut Command::new("true"), &stop).unwrap();
        assert!(guarded.wait(Duration::from_secs(10)).unwrap().unwrap().success());
        guarded.release();
        assert!(!mark.exists());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
