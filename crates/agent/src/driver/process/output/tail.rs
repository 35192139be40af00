//! Reading the output of one run into its console, at a bounded pace.

use super::{Files, STREAMS, ring, ring_at};
use crate::console::{Console, dropped};
use crate::limits;
use ostler_model::bounds::agent::{OUTPUT_KEPT_BYTES, OUTPUT_SHOWN_LINES, OUTPUT_SHOWN_RATE};
use ostler_model::{Millis, Time};
use ostler_runtime::Clock;
use ostler_wire::console::ConsoleStream;
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};
use std::sync::Arc;
use tokio::sync::Notify;

/// Pause between two looks at output that grows, and at one that has been quiet for long.
const LOOK_SOON: Millis = Millis(40);
const LOOK_LATE: Millis = Millis(400);
/// Read of each stream in one look: what the pace allows between two.
const LOOK_BYTES: usize = (OUTPUT_SHOWN_RATE * LOOK_SOON.0 / 1000) as usize;
const LOOK_LINES: usize = (OUTPUT_SHOWN_LINES * LOOK_SOON.0 / 1000) as usize;
/// Lines of the end that are shown although there was more than the pace allows.
const END_LINES: usize = limits::CONSOLE_LINES / 2;
/// Looks after which a line without an end is shown, about half a second: a prompt waits for its answer, not for a line break.
const PROMPT_LOOKS: u32 = 6;
/// Pause between two looks whether the pump is there.
const PUMP_EVERY: Millis = Millis::secs(2);
/// After the last process of a run has ended, the pump needs a moment to bring in what is in the pipes.
const PUMP_END: Millis = Millis::secs(3);

/// Reads the output of one run into its console.
pub(in super::super) struct Tail {
    files: Files,
    streams: [Stream; 2],
    console: Console,
    clock: Clock,
    pump_at: Time,
    /// Looks at once: somebody typed, so an answer is near.
    pub(in super::super) hurry: Arc<Notify>,
}

