//! The newest part of an endless output, in a file that never grows beyond its size.
//!
//! One writer, any number of readers, and no lock between them: the writer says in the head what it is about to overwrite
//! before it does, so a reader knows afterwards which of the bytes that it has read were still the ones it asked for.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The data begins here; before it is the head.
const HEAD: u64 = 4096;
/// Size, begun, done, over: eight bytes each.
const HEAD_BYTES: usize = 32;

#[derive(Debug, Clone, Copy, Default)]
struct Head {
    /// Bytes that are kept.
    size: u64,
    /// What is older than this minus the size may be overwritten already.
    begun: u64,
    /// Everything before this has been written.
    done: u64,
    /// Not zero once nothing more comes.
    over: u64,
}

impl Head {
    fn read(file: &File) -> io::Result<Self> {
        let mut bytes = [0; HEAD_BYTES];
        file.read_exact_at(&mut bytes, 0)?;
        let at = |n: usize| u64::from_le_bytes(bytes[n * 8..n * 8 + 8].try_into().unwrap_or_default());
        Ok(Self { size: at(0).max(1), begun: at(1), done: at(2), over: at(3) })
    }
    fn write(self, file: &File) -> io::Result<()> {
        let mut bytes = [0; HEAD_BYTES];
        for (place, value) in bytes.chunks_exact_mut(8).zip([self.size, self.begun, self.done, self.over]) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        file.write_all_at(&bytes, 0)
    }
}

/// The one that writes.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    head: Head,
}

impl Writer {
    /// A new, empty ring.
    pub(super) fn make(path: &Path, size: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let head = Head { size, ..Head::default() };
        head.write(&file)?;
        Ok(Self { file, head })
    }
    /// Goes on where the last writer was.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let head = Head::read(&file)?;
        Ok(Self { head: Head { begun: head.done, ..head }, file })
    }
    /// Adds bytes; they take the place of the oldest.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.head.begun = self.head.done + bytes.len() as u64;
        self.head.write(&self.file)?;
        // Of more than fits, only the end would be left anyway.
        let skip = (bytes.len() as u64).saturating_sub(self.head.size);
        let (mut at, mut rest) = (self.head.done + skip, &bytes[usize::try_from(skip).unwrap_or(bytes.len())..]);
        while !rest.is_empty() {
            let place = at % self.head.size;
            let room = usize::try_from(self.head.size - place).unwrap_or(usize::MAX).min(rest.len());
            self.file.write_all_at(&rest[..room], HEAD + place)?;
            (at, rest) = (at + room as u64, &rest[room..]);
        }
        self.head.done = self.head.begun;
        self.head.write(&self.file)
    }
    /// Nothing more comes.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.head.over = 1;
        self.head.write(&self.file)
    }
}

/// One that reads.
#[derive(Debug)]
pub(super) struct Reader(File);

impl Reader {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }
    /// The oldest position that can still be read, and the newest.
    pub(super) fn span(&self) -> io::Result<(u64, u64)> {
        let head = Head::read(&self.0)?;
        Ok((head.begun.saturating_sub(head.size).min(head.done), head.done))
    }
    /// True when nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        Head::read(&self.0).is_ok_and(|head| head.over != 0)
    }
    /// At most `most` bytes from a position on, and where they begin: later than asked when those were overwritten.
    pub(super) fn read(&self, from: u64, most: usize) -> io::Result<(u64, Vec<u8>)> {
        let head = Head::read(&self.0)?;
        let oldest = head.begun.saturating_sub(head.size).min(head.done);
        let mut from = from.clamp(oldest, head.done);
        let count = usize::try_from(head.done - from).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; count];
        let (mut at, mut rest) = (from, bytes.as_mut_slice());
        while !rest.is_empty() {
            let place = at % head.size;
            let room = usize::try_from(head.size - place).unwrap_or(usize::MAX).min(rest.len());
            self.0.read_exact_at(&mut rest[..room], HEAD + place)?;
            (at, rest) = (at + room as u64, &mut rest[room..]);
        }
        // What was overwritten meanwhile is not what was asked for.
        let oldest = Head::read(&self.0)?.begun.saturating_sub(head.size);
        if oldest > from {
            let lost = usize::try_from(oldest - from).unwrap_or(usize::MAX).min(bytes.len());
            bytes.drain(..lost);
            from = oldest;
        }
        Ok((from, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::TryRecvError;

    #[test]
    fn a_ring_keeps_the_newest_bytes_and_never_grows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring");
        let mut writer = Writer::make(&path, 1000).unwrap();
        let reader = Reader::open(&path).unwrap();
        let all: Vec<u8> = (0..50_000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
        let mut done = 0;
        for size in [1, 999, 1000, 1001, 3, 2500, 400, 400, 400].into_iter().cycle() {
            if done + size > all.len() {
                break;
            }
            writer.push(&all[done..done + size]).unwrap();
            done += size;
            let kept = done.min(1000);
            assert_eq!(reader.span().unwrap(), ((done - kept) as u64, done as u64));
            let (from, bytes) = reader.read(0, usize::MAX).unwrap();
            assert_eq!((from, bytes.as_slice()), ((done - kept) as u64, &all[done - kept..done]));
            let (from, bytes) = reader.read((done - kept.min(10)) as u64, 4).unwrap();
            let at = usize::try_from(from).unwrap();
            assert_eq!(bytes, &all[at..at + 4.min(kept)]);
            if done % 5 == 0 {
                writer = Writer::open(&path).unwrap();
            }
        }
        assert!(done > 40_000 && !reader.is_over());
        writer.close().unwrap();
        assert!(reader.is_over());
        assert!(std::fs::metadata(&path).unwrap().len() <= HEAD + 1000);
    }

    #[test]
    fn what_is_overwritten_while_it_is_read_is_not_taken_for_what_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring");
        let size = 1 << 20;
        let mut writer = Writer::make(&path, size).unwrap();
        let reader = Reader::open(&path).unwrap();
        let (stop, is_over) = std::sync::mpsc::channel::<()>();
        let writing = std::thread::spawn(move || {
            // Each position holds a byte that follows from it.
            let mut at = 0_u64;
            while is_over.try_recv() == Err(TryRecvError::Empty) {
                let bytes: Vec<u8> = (at..at + 512).map(|n| u8::try_from(n % 251).unwrap()).collect();
                writer.push(&bytes).unwrap();
                at += 512;
            }
        });
        let mut read = 0;
        while read < 2 << 20 {
            // Near the oldest, where the writer is about to overwrite.
            let (oldest, _) = reader.span().unwrap();
            let (from, bytes) = reader.read(oldest + 4096, 8192).unwrap();
            let expected: Vec<u8> = (from..from + bytes.len() as u64).map(|n| u8::try_from(n % 251).unwrap()).collect();
            assert_eq!(bytes, expected);
            read += bytes.len();
        }
        drop(stop);
        writing.join().unwrap();
    }
}
