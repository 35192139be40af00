//! The output pump: a small process of its own for each run, between what a workload prints and what the agent reads.
//!
//! It reads the two pipes that are the workload's output and keeps the newest bytes of each in a [ring](super::ring). It
//! knows nothing of the agent, so it goes on while the agent is away; the agent starts another one when it is gone. A
//! workload that prints without end waits for it once its burst is used up, as it would wait for any disk.

use super::ring::Writer;
use ostler_model::bounds::agent::{OUTPUT_BURST_BYTES, OUTPUT_RATE};
use ostler_runtime::Clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

const CHUNK: usize = 64 * 1024;
/// How often it looks whether its folder is still there.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// How long it leaves the workload waiting at a time.
const WAIT: Duration = Duration::from_millis(20);

/// Pumps standard input and standard output, which are the reading ends of the two pipes, into the rings of this folder,
/// until nothing holds the pipes open for writing.
pub fn serve(dir: &Path) -> io::Result<()> {
    let lock = File::open(dir.join(super::LOCK))?;
    lock.lock()?;
    let (out, err) = (io::stdin(), io::stdout());
    let mut streams = [Stream::open(dir, "out", out.as_fd())?, Stream::open(dir, "err", err.as_fd())?];
    let mut budget = Budget::new(&Clock::system());
    let mut buf = vec![0; CHUNK];
    while streams.iter().any(|stream| stream.is_open) {
        let mut waiting: Vec<PollFd<'_>> =
            streams.iter().filter(|s| s.is_open).map(|s| PollFd::from_borrowed_fd(s.pipe, PollFlags::IN)).collect();
        match poll(&mut waiting, Some(&timespec(LOOK_EVERY))) {
            // Quiet for so long: a folder that was removed means that nobody wants this any more.
            Ok(0) if lock.metadata()?.nlink() == 0 => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for stream in streams.iter_mut().filter(|stream| stream.is_open) {
            budget.take(stream.read(&mut buf)?);
        }
        while budget.is_spent() {
            // A poll of nothing: a pause.
            let _ = poll(&mut [], Some(&timespec(WAIT)));
        }
    }
    Ok(())
}

struct Stream<'a> {
    pipe: BorrowedFd<'a>,
    ring: Writer,
    is_open: bool,
}

impl<'a> Stream<'a> {
    fn open(dir: &Path, name: &str, pipe: BorrowedFd<'a>) -> io::Result<Self> {
        Ok(Self { pipe, ring: Writer::open(&super::ring_at(dir, name))?, is_open: true })
    }
    /// Reads what is there, once; how much it was.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(self.pipe, &mut *buf) {
            Ok(0) => {
                self.is_open = false;
                self.ring.close()?;
                Ok(0)
            }
            Ok(n) => {
                // A full disk must not stop the workload; what does not fit is lost.
                let _ = self.ring.push(&buf[..n]);
                Ok(n)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

/// How much may be read now.
struct Budget {
    clock: Clock,
    left: u64,
    filled: Instant,
}

impl Budget {
    fn new(clock: &Clock) -> Self {
        Self { left: OUTPUT_BURST_BYTES, filled: clock.instant(), clock: clock.clone() }
    }
    fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes as u64);
    }
    fn is_spent(&mut self) -> bool {
        let now = self.clock.instant();
        let passed = u64::try_from(now.saturating_duration_since(self.filled).as_millis()).unwrap_or(u64::MAX);
        if passed > 0 {
            self.left = self.left.saturating_add(passed.saturating_mul(OUTPUT_RATE) / 1000).min(OUTPUT_BURST_BYTES);
            self.filled = now;
        }
        self.left < CHUNK as u64
    }
}

fn timespec(span: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(span.as_secs()).unwrap_or(0), tv_nsec: i64::from(span.subsec_nanos()) }
}
