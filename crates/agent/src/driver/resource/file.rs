//! Files in volumes. The tenant owns the volume and may have put links anywhere in it: every step goes from one directory
//! handle to the next, never along a link, and never out of the volume.

use super::ids;
use crate::driver::account::Account;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

/// A file that is not complete yet, next to where it will be.
const DRAFT: &str = ".ostler-draft";

/// Writes a file, completely or not at all. `keep` leaves one that is there alone.
pub(super) fn put(
    volume: &Path,
    path: &str,
    content: &[u8],
    keep: bool,
    owner: Option<&Account>,
) -> Result<(), String> {
    let place = Place::find(volume, path, owner)?;
    if keep && place.exists() {
        return Ok(());
    }
    let mut draft = place.draft(owner)?;
    let written = draft.write_all(content).and_then(|()| draft.sync_all());
    written.map_err(|e| format!("{path} cannot be written: {e}"))?;
    place.finish()
}

/// Where a file goes: the folder, held open, and the name in it.
pub(super) struct Place {
    folder: OwnedFd,
    name: String,
    shown: String,
}

impl Place {
    /// Opens the folder, and makes what is missing of it.
    pub(super) fn find(volume: &Path, path: &str, owner: Option<&Account>) -> Result<Self, String> {
        Self::open(volume, path, |folder, part| {
            let is_made = make(folder, part)?;
            let next = enter(folder, part)?;
            if is_made {
                let (uid, gid) = ids(owner);
                std::os::unix::fs::fchown(next.as_fd(), uid, gid).map_err(|_| Errno::PERM)?;
            }
            Ok(next)
        })
    }
    /// Opens the folder, when all of it is there.
    pub(super) fn find_existing(volume: &Path, path: &str) -> Result<Self, String> {
        Self::open(volume, path, enter)
    }
    fn open(
        volume: &Path,
        path: &str,
        descend: impl Fn(&OwnedFd, &str) -> Result<OwnedFd, Errno>,
    ) -> Result<Self, String> {
        let wrong = || format!("{path:?} is not a path inside of a volume");
        let parts: Vec<&str> = path.split('/').collect();
        if parts.iter().any(|p| p.is_empty() || *p == "." || *p == ".." || p.contains('\0')) || path.len() > 1024 {
            return Err(wrong());
        }
        let (name, folders) = parts.split_last().ok_or_else(wrong)?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = rustix::fs::open(volume, flags, Mode::empty())
            .map_err(|e| format!("{} cannot be opened: {e}", volume.display()))?;
        for part in folders {
            folder = descend(&folder, part).map_err(|e| format!("{path}: {part}: {}", explain(e)))?;
        }
        Ok(Self { folder, name: (*name).to_owned(), shown: path.to_owned() })
    }
    pub(super) fn exists(&self) -> bool {
        rustix::fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }
    /// The file that is there, for reading. `None` when there is none, or something else of that name.
    pub(super) fn read(&self) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&self.folder, &self.name, flags, Mode::empty()).ok()?);
        file.metadata().is_ok_and(|m| m.is_file()).then_some(file)
    }
    /// A new, empty file beside it that already belongs to its owner.
    pub(super) fn draft(&self, owner: Option<&Account>) -> Result<File, String> {
        // Of an earlier try, or put there by the tenant: either way it is only a name.
        match rustix::fs::unlinkat(&self.folder, DRAFT, AtFlags::empty()) {
            Err(e) if e != Errno::NOENT => return Err(format!("{DRAFT} is in the way: {}", explain(e))),
            _ => {}
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, DRAFT, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP)
            .map_err(|e| format!("{} cannot be written: {}", self.shown, explain(e)))?;
        let (uid, gid) = ids(owner);
        std::os::unix::fs::fchown(&file, uid, gid).map_err(|e| format!("{} cannot be given away: {e}", self.shown))?;
        Ok(File::from(file))
    }
    /// The draft takes its place.
    pub(super) fn finish(&self) -> Result<(), String> {
        rustix::fs::renameat(&self.folder, DRAFT, &self.folder, &self.name)
            .and_then(|()| rustix::fs::fsync(&self.folder))
            .map_err(|e| format!("{} cannot be put in place: {}", self.shown, explain(e)))
    }
    /// The draft is not wanted any more.
    pub(super) fn give_up(&self) {
        let _ = rustix::fs::unlinkat(&self.folder, DRAFT, AtFlags::empty());
    }
}

/// True when the folder was not there yet.
fn make(folder: &OwnedFd, part: &str) -> Result<bool, Errno> {
    match rustix::fs::mkdirat(folder, part, Mode::RWXU | Mode::RGRP | Mode::XGRP) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(e) => Err(e),
    }
}

fn enter(folder: &OwnedFd, part: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match rustix::fs::openat2(folder, part, flags, Mode::empty(), inside) {
        // Kernels before 5.6; one component without following links is the same.
        Err(Errno::NOSYS) => rustix::fs::openat(folder, part, flags, Mode::empty()),
        opened => opened,
    }
}

fn explain(error: Errno) -> String {
    match error {
        Errno::LOOP | Errno::NOTDIR => "a link or file is where a folder should be".to_owned(),
        Errno::ISDIR => "a folder is in the way".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_path_and_no_link_leads_out_of_the_volume() {
        let dir = tempfile::tempdir().unwrap();
        let (volume, outside) = (dir.path().join("v"), dir.path().join("outside"));
        std::fs::create_dir(&volume).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "old").unwrap();
        symlink(&outside, volume.join("way")).unwrap();
        symlink(outside.join("secret"), volume.join("file")).unwrap();
        symlink(outside.join("secret"), volume.join(DRAFT)).unwrap();
        for wrong in ["", "/etc/x", "../x", "a/../../x", "a//b", ".", "a/.", "way/secret", "way/new"] {
            assert!(put(&volume, wrong, b"new", false, None).is_err(), "{wrong:?}");
        }
        // A link in the place of the file itself is replaced, not followed.
        put(&volume, "file", b"new", false, None).unwrap();
        assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), "old");
        assert_eq!(std::fs::read_to_string(volume.join("file")).unwrap(), "new");
        assert!(volume.join("file").symlink_metadata().unwrap().is_file());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    }

    #[test]
    fn keep_leaves_a_file_alone_and_folders_are_made() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "a/b/c.txt", b"1", true, None).unwrap();
        put(dir.path(), "a/b/c.txt", b"2", true, None).unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("a/b/c.txt")).unwrap(), "1");
        put(dir.path(), "a/b/c.txt", b"2", false, None).unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("a/b/c.txt")).unwrap(), "2");
        assert_eq!(std::fs::read_dir(dir.path().join("a/b")).unwrap().count(), 1);
    }
}
