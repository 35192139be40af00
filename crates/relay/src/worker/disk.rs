//! The worker's folder: `journal/<id>.log` while a match runs, `archive/<id>.json.gz` afterwards.
//!
//! Appends reach the operating system before they count, so they outlive the process. They are not forced to the disk:
//! a power cut may lose the last moments of running matches, never an archive.

use crate::engine::Record;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ostler_model::matches::GameId;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The largest archive that is read back: three hours of a hundred players fit many times.
const ARCHIVE_BYTES: u64 = 1 << 30;

/// Most bytes that one match may owe to a full disk. Beyond it a crash loses turns, and players are told to go back.
const OWED_BYTES: usize = 16 << 20;

/// Lines for each match's journal, in order.
pub(super) type Lines = Vec<(GameId, String)>;

/// The folder failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} {path}")]
pub struct DiskError {
    doing: &'static str,
    path: String,
    #[source]
    source: std::io::Error,
}

impl DiskError {
    /// Another worker has the folder.
    pub fn is_locked(&self) -> bool {
        self.doing == "lock"
    }
    pub(super) fn damaged(id: GameId, why: &dyn std::fmt::Display) -> Self {
        Self { doing: "understand", path: id.to_string(), source: std::io::Error::other(why.to_string()) }
    }
}

/// The open folder. One worker at a time has it.
#[derive(Clone)]
pub(super) struct Disk(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    /// Held for as long as the worker lives.
    _lock: File,
    open: Mutex<BTreeMap<GameId, Journal>>,
}

/// One match's open journal.
struct Journal {
    file: File,
    /// What it holds for sure. A write that fails halfway is taken back to here.
    length: u64,
    /// Lines that a full disk did not take. They are written before all others, or a turn would be missing.
    owed: String,
}

impl Inner {
    fn journal(&self, id: GameId) -> PathBuf {
        self.dir.join("journal").join(format!("{id}.log"))
    }
    fn archive(&self, id: GameId) -> PathBuf {
        self.dir.join("archive").join(format!("{id}.json.gz"))
    }
}

fn told<T>(doing: &'static str, path: &Path, done: std::io::Result<T>) -> Result<T, DiskError> {
    done.map_err(|source| DiskError { doing, path: path.display().to_string(), source })
}

impl Disk {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, DiskError> + Send + 'static,
    ) -> Result<T, DiskError> {
        let inner = self.0.clone();
        let path = self.0.dir.display().to_string();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => Err(DiskError { doing: "use", path, source: std::io::Error::other(error) }),
        }
    }

    /// Makes the folder and takes it for worker `index` of `count`.
    pub(super) async fn open(dir: PathBuf, index: u32, count: u32) -> Result<Self, DiskError> {
        for part in ["journal", "archive"] {
            let path = dir.join(part);
            told("make", &path, std::fs::create_dir_all(&path))?;
        }
        let path = dir.join("lock");
        let lock = told("make", &path, OpenOptions::new().create(true).truncate(false).write(true).open(&path))?;
        told("lock", &path, lock.try_lock().map_err(std::io::Error::from))?;
        told("share", &dir, share(&dir, index, count))?;
        Ok(Self(Arc::new(Inner { dir, _lock: lock, open: Mutex::default() })))
    }

    /// Appends to the journals; each file gets one write for all its lines.
    pub(super) async fn append(&self, lines: Lines) -> Result<(), DiskError> {
        self.run(move |disk| {
            let mut by_match: BTreeMap<GameId, String> = BTreeMap::new();
            for (id, text) in lines {
                by_match.entry(id).or_default().push_str(&text);
            }
            let mut open = disk.open.lock().unwrap_or_else(PoisonError::into_inner);
            let mut failed = None;
            for (id, text) in by_match.into_iter().filter(|(_, text)| !text.is_empty()) {
                // One full match must not keep the others from being written.
                if let Err(error) = append(disk, &mut open, id, &text) {
                    failed = Some(error);
                }
            }
            failed.map_or(Ok(()), Err)
        })
        .await
    }

    /// Every journal with its records. What a crash cut off is removed, so that the next line starts on its own.
    pub(super) async fn journals(&self) -> Result<Vec<(GameId, Vec<Record>)>, DiskError> {
        self.run(|disk| {
            let dir = disk.dir.join("journal");
            let mut found = Vec::new();
            for entry in told("list", &dir, std::fs::read_dir(&dir))? {
                let path = told("list", &dir, entry)?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
                let Some(id) = name.strip_suffix(".log").and_then(|id| id.parse().ok()) else { continue };
                let bytes = told("read", &path, std::fs::read(&path))?;
                let (records, whole) = Record::read(&bytes);
                if whole < bytes.len() && !records.is_empty() {
                    told("shorten", &path, cut(&path, &bytes, whole))?;
                }
                found.push((id, records));
            }
            found.sort_by_key(|(id, _)| *id);
            Ok(found)
        })
        .await
    }

    /// Keeps a journal that cannot be resumed out of the way, for a person to look at.
    pub(super) async fn set_aside(&self, id: GameId) -> Result<(), DiskError> {
        self.run(move |disk| {
            let path = disk.journal(id);
            told("rename", &path, std::fs::rename(&path, path.with_extension("damaged")))
        })
        .await
    }

    /// Removes the journal of an archived match.
    pub(super) async fn journal_remove(&self, id: GameId) -> Result<(), DiskError> {
        self.run(move |disk| {
            disk.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            let path = disk.journal(id);
            told("remove", &path, std::fs::remove_file(&path))
        })
        .await
    }

    /// Writes an archive: whole or not at all.
    pub(super) async fn archive_write(&self, id: GameId, text: String) -> Result<(), DiskError> {
        self.run(move |disk| {
            let path = disk.archive(id);
            let half = path.with_extension("half");
            let write = || {
                let mut gzip = GzEncoder::new(File::create(&half)?, Compression::default());
                gzip.write_all(text.as_bytes())?;
                gzip.finish()?.sync_all()?;
                std::fs::rename(&half, &path)
            };
            told("write", &path, write())
        })
        .await
    }

    /// Reads an archive.
    pub(super) async fn archive_read(&self, id: GameId) -> Result<Option<String>, DiskError> {
        self.run(move |disk| {
            let path = disk.archive(id);
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return told("open", &path, Err(error)),
            };
            let mut text = String::new();
            told("read", &path, GzDecoder::new(file).take(ARCHIVE_BYTES).read_to_string(&mut text))?;
            Ok(Some(text))
        })
        .await
    }

    /// Ids of archives, newest first.
    pub(super) async fn archive_list(&self, limit: usize) -> Result<Vec<GameId>, DiskError> {
        self.run(move |disk| {
            let dir = disk.dir.join("archive");
            let mut found = Vec::new();
            for entry in told("list", &dir, std::fs::read_dir(&dir))? {
                let entry = told("list", &dir, entry)?;
                let name = entry.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(".json.gz")).and_then(|id| id.parse().ok());
                let at = entry.metadata().and_then(|meta| meta.modified());
                if let (Some(id), Ok(at)) = (id, at) {
                    found.push((at, id));
                }
            }
            found.sort_by(|a, b| b.cmp(a));
            Ok(found.into_iter().map(|(_, id)| id).take(limit).collect())
        })
        .await
    }
}

