//! Looking at every entry of a tree.
//!
//! Up again goes by `..`, and the folder found there must be the one that the walk came from: when the tenant has moved it
//! meanwhile, the walk ends there and says that it is not complete, instead of going on in another place.

use super::{Entry, STEP, batch, off_thread, open_in, open_top};
use ostler_model::bounds::agent::TREE_DEPTH;
use rustix::fs::{AtFlags, Gid, Mode, Stat, Uid, chownat, fstat, openat, statat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

/// Folders from the present one upwards whose next entries are kept in memory; those above are read again.
const READ_AHEAD: usize = 8;

/// What a walk does with each entry.
trait Visit: Send + 'static {
    /// `at` is the entry itself, not what a link leads to.
    fn visit(&mut self, folder: BorrowedFd<'_>, name: &CStr, at: &Stat) -> io::Result<()>;
}

/// A walk under way.
struct Walk<V> {
    visit: V,
    here: OwnedFd,
    /// From the top to the present folder.
    path: Vec<Place>,
    /// Entries that were read and not yet looked at, of the last folders of the path.
    ahead: VecDeque<VecDeque<Entry>>,
    deepest: usize,
    is_complete: bool,
}

/// A folder on the way: which it is, and where it goes on.
#[derive(Clone, Copy)]
struct Place {
    dev: u64,
    ino: u64,
    cookie: u64,
}

impl Place {
    fn of(at: &Stat) -> Self {
        #[allow(clippy::useless_conversion, reason = "the width differs between machines")]
        Self { dev: at.st_dev.into(), ino: at.st_ino.into(), cookie: 0 }
    }
}

impl<V: Visit> Walk<V> {
    fn begin(top: &Path, deepest: usize, mut visit: V) -> io::Result<Self> {
        let here = open_top(top)?;
        let at = fstat(&here)?;
        visit.visit(here.as_fd(), c"", &at)?;
        let ahead = VecDeque::from([VecDeque::new()]);
        Ok(Self { visit, here, path: vec![Place::of(&at)], ahead, deepest, is_complete: true })
    }

    /// Looks at some entries. True when there are no more.
    fn step(&mut self, entries: usize) -> io::Result<bool> {
        for _ in 0..entries {
            let Some(place) = self.path.last_mut() else { return Ok(true) };
            let Some(ahead) = self.ahead.back_mut() else { return Ok(true) };
            if ahead.is_empty() {
                *ahead = match batch(&self.here, place.cookie) {
                    // It was removed meanwhile.
                    Err(Errno::NOENT) => VecDeque::new(),
                    read => read?,
                };
            }
            let Some(entry) = ahead.pop_front() else {
                if self.up()? {
                    return Ok(true);
                }
                continue;
            };
            place.cookie = entry.cookie;
            self.look(&entry)?;
        }
        Ok(false)
    }

    fn look(&mut self, entry: &Entry) -> io::Result<()> {
        let at = match statat(&self.here, &entry.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(()),
            found => found?,
        };
        self.visit.visit(self.here.as_fd(), &entry.name, &at)?;
        if !rustix::fs::FileType::from_raw_mode(at.st_mode).is_dir() {
            return Ok(());
        }
        if self.path.len() >= self.deepest {
            self.is_complete = false;
            return Ok(());
        }
        match open_in(self.here.as_fd(), &entry.name) {
            Ok(folder) => {
                self.path.push(Place::of(&fstat(&folder)?));
                self.ahead.push_back(VecDeque::new());
                if self.ahead.len() > READ_AHEAD {
                    self.ahead.pop_front();
                }
                self.here = folder;
            }
            // Gone, another kind of thing by now, or a mount, which is not the tenant's.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => {}
            Err(Errno::ACCESS | Errno::PERM) => self.is_complete = false,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Back to the folder above. True at the top, and when the way back is not the way that led here.
    fn up(&mut self) -> io::Result<bool> {
        self.path.pop();
        self.ahead.pop_back();
        let Some(above) = self.path.last() else { return Ok(true) };
        if self.ahead.is_empty() {
            self.ahead.push_back(VecDeque::new());
        }
        let found = openat(&self.here, c"..", super::FOLDER, Mode::empty());
        let is_it = |folder: &OwnedFd| {
            fstat(folder).is_ok_and(|at| {
                let place = Place::of(&at);
                (place.dev, place.ino) == (above.dev, above.ino)
            })
        };
        match found {
            Ok(folder) if is_it(&folder) => {
                self.here = folder;
                Ok(false)
            }
            _ => {
                self.is_complete = false;
                Ok(true)
            }
        }
    }

    /// Looks at everything, step by step.
    async fn run(mut self) -> io::Result<Self> {
        loop {
            let (walk, is_done) = off_thread(move || {
                let is_done = self.step(STEP)?;
                Ok((self, is_done))
            })
            .await?;
            if is_done {
                return Ok(walk);
            }
            self = walk;
        }
    }
}

/// What a tree takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// On the disk, the folders themselves included. A file with several names counts once when all are in the tree.
    pub bytes: u64,
    pub entries: u64,
    /// False when something was too deep, was closed to the agent, or moved while it was looked at.
    pub is_complete: bool,
}

#[derive(Default)]
struct Measure {
    size: Size,
}

impl Visit for Measure {
    fn visit(&mut self, _: BorrowedFd<'_>, _: &CStr, at: &Stat) -> io::Result<()> {
        let names = if rustix::fs::FileType::from_raw_mode(at.st_mode).is_dir() { 1 } else { at.st_nlink.max(1) };
        let bytes = u64::try_from(at.st_blocks).unwrap_or(0).saturating_mul(512);
        #[allow(clippy::useless_conversion, reason = "the width differs between machines")]
        let share = bytes / u64::from(names);
        self.size.bytes = self.size.bytes.saturating_add(share);
        self.size.entries += 1;
        Ok(())
    }
}

/// Measures a tree.
pub(crate) async fn measure(top: &Path) -> io::Result<Size> {
    measure_to(top, TREE_DEPTH).await
}

pub(super) async fn measure_to(top: &Path, deepest: u64) -> io::Result<Size> {
    let (top, deepest) = (top.to_owned(), usize::try_from(deepest).unwrap_or(usize::MAX));
    let walk = off_thread(move || Walk::begin(&top, deepest, Measure::default())).await?.run().await?;
    Ok(Size { is_complete: walk.is_complete, ..walk.visit.size })
}

struct Give {
    owner: (u32, u32),
}

impl Visit for Give {
    fn visit(&mut self, folder: BorrowedFd<'_>, name: &CStr, at: &Stat) -> io::Result<()> {
        if (at.st_uid, at.st_gid) == self.owner {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(self.owner.0), Gid::from_raw(self.owner.1));
        let flags = if name.is_empty() { AtFlags::EMPTY_PATH } else { AtFlags::SYMLINK_NOFOLLOW };
        match chownat(folder, name, Some(uid), Some(gid), flags) {
            Err(Errno::NOENT) => Ok(()),
            done => Ok(done?),
        }
    }
}

/// Gives a tree and everything in it to a user.
pub(crate) async fn give(top: &Path, owner: (u32, u32)) -> io::Result<()> {
    let (top, deepest) = (top.to_owned(), usize::try_from(TREE_DEPTH).unwrap_or(usize::MAX));
    let walk = off_thread(move || Walk::begin(&top, deepest, Give { owner })).await?.run().await?;
    if walk.is_complete {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "not all of it could be given: its folders are more than {TREE_DEPTH} deep, or changed meanwhile"
    )))
}
