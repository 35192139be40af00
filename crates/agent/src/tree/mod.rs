//! Trees that belong to tenants: deleting, measuring and giving them away.
//!
//! A tenant decides how deep, how wide and how strange a tree is, and may change it while it is looked at. So everything here
//! goes from one directory handle to the next and never along a link or into another mount, needs the same few descriptors and
//! the same memory whatever it meets, and works in small steps between which others have their turn. Whoever needs to
//! touch a tenant's tree does it through this room; the standard library's recursive functions are not for that.

mod remove;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use remove::Trash;
pub(crate) use walk::{give, measure};

use rustix::fs::{CWD, Mode, OFlags, RawDir, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Entries in one step, after which others have their turn.
const STEP: usize = 2000;
/// Read of a folder at once.
const BATCH_BYTES: usize = 16 * 1024;

/// One entry of a folder.
#[derive(Debug)]
struct Entry {
    name: CString,
    /// `None` where the file system does not say.
    is_folder: Option<bool>,
    /// Where the folder goes on after it.
    cookie: u64,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the folder at the top, whose path is the agent's own.
fn open_top(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, FOLDER, Mode::empty())?)
}

/// Opens a folder in a folder: no link, and of the same mount.
fn open_in(folder: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match openat2(folder, name, FOLDER, Mode::empty(), inside) {
        // Kernels before 5.6; one component without following links is the same but for mounts.
        Err(Errno::NOSYS) => openat(folder, name, FOLDER, Mode::empty()),
        // The kernel asks for another try when something was renamed meanwhile.
        Err(Errno::AGAIN) => openat(folder, name, FOLDER, Mode::empty()),
        opened => opened,
    }
}

/// The next entries of a folder from a position on; none at its end.
fn batch(folder: impl AsFd, from: u64) -> Result<VecDeque<Entry>, Errno> {
    rustix::fs::seek(&folder, rustix::fs::SeekFrom::Start(from))?;
    let mut space = Vec::with_capacity(BATCH_BYTES);
    let mut raw = RawDir::new(folder, space.spare_capacity_mut());
    let mut entries = VecDeque::new();
    loop {
        let Some(entry) = raw.next() else { return Ok(entries) };
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            let is_folder = match entry.file_type() {
                rustix::fs::FileType::Unknown => None,
                kind => Some(kind.is_dir()),
            };
            entries.push_back(Entry {
                name: entry.file_name().to_owned(),
                is_folder,
                cookie: entry.next_entry_cookie(),
            });
        }
        if raw.is_buffer_empty() && !entries.is_empty() {
            return Ok(entries);
        }
    }
}

/// Runs one step off the runtime's threads: a slow disk must not stop everything else.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