impl Tail {
    /// From the beginning of a new run, or from where the last agent was. The lines just before that are read again, so
    /// that the console is not empty after an agent's restart, under the numbers that end where counting stopped.
    pub(in super::super) fn open(files: Files, console: Console, clock: Clock, is_new: bool) -> Self {
        let open = |name, stream| Stream { name, stream, source: Source::open(&files, name), read: 0, prompt: (0, 0) };
        let streams = [open(STREAMS[0], ConsoleStream::Out), open(STREAMS[1], ConsoleStream::Err)];
        let pump_at = clock.now() + PUMP_EVERY;
        let mut tail = Self { files, streams, console, clock, pump_at, hurry: Arc::default() };
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
            let Ok((oldest, newest)) = stream.source.span() else { continue };
            stream.read = read.unwrap_or(newest.saturating_sub(limits::OUTPUT_SHOWN_AGAIN)).min(newest);
            let from = stream.read.saturating_sub(limits::OUTPUT_SHOWN_AGAIN).max(oldest);
            let most = usize::try_from(stream.read.saturating_sub(from)).unwrap_or(0);
            if let Ok((_, bytes)) = stream.source.read(from, most) {
                let start = last_lines(&bytes, END_LINES, from > 0);
                history.push((stream.stream, text_of(&bytes[start..])));
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
    pub(in super::super) async fn follow(&mut self) {
        let mut pause = LOOK_SOON;
        loop {
            if self.read(false) {
                pause = LOOK_SOON;
            } else {
                pause = Millis((pause.0 * 5 / 4).min(LOOK_LATE.0));
            }
            self.keep_pump();
            let hurry = self.hurry.clone();
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = hurry.notified() => pause = LOOK_SOON,
            }
        }
    }

    /// Starts another pump when there is none: until then the workload waits at its next line.
    fn keep_pump(&mut self) {
        if self.clock.now() < self.pump_at {
            return;
        }
        self.pump_at = self.clock.now() + PUMP_EVERY;
        if self.streams.iter().any(|stream| stream.source.awaits_pump())
            && self.files.lacks_pump()
            && let Err(error) = self.files.pump()
        {
            tracing::warn!(run = %self.files.dir().display(), %error, "its output cannot be read");
        }
    }

    /// Reads the rest of a run of which nothing is left, also a last line without a line break.
    pub(in super::super) async fn end(&mut self) {
        let until = self.clock.now() + PUMP_END;
        while self.streams.iter().any(|stream| stream.source.awaits_pump()) && self.clock.now() < until {
            self.clock.sleep(Millis(10)).await;
        }
        self.read(true);
    }

    /// Reads what the pace allows. True when there was anything.
    fn read(&mut self, is_end: bool) -> bool {
        let mut any = false;
        for stream in &mut self.streams {
            match stream.read(&self.console, is_end) {
                Ok(read) => any |= read,
                Err(error) => tracing::warn!(stream = stream.name, %error, "output cannot be read"),
            }
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

struct Stream {
    name: &'static str,
    stream: ConsoleStream,
    source: Source,
    /// Everything before this has been shown, or counted as dropped.
    read: u64,
    /// How long the line that has no end yet was at the last look, and for how many looks.
    prompt: (usize, u32),
}

impl Stream {
    fn read(&mut self, console: &Console, is_end: bool) -> io::Result<bool> {
        let (oldest, newest) = self.source.span()?;
        let mut any = false;
        let is_too_much = is_end && newest.saturating_sub(self.read) > LOOK_BYTES as u64;
        if self.read < oldest || is_too_much {
            self.skip(console, newest, if is_end { END_LINES } else { LOOK_LINES })?;
            any = true;
        }
        loop {
            let (from, bytes) = self.source.read(self.read, LOOK_BYTES)?;
            if from > self.read {
                // Overwritten within this look; the next one counts and goes on at the newest.
                break;
            }
            let whole = self.whole(&bytes, is_end);
            if whole == 0 {
                break;
            }
            console.push(self.stream, &text_of(&bytes[..whole]));
            self.read += whole as u64;
            any = true;
            // The end has been cut to what one look may read, so this does not go on for long.
            if !is_end {
                break;
            }
        }
        if any {
            self.source.free(self.read);
        }
        Ok(any)
    }

    /// Goes on with the newest lines and says how much was left out.
    fn skip(&mut self, console: &Console, newest: u64, lines: usize) -> io::Result<()> {
        let (from, bytes) = self.source.read(newest.saturating_sub(LOOK_BYTES as u64).max(self.read), LOOK_BYTES)?;
        let to = from + last_lines(&bytes, lines, true) as u64;
        console.say(&dropped(to.saturating_sub(self.read)));
        self.read = to;
        self.prompt = (0, 0);
        Ok(())
    }

    /// How much of what was read is shown now.
    fn whole(&mut self, bytes: &[u8], is_end: bool) -> usize {
        let mut breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        if !is_end && let Some(at) = breaks.clone().nth(LOOK_LINES - 1) {
            return at;
        }
        match breaks.next_back() {
            Some(at) if !is_end => at,
            // A line that fills the whole look is cut; one that may still grow waits.
            _ if is_end => bytes.len(),
            _ if bytes.len() >= LOOK_BYTES || is_prompt(&mut self.prompt, bytes.len()) => complete(bytes),
            _ => 0,
        }
    }
}

/// Where a stream is read from.
enum Source {
    Ring(ring::Reader),
    /// Of a run that an agent of an earlier release has started: the workload itself appends to it.
    File {
        file: File,
        freed: u64,
    },
    Nothing,
}

impl Source {
    fn open(files: &Files, name: &str) -> Self {
        let (dir, path) = (files.dir(), files.dir().join(name));
        if std::fs::symlink_metadata(&path).is_ok_and(|m| m.file_type().is_fifo()) {
            return ring::Reader::open(&ring_at(dir, name)).map_or(Source::Nothing, Source::Ring);
        }
        File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_or(Source::Nothing, |file| Source::File { file, freed: 0 })
    }
    /// The oldest position that can still be read, and the newest.
    fn span(&self) -> io::Result<(u64, u64)> {
        match self {
            Source::Ring(ring) => ring.span(),
            Source::File { file, .. } => {
                let newest = file.metadata()?.len();
                Ok((newest.saturating_sub(OUTPUT_KEPT_BYTES), newest))
            }
            Source::Nothing => Ok((0, 0)),
        }
    }
    fn read(&self, from: u64, most: usize) -> io::Result<(u64, Vec<u8>)> {
        match self {
            Source::Ring(ring) => ring.read(from, most),
            Source::File { file, .. } => {
                let mut bytes = vec![0; most];
                let count = file.read_at(&mut bytes, from)?;
                bytes.truncate(count);
                Ok((from, bytes))
            }
            Source::Nothing => Ok((from, vec![])),
        }
    }
    fn awaits_pump(&self) -> bool {
        matches!(self, Source::Ring(ring) if !ring.is_over())
    }
    /// Gives back what an appended file holds and nobody needs; a ring does that by itself.
    fn free(&mut self, read: u64) {
        let Source::File { file, freed } = self else { return };
        let until = read.saturating_sub(limits::OUTPUT_SHOWN_AGAIN) / FREE_STEP * FREE_STEP;
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if until > *freed && rustix::fs::fallocate(file, hole, *freed, until - *freed).is_ok() {
            *freed = until;
        }
    }
}

/// Freed in pieces of this size.
const FREE_STEP: u64 = 1 << 20;

/// True when the line without an end has been as long as this for a while.
fn is_prompt(prompt: &mut (usize, u32), length: usize) -> bool {
    let looks = if length > 0 && length == prompt.0 { prompt.1 + 1 } else { 0 };
    *prompt = (length, looks);
    looks >= PROMPT_LOOKS
}

/// Where the last lines begin. With `is_cut` the first line may have lost its beginning and is left out.
fn last_lines(bytes: &[u8], lines: usize, is_cut: bool) -> usize {
    let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let mut starts: Vec<usize> = if is_cut { vec![] } else { vec![0] };
    starts.extend(breaks.filter(|at| *at < bytes.len()));
    match starts.len() {
        // One long line: at least no character is cut.
        0 => bytes.iter().take(3).take_while(|byte| (0x80..0xC0).contains(*byte)).count(),
        all => starts[all.saturating_sub(lines)],
    }
}

/// How much of this there is without a character at the end whose rest has not come yet.
fn complete(bytes: &[u8]) -> usize {
    let all = bytes.len();
    for back in 1..=all.min(3) {
        let width = match bytes[all - back] {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 1,
        };
        return if width > back { all - back } else { all };
    }
    all
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f30_a_character_is_never_cut_wherever_the_look_ends() {
        let text = "aé日🐎".repeat(3);
        let bytes = text.as_bytes();
        for end in 0..=bytes.len() {
            let whole = complete(&bytes[..end]);
            assert!(end - whole < 4 && std::str::from_utf8(&bytes[..whole]).is_ok(), "{end}: {whole}");
        }
        // What is no UTF-8 is shown as it is and never waited for.
        for wrong in [&b"\xff"[..], b"a\xff", b"\x80\x80\x80\x80", b"a\xc0"] {
            assert_eq!(complete(wrong), wrong.len(), "{wrong:?}");
        }
    }

    #[test]
    fn the_last_lines_begin_at_a_line_and_at_a_character() {
        assert_eq!(last_lines(b"lost\na\nb\nc\n", 2, true), 7);
        assert_eq!(last_lines(b"lost\na\nb\nc\n", 9, true), 5);
        assert_eq!(last_lines(b"kept\na\n", 9, false), 0);
        assert_eq!(last_lines("本one long line".as_bytes()[1..].as_ref(), 5, true), 2);
        assert_eq!(last_lines(b"", 5, true), 0);
    }
}
