//! Where the journal is kept: a folder, or memory in the simulation.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Small named files, each replaced as a whole.
pub trait Disk: Send + Sync + 'static {
    /// Every file.
    fn read_all(&self) -> BoxFuture<'_, io::Result<BTreeMap<String, Vec<u8>>>>;
    /// Replaces a file. When it returns, the new content is what is read after a power failure; if it fails, the old.
    fn write(&self, name: String, bytes: Vec<u8>) -> BoxFuture<'_, io::Result<()>>;
    /// Removes a file; succeeds when it is not there.
    fn remove(&self, name: String) -> BoxFuture<'_, io::Result<()>>;
    /// Keeps a damaged file for a person to look at, out of the way.
    fn set_aside(&self, name: String) -> BoxFuture<'_, io::Result<()>>;
}

/// A folder that only the agent's account can read: the journal holds secrets. Held by one agent at a time: two that act on
/// one journal would run everything twice.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    turns: Arc<Turns>,
    /// Locked until the last clone is gone, or the process.
    _lock: Arc<std::fs::File>,
}

/// The order of changes. Who asked for one may be gone while it is still under way, and the next one begins: only one at a time is
/// carried out, and one that a later one has overtaken is not.
#[derive(Debug, Default)]
struct Turns {
    asked: AtomicU64,
    /// The newest change that was carried out, by file.
    done: Mutex<BTreeMap<String, u64>>,
}

impl Turns {
    fn change(
        self: &Arc<Self>,
        name: String,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> BoxFuture<'static, io::Result<()>> {
        let (turns, number) = (self.clone(), self.asked.fetch_add(1, Ordering::Relaxed));
        blocking(move || {
            let mut done = turns.done.lock().unwrap_or_else(PoisonError::into_inner);
            if done.get(&name).is_some_and(|newest| *newest > number) {
                return Ok(());
            }
            work()?;
            done.insert(name, number);
            Ok(())
        })
    }
}

const LOCK_FILE: &str = "lock";

impl Folder {
    /// Opens the folder, and makes it when it is not there. Fails with `ResourceBusy` while another agent has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let lock = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path.join(LOCK_FILE))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::ResourceBusy, format!("another agent runs on {}", path.display()))
            }
            std::fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { path: path.to_owned(), turns: Arc::default(), _lock: Arc::new(lock) })
    }
}

/// Off the runtime's threads: an fsync takes as long as it takes.
fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> BoxFuture<'static, io::Result<T>> {
    async move { tokio::task::spawn_blocking(work).await.map_err(io::Error::other)? }.boxed()
}

impl Disk for Folder {
    fn read_all(&self) -> BoxFuture<'_, io::Result<BTreeMap<String, Vec<u8>>>> {
        let dir = self.path.clone();
        blocking(move || {
            let mut files = BTreeMap::new();
            for entry in std::fs::read_dir(&dir)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                if name.starts_with('.') {
                    // A draft whose writer died: the old content is the valid one.
                    std::fs::remove_file(entry.path())?;
                } else if name.ends_with(".json") && entry.file_type()?.is_file() {
                    files.insert(name, std::fs::read(entry.path())?);
                }
            }
            Ok(files)
        })
    }
    fn write(&self, name: String, bytes: Vec<u8>) -> BoxFuture<'_, io::Result<()>> {
        let dir = self.path.clone();
        self.turns.change(name.clone(), move || {
            use std::io::Write as _;
            use std::os::unix::fs::OpenOptionsExt as _;
            let draft = dir.join(format!(".{name}"));
            let write = || {
                let mut file =
                    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                std::fs::rename(&draft, dir.join(&name))?;
                std::fs::File::open(&dir)?.sync_all()
            };
            write().inspect_err(|_| drop(std::fs::remove_file(&draft)))
        })
    }
    fn remove(&self, name: String) -> BoxFuture<'_, io::Result<()>> {
        let path = self.path.join(&name);
        self.turns.change(name, move || match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        })
    }
    fn set_aside(&self, name: String) -> BoxFuture<'_, io::Result<()>> {
        let (from, to) = (self.path.join(&name), self.path.join(format!("{name}.damaged")));
        self.turns.change(name, move || std::fs::rename(from, to))
    }
}

/// Memory that outlives an agent, for the simulation. Writes can be made to fail, and files can be torn.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    files: BTreeMap<String, Vec<u8>>,
    is_full: bool,
}

impl Memory {
    /// From now on every write fails, or works again.
    pub fn set_full(&self, is_full: bool) {
        self.with(|held| held.is_full = is_full);
    }
    /// The files.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.with(|held| held.files.clone())
    }
    /// Cuts a file in half, as a file system may after a power failure.
    pub fn tear(&self, name: &str) {
        self.with(|held| {
            if let Some(file) = held.files.get_mut(name) {
                file.truncate(file.len() / 2);
            }
        });
    }
    fn with<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Disk for Memory {
    fn read_all(&self) -> BoxFuture<'_, io::Result<BTreeMap<String, Vec<u8>>>> {
        let files = self.with(|h| {
            h.files.iter().filter(|(n, _)| n.ends_with(".json")).map(|(n, b)| (n.clone(), b.clone())).collect()
        });
        std::future::ready(Ok(files)).boxed()
    }
    fn write(&self, name: String, bytes: Vec<u8>) -> BoxFuture<'_, io::Result<()>> {
        let done = self.with(|held| {
            if held.is_full {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            held.files.insert(name, bytes);
            Ok(())
        });
        std::future::ready(done).boxed()
    }
    fn remove(&self, name: String) -> BoxFuture<'_, io::Result<()>> {
        self.with(|held| held.files.remove(&name));
        std::future::ready(Ok(())).boxed()
    }
    fn set_aside(&self, name: String) -> BoxFuture<'_, io::Result<()>> {
        self.with(|held| {
            if let Some(bytes) = held.files.remove(&name) {
                held.files.insert(format!("{name}.damaged"), bytes);
            }
        });
        std::future::ready(Ok(())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_whose_caller_has_gone_neither_fails_the_next_one_nor_undoes_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        for round in 0..200_u32 {
            let name = || "self.json".to_owned();
            let mut abandoned = folder.write(name(), vec![b'a'; 4096]);
            // Asked once, so that it is under way, and then dropped.
            assert!(futures_util::poll!(&mut abandoned).is_pending() || round > 0);
            drop(abandoned);
            folder.write(name(), round.to_string().into_bytes()).await.unwrap();
            // Whatever is still under way has its turn before this ends.
            folder.write("other.json".to_owned(), vec![]).await.unwrap();
            assert_eq!(folder.read_all().await.unwrap()["self.json"], round.to_string().into_bytes());
        }
    }
}
