//! Deleting trees.
//!
//! A tree is first moved into the trash as a whole, which either has happened or not, then taken apart there: files are
//! deleted, and each folder in a folder is moved up to the top of its own heap, so that nothing is ever deeper than one
//! folder, however deep it was. What a crash interrupts is still in the trash and goes on at the next start.

use super::{Entry, STEP, batch, off_thread, open_in, open_top};
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Folders that are remembered as not yet empty; more are found by looking.
const KNOWN_MOST: usize = 1024;

/// Where trees go before they are gone: a folder of the agent's own, on the same file system.
#[derive(Debug, Clone)]
pub(crate) struct Trash(PathBuf);

impl Trash {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Deletes a tree. `name` is the heap's, one for each tree; what an earlier try left in it goes too.
    pub(crate) async fn remove(&self, tree: &Path, name: &str) -> io::Result<()> {
        let (tree, heap) = (tree.to_owned(), self.0.join(name));
        let moved = heap.clone();
        let trash = self.clone();
        let is_there = off_thread(move || trash.put(&tree, &moved)).await?;
        if is_there { empty(heap).await } else { Ok(()) }
    }

    /// Goes on with everything that was left.
    pub(crate) async fn empty(&self) {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        for heap in entries.map(|entry| entry.path()).collect::<Vec<_>>() {
            if let Err(error) = empty(heap.clone()).await {
                tracing::warn!(path = %heap.display(), %error, "deleted files cannot be removed; the next start tries again");
            }
        }
    }

    /// Moves a tree onto its heap. False when there is neither.
    pub(super) fn put(&self, tree: &Path, heap: &Path) -> io::Result<bool> {
        if std::fs::symlink_metadata(tree).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            return Ok(heap.exists());
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(heap)?;
        for number in 0_u64.. {
            match std::fs::rename(tree, heap.join(number.to_string())) {
                Ok(()) => break,
                Err(e) if e.kind() == io::ErrorKind::NotFound => break,
                Err(e) if is_taken(&e) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }
}

fn is_taken(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|e| matches!(e, Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR))
}

async fn empty(path: PathBuf) -> io::Result<()> {
    let top = path.clone();
    let mut heap = match off_thread(move || open_top(&top)).await {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        top => Heap { top: top?, known: Vec::new(), current: None, next: 0 },
    };
    loop {
        let (again, is_done) = off_thread(move || {
            let is_done = heap.step(STEP)?;
            Ok((heap, is_done))
        })
        .await?;
        if is_done {
            break;
        }
        heap = again;
    }
    match off_thread(move || std::fs::remove_dir(path)).await {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// A heap of folders, each of which is being emptied onto it.
pub(super) struct Heap {
    pub(super) top: OwnedFd,
    /// Folders on it that are not empty yet, as far as remembered.
    pub(super) known: Vec<CString>,
    pub(super) current: Option<Current>,
    /// The next name that may be free.
    pub(super) next: u64,
}

pub(super) struct Current {
    name: CString,
    folder: OwnedFd,
    entries: VecDeque<Entry>,
    cookie: u64,
    /// Something was found since the last look from the beginning.
    is_found: bool,
}

impl Heap {
    /// Deletes or moves some entries. True when nothing is left.
    pub(super) fn step(&mut self, entries: usize) -> io::Result<bool> {
        for _ in 0..entries {
            let Some(mut current) = self.current.take() else {
                if self.begin()? {
                    return Ok(true);
                }
                continue;
            };
            if current.entries.is_empty() {
                current.entries = batch(&current.folder, current.cookie)?;
            }
            match current.entries.pop_front() {
                Some(entry) => {
                    current.cookie = entry.cookie;
                    current.is_found = true;
                    self.take(&current.folder, &entry)?;
                    self.current = Some(current);
                }
                // File systems may skip entries while others are deleted: it is empty when a look finds nothing.
                None if current.is_found => {
                    (current.cookie, current.is_found) = (0, false);
                    self.current = Some(current);
                }
                None => match unlinkat(&self.top, &current.name, AtFlags::REMOVEDIR) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    // Somebody still writes into it: it is found again.
                    Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                },
            }
        }
        Ok(false)
    }

    /// Begins with another folder of the heap. True when there is none.
    fn begin(&mut self) -> io::Result<bool> {
        if self.known.is_empty() {
            let found = batch(&self.top, 0)?;
            if found.is_empty() {
                return Ok(true);
            }
            self.known.extend(found.into_iter().map(|entry| entry.name));
        }
        let Some(name) = self.known.pop() else { return Ok(false) };
        let folder = match open_in(self.top.as_fd(), &name) {
            Err(Errno::ACCESS | Errno::PERM) => {
                unlock(&self.top, &name)?;
                open_in(self.top.as_fd(), &name)
            }
            opened => opened,
        };
        match folder {
            Ok(folder) => {
                // Of an account without rights over it: to delete what is in it, it must be allowed to write.
                let mode = Mode::from_raw_mode(rustix::fs::fstat(&folder)?.st_mode);
                if !mode.contains(Mode::RWXU) {
                    fchmod(&folder, Mode::RWXU)?;
                }
                let entries = VecDeque::new();
                self.current = Some(Current { name, folder, entries, cookie: 0, is_found: false });
            }
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR | Errno::LOOP) => match unlinkat(&self.top, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            },
            Err(Errno::XDEV) => {
                return Err(io::Error::other("another file system is mounted in it; unmount that first"));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(false)
    }

    /// Deletes a file, moves a folder onto the heap.
    fn take(&mut self, folder: &OwnedFd, entry: &Entry) -> io::Result<()> {
        if entry.is_folder != Some(true) {
            match unlinkat(folder, &entry.name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                // It is a folder after all.
                Err(Errno::ISDIR) => {}
                Err(Errno::PERM) if entry.is_folder.is_none() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut is_unlocked = false;
        loop {
            let name = CString::new(self.next.to_string())?;
            match renameat(folder, &entry.name, &self.top, &name) {
                Ok(()) => {
                    self.next += 1;
                    if self.known.len() < KNOWN_MOST {
                        self.known.push(name);
                    }
                    return Ok(());
                }
                Err(Errno::NOENT) => return Ok(()),
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => self.next += 1,
                // A folder that changes its parent must itself be writable for its owner.
                Err(Errno::ACCESS) if !is_unlocked => {
                    unlock(folder, &entry.name)?;
                    is_unlocked = true;
                }
                Err(Errno::XDEV | Errno::BUSY) => {
                    return Err(io::Error::other("another file system is mounted in it; unmount that first"));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Lets its owner into a folder. Through a handle, so that a link in its place changes nothing elsewhere.
fn unlock(folder: &OwnedFd, name: &CStr) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(folder, name, flags, Mode::empty())?;
    Ok(rustix::fs::chmod(format!("/proc/self/fd/{}", handle.as_raw_fd()), Mode::RWXU)?)
}
