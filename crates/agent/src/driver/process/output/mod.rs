//! Output and input of processes that must outlive the agent.
//!
//! Output goes into two pipes, and from there, by the [pump], into two files that keep the newest bytes and never grow beyond
//! their size. The pump is a process of its own for each run and does not end with the agent, so what is on disk is bounded
//! whether the agent reads, is slow, or is away. The workload itself holds both ends of its pipes: without a pump it
//! waits, and is not ended by SIGPIPE, until the agent has started another one. The agent reads behind, at a bounded pace,
//! and says how much it has missed. Input is a FIFO that the workload itself holds open for reading and writing: it never
//! sees an end of file, and the agent may come and go.

pub mod pump;
mod ring;
mod tail;

pub(super) use tail::Tail;

use super::cgroup::Cgroups;
use super::sys::{self, Before};
use ostler_model::Millis;
use ostler_model::bounds::agent::OUTPUT_KEPT_BYTES;
use ostler_runtime::Clock;
use rustix::fs::{FileType, Mode, OFlags};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::Command;

/// Held by the pump for as long as it lives.
const LOCK: &str = "pump";
const STREAMS: [&str; 2] = ["out", "err"];

fn ring_at(dir: &Path, stream: &str) -> PathBuf {
    dir.join(format!("{stream}.ring"))
}

/// How a pump is started.
#[derive(Debug, Clone)]
pub(crate) struct Pumping {
    /// Program and arguments of what calls [`pump::serve`] on its working directory.
    pub(crate) command: Vec<OsString>,
    /// It must not end with the agent's own group, nor count as the workload.
    pub(crate) cgroups: Cgroups,
}

/// The files of one run.
#[derive(Debug, Clone)]
pub(super) struct Files {
    dir: PathBuf,
    pumping: Arc<Pumping>,
}

impl Files {
    pub(super) fn at(dir: PathBuf, pumping: Arc<Pumping>) -> Self {
        Self { dir, pumping }
    }
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
    pub(super) fn run(&self) -> PathBuf {
        self.dir.join("run.json")
    }
    pub(super) fn status(&self) -> PathBuf {
        self.dir.join("status")
    }
    fn seen(&self) -> PathBuf {
        self.dir.join("seen")
    }
    /// New, empty files, and a pump that waits for output; what a former run left is gone, also input that it never read.
    pub(super) fn make(&self, owner: Option<(u32, u32)>) -> io::Result<[File; 3]> {
        use std::os::unix::fs::DirBuilderExt as _;
        self.remove()?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let fifo = |name: &str| {
            let path = self.dir.join(name);
            rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
            let file = File::options().read(true).write(true).open(path)?;
            if let Some((uid, gid)) = owner {
                // Programs open /dev/stdout by name; nobody else can enter the folder.
                std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
            }
            Ok::<_, io::Error>(file)
        };
        let files = [fifo("in")?, fifo(STREAMS[0])?, fifo(STREAMS[1])?];
        for stream in STREAMS {
            ring::Writer::make(&ring_at(&self.dir, stream), OUTPUT_KEPT_BYTES)?;
        }
        File::options().write(true).create_new(true).mode(0o600).open(self.dir.join(LOCK))?;
        self.pump()?;
        Ok(files)
    }
    /// Starts a pump. Of two, the second waits until the first has ended.
    fn pump(&self) -> io::Result<()> {
        let end = |name: &str| {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            rustix::fs::open(self.dir.join(name), flags, Mode::empty()).map(Stdio::from)
        };
        let Some((program, arguments)) = self.pumping.command.split_first() else {
            return Err(io::Error::other("there is no program for a pump"));
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir(&self.dir);
        command.stdin(end(STREAMS[0])?).stdout(end(STREAMS[1])?).stderr(Stdio::null());
        sys::prepare(&mut command, Before { join: self.pumping.cgroups.aside(), ..Before::default() });
        // When the agent's copy is dropped, the runtime still takes its exit status.
        command.spawn().map(drop)
    }
    /// True while the output of this run comes through pipes and its pump is not there.
    fn lacks_pump(&self) -> bool {
        File::open(self.dir.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
    }
    /// The agent's end of the input.
    pub(super) fn input(&self) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(File::from(rustix::fs::open(self.dir.join("in"), flags, Mode::empty())?))
    }
    pub(super) fn remove(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

/// Sends one line. A full FIFO means that the workload does not read; the caller sets the deadline.
pub(super) async fn send(clock: &Clock, mut input: &File, line: &str) -> Result<(), String> {
    let bytes = format!("{line}\n").into_bytes();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match input.write(rest) {
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => clock.sleep(Millis(20)).await,
            Err(e) => return Err(format!("its input cannot be written: {e}")),
        }
    }
    Ok(())
}
