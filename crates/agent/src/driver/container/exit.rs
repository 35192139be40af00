//! How a container ended.

use bollard::models::ContainerState;
use ostler_model::Time;
use ostler_model::workload::plan::Exit;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Read as _;

/// As the engine tells it, corrected where an engine is known not to know. With `was_away` the engine did not answer for a
/// while before: then the engine itself may have asked the program to stop, and a 0 does not mean that it had done its work.
pub(super) fn exit_of(state: &ContainerState, id: Option<&str>, now: Time, was_away: bool) -> Exit {
    let code = state.exit_code.and_then(|code| i32::try_from(code).ok()).filter(|code| *code != 0 || !was_away);
    let at = state.finished_at.as_deref().and_then(|at| at.parse().ok()).filter(|at: &Time| at.as_millis() > 0);
    // As shells do, engines tell a signal as a status above 128.
    let signal = code.filter(|code| (129..=192).contains(code)).map(|code| code - 128);
    // Podman says no with version 1 of control groups; the kernel's own log knows better.
    let is_killed = signal == Some(9) && state.oom_killed != Some(true);
    Exit {
        at: at.unwrap_or(now),
        code: if signal.is_some() { None } else { code },
        signal,
        is_out_of_memory: state.oom_killed == Some(true) || is_killed && id.is_some_and(|id| blames(&kernel_log(), id)),
    }
}

/// True when the log says that something in this container was killed for lack of memory.
fn blames(log: &str, id: &str) -> bool {
    id.len() >= 12 && log.lines().any(|line| line.contains("oom-kill:constraint=") && line.contains(id))
}

/// What the kernel has said and still remembers; empty without the right to read it.
fn kernel_log() -> String {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(fd) = rustix::fs::open("/dev/kmsg", flags, Mode::empty()) else { return String::new() };
    let (mut file, mut record, mut log) = (File::from(fd), vec![0; 8192], String::new());
    // One record per read; the kernel's buffer bounds their number, this bound is for a log that grows meanwhile.
    for _ in 0..100_000 {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(n) => log.push_str(&String::from_utf8_lossy(&record[..n])),
            // Records that were overwritten while reading are skipped; the next read goes on after them.
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::PIPE.raw_os_error()) => {}
            Err(_) => break,
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_a_zero_of_an_engine_that_was_away_is_not_taken_for_done() {
        let ended = |exit_code| ContainerState { exit_code: Some(exit_code), ..ContainerState::default() };
        let code = |exit_code, was_away| exit_of(&ended(exit_code), None, Time::ZERO, was_away).code;
        assert_eq!((code(0, false), code(0, true), code(3, true)), (Some(0), None, Some(3)));
    }

    #[test]
    fn only_the_container_that_the_kernel_names_ran_out_of_memory() {
        let id = "0123456789abcdef0123456789abcdef";
        let log = format!(
            "4,981,83,-;sh invoked oom-killer: {id}\n6,1059,83,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),\
             oom_memcg=/libpod_parent/libpod-{id},task_memcg=/libpod_parent/libpod-{id}/container,task=sh,pid=7,uid=0\n"
        );
        assert!(blames(&log, id));
        assert!(!blames(&log, "fedcba9876543210fedcba9876543210"));
        assert!(!blames(&log, ""));
        assert!(!blames("sh invoked oom-killer: 0123456789abcdef0123456789abcdef", id));
    }
}