/// Ids say who owns a match, so a folder with matches serves only the number of workers that it was made for.
fn share(dir: &Path, index: u32, count: u32) -> std::io::Result<()> {
    let (path, half, wanted) = (dir.join("share"), dir.join("share.half"), format!("worker {index} of {count}\n"));
    match std::fs::read_to_string(&path) {
        Ok(found) if found == wanted => return Ok(()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(found) => {
            for part in ["journal", "archive"] {
                if std::fs::read_dir(dir.join(part))?.next().is_some() {
                    let (found, wanted) = (found.trim_end(), wanted.trim_end());
                    return Err(std::io::Error::other(format!("it holds matches of {found}, this is {wanted}")));
                }
            }
        }
        Err(_) => {}
    }
    std::fs::write(&half, wanted)?;
    std::fs::rename(&half, &path)
}

/// Shortens a journal to what is whole. More than one torn line is damage: a person may want to look at it.
fn cut(path: &Path, bytes: &[u8], whole: usize) -> std::io::Result<()> {
    if bytes[whole..].contains(&b'\n') {
        std::fs::write(path.with_extension("cut"), &bytes[whole..])?;
    }
    OpenOptions::new().write(true).open(path)?.set_len(whole as u64)
}

fn append(disk: &Inner, open: &mut BTreeMap<GameId, Journal>, id: GameId, text: &str) -> Result<(), DiskError> {
    use std::collections::btree_map::Entry;
    let path = disk.journal(id);
    let journal = match open.entry(id) {
        Entry::Occupied(held) => held.into_mut(),
        Entry::Vacant(free) => {
            let file = told("open", &path, OpenOptions::new().create(true).append(true).open(&path))?;
            let length = told("measure", &path, file.metadata())?.len();
            free.insert(Journal { file, length, owed: String::new() })
        }
    };
    told("append to", &path, journal.append(text))
}

impl Journal {
    fn append(&mut self, text: &str) -> std::io::Result<()> {
        if self.owed.is_empty() {
            let written = self.write(text);
            if written.is_err() {
                self.owed.push_str(text);
            }
            return written;
        }
        if self.owed.len() + text.len() <= OWED_BYTES {
            self.owed.push_str(text);
        }
        let owed = std::mem::take(&mut self.owed);
        let written = self.write(&owed);
        if written.is_err() {
            self.owed = owed;
        }
        written
    }

    /// All of it or nothing.
    fn write(&mut self, text: &str) -> std::io::Result<()> {
        let written = self.file.write_all(text.as_bytes());
        match written {
            Ok(()) => self.length += text.len() as u64,
            // Half a line would end the journal for whoever reads it.
            Err(_) => self.file.set_len(self.length)?,
        }
        written
    }
}
