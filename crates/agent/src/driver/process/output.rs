//! Output and input of processes that must outlive the agent.
//!
//! Output goes to plain files in append mode: a pipe would block the workload 64 KiB after the agent died, or end it with
//! SIGPIPE. The agent reads behind, remembers how far it is, and gives the read part of the file back to the file system by
//! punching holes, so what is on disk stays bounded while the agent is there and nothing is lost between two reads. (While
//! it is away the file grows; bounding that would take a helper process per workload.) Input is a FIFO that the workload
//! itself holds open for reading and writing: it never sees an end of file, and the agent may come and go.

use crate::console::Console;
use crate::limits;
use ostler_model::Millis;
use ostler_runtime::Clock;
use ostler_wire::console::ConsoleStream;
use rustix::fs::{FallocateFlags, Mode, OFlags};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;

/// Pause between two looks at a file that grows, and at one that has been quiet for long.
const LOOK_SOON: Millis = Millis(40);
const LOOK_LATE: Millis = Millis(400);
/// Freed in pieces of this size.
const FREE_STEP: u64 = 1 << 20;
/// Without holes the file is cut to nothing when all of it has been read and it is this large.
const CUT_AT: u64 = 64 << 20;
const CHUNK: usize = 64 * 1024;
/// Looks after which a line without an end is shown, about half a second: a prompt waits for its answer, not for a line break.
const PROMPT_LOOKS: u32 = 6;

/// The files of one run.
#[derive(Debug, Clone)]
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn at(dir: PathBuf) -> Self {
        Self(dir)
    }
    pub(super) fn dir(&self) -> &Path {
        &self.0
    }
    pub(super) fn run(&self) -> PathBuf {
        self.0.join("run.json")
    }
    pub(super) fn status(&self) -> PathBuf {
        self.0.join("status")
    }
    fn seen(&self) -> PathBuf {
        self.0.join("seen")
    }
    /// New, empty files; what a former run left is gone, also input that it never read.
    pub(super) fn make(&self, owner: Option<(u32, u32)>) -> io::Result<[File; 3]> {
        use std::os::unix::fs::DirBuilderExt as _;
        self.remove()?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let mut options = File::options();
        options.read(true).append(true).create_new(true).mode(0o600);
        let (out, err) = (options.open(self.0.join("out"))?, options.open(self.0.join("err"))?);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            self.0.join("in"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )?;
        let input = File::options().read(true).write(true).open(self.0.join("in"))?;
        if let Some((uid, gid)) = owner {
            // Programs open /dev/stdout by name; the folder above keeps everybody else out.
            for file in [&input, &out, &err] {
                std::os::unix::fs::fchown(file, Some(uid), Some(gid))?;
            }
        }
        Ok([input, out, err])
    }
    /// The agent's end of the input.
    pub(super) fn input(&self) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(File::from(rustix::fs::open(self.0.join("in"), flags, Mode::empty())?))
    }
    pub(super) fn remove(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.0) {
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

/// Reads the output of one run into its console.
pub(super) struct Tail {
    files: Files,
    streams: [Stream; 2],
    console: Console,
    clock: Clock,
    /// Looks at once: somebody typed, so an answer is near.
    pub(super) hurry: Arc<Notify>,
}

struct Stream {
    name: &'static str,
    stream: ConsoleStream,
    file: Option<File>,
    /// Up to here all complete lines have been read.
    read: u64,
    freed: u64,
    /// How long the line that has no end yet was at the last look, and for how many looks.
    prompt: (usize, u32),
}

impl Tail {
    /// From the beginning of a new run, or from where the last agent was. The lines just before that are read again, so
    /// that the console is not empty after an agent's restart, under the numbers that end where counting stopped.
    pub(super) fn open(files: Files, console: Console, clock: Clock, is_new: bool) -> Self {
        let open = |name, stream| {
            let file = File::options().read(true).write(true).open(files.0.join(name)).ok();
            Stream { name, stream, file, read: 0, freed: 0, prompt: (0, 0) }
        };
        let streams = [open("out", ConsoleStream::Out), open("err", ConsoleStream::Err)];
        let mut tail = Self { files, streams, console, clock, hurry: Arc::default() };
        if !is_new {
            tail.resume();
        }
        tail
    }

    fn resume(&mut self) {
        let seen = std::fs::read_to_string(self.files.seen()).unwrap_or_default();
        let mut numbers = seen.split_whitespace().map_while(|n| n.parse::<u64>().ok());
        let (out, err, seq) = (numbers.next(), numbers.next(), numbers.next());
        let mut history = vec![];
        for (stream, read) in self.streams.iter_mut().zip([out, err]) {
            let size = stream.file.as_ref().and_then(|f| f.metadata().ok()).map_or(0, |m| m.len());
            stream.read = read.unwrap_or(size.saturating_sub(limits::OUTPUT_KEPT)).min(size);
            let from = stream.read.saturating_sub(limits::OUTPUT_KEPT);
            let mut bytes = vec![0; usize::try_from(stream.read - from).unwrap_or(0)];
            if let Some(file) = &stream.file
                && file.read_exact_at(&mut bytes, from).is_ok()
            {
                // What was given back reads as zeros.
                let text = String::from_utf8_lossy(&bytes).replace('\0', "");
                history.push((stream.stream, text));
            }
        }
        let lines: u64 = history.iter().map(|(_, text)| text.lines().count() as u64).sum();
        if let Some(seq) = seq {
            self.console.resume_after(seq.saturating_sub(lines));
        }
        for (stream, text) in history {
            self.console.push(stream, &text);
        }
        if let Some(seq) = seq {
            self.console.resume_after(seq);
        }
    }

    /// Reads for ever.
    pub(super) async fn follow(&mut self) {
        let mut pause = LOOK_SOON;
        loop {
            if self.read(false) {
                pause = LOOK_SOON;
            } else {
                pause = Millis((pause.0 * 5 / 4).min(LOOK_LATE.0));
            }
            let hurry = self.hurry.clone();
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = hurry.notified() => pause = LOOK_SOON,
            }
        }
    }

    /// Reads what is there. `is_end` also takes a last line without a line break. True when there was anything.
    pub(super) fn read(&mut self, is_end: bool) -> bool {
        let mut any = false;
        for stream in &mut self.streams {
            any |= stream.read(&self.console, is_end);
        }
        if any {
            let [out, err] = [self.streams[0].read, self.streams[1].read];
            // Survives the agent but need not survive the machine, which the run does not either: no fsync.
            let seen = format!("{out} {err} {}\n", self.console.last_seq());
            if let Err(error) = std::fs::write(self.files.seen(), seen) {
                tracing::warn!(file = %self.files.seen().display(), %error, "cannot be written");
            }
        }
        any
    }
}

