//! Reading `/proc`.

use std::fs;

/// One process, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub state: char,
    pub parent: i32,
    pub session: i32,
    /// In clock ticks since the machine started: with the number it names a process for good.
    pub started: u64,
}

/// Looks at a process.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may contain anything, also parentheses.
    let mut fields = text.get(text.rfind(')')? + 2..)?.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(15)?.parse().ok()?;
    Some(Stat { state, parent, session, started })
}

/// True while that very process runs; one that has ended but was not waited for does not.
pub(super) fn is_alive(pid: i32, started: u64) -> bool {
    stat(pid).is_some_and(|s| s.started == started && !matches!(s.state, 'Z' | 'X'))
}

/// Every process.
pub(super) fn all() -> Vec<(i32, Stat)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

/// Different after each start of the machine.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