impl Stream {
    fn read(&mut self, console: &Console, is_end: bool) -> bool {
        let Some(file) = &self.file else { return false };
        let (mut buf, mut any) = (vec![0; CHUNK], false);
        loop {
            let n = match file.read_at(&mut buf, self.read) {
                Ok(n) => n,
                Err(error) => {
                    tracing::warn!(stream = self.name, %error, "output cannot be read");
                    return any;
                }
            };
            let bytes = &buf[..n];
            // A line that fills the whole buffer is cut; one that may still grow waits.
            let whole = match bytes.iter().rposition(|b| *b == b'\n') {
                Some(at) => at + 1,
                None if n == CHUNK || is_end || is_prompt(&mut self.prompt, n) => n,
                None => 0,
            };
            if whole == 0 {
                break;
            }
            console.push(self.stream, &String::from_utf8_lossy(&bytes[..whole]).replace('\0', ""));
            self.read += whole as u64;
            any = true;
            if n < CHUNK && !is_end {
                break;
            }
        }
        if any {
            self.free();
        }
        any
    }

    /// Gives back what has been read, but for the part that a restarted agent shows again.
    fn free(&mut self) {
        let Some(file) = &self.file else { return };
        let until = self.read.saturating_sub(limits::OUTPUT_KEPT) / FREE_STEP * FREE_STEP;
        if until <= self.freed {
            return;
        }
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if rustix::fs::fallocate(file, hole, self.freed, until - self.freed).is_ok() {
            self.freed = until;
        } else if self.read >= CUT_AT && file.metadata().is_ok_and(|m| m.len() == self.read) && file.set_len(0).is_ok()
        {
            // Appending goes on at the new end. A line written between the two calls is lost; this file system offers no better.
            (self.read, self.freed) = (0, 0);
        }
    }
}

/// True when the line without an end has been as long as this for a while.
fn is_prompt(prompt: &mut (usize, u32), length: usize) -> bool {
    let looks = if length > 0 && length == prompt.0 { prompt.1 + 1 } else { 0 };
    *prompt = (length, looks);
    looks >= PROMPT_LOOKS
}
