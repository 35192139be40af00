//! The file of the log, with the one before it: never more than twice the bound.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Most bytes of one file. Then it becomes `….1`, and a new one begins: the last days of a busy server.
pub(super) const FILE_BYTES: u64 = 16 << 20;

/// A log file that stays small.
pub(super) struct File {
    path: PathBuf,
    most: u64,
    open: std::fs::File,
    length: u64,
}

impl File {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::with_most(path, FILE_BYTES)
    }

    fn with_most(path: &Path, most: u64) -> io::Result<Self> {
        let open = append(path)?;
        let length = open.metadata()?.len();
        Ok(Self { path: path.to_owned(), most, open, length })
    }

    /// The one before, for a person to read.
    fn before(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".1");
        name.into()
    }
}

fn append(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

impl Write for File {
    /// Takes a line: all of it goes to one file.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.length > 0 && self.length + line.len() as u64 > self.most {
            std::fs::rename(&self.path, self.before())?;
            self.open = append(&self.path)?;
            self.length = 0;
        }
        self.open.write_all(line)?;
        self.length += line.len() as u64;
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.open.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn s13_a_log_that_is_written_ten_times_over_stays_below_twice_its_bound() {
        const MOST: u64 = 10_000;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ostler.log");
        let line = |n: u64| format!("line {n} of a long story\n");
        let mut log = File::with_most(&path, MOST).unwrap();
        let (mut written, mut n) = (0, 0);
        while written < 10 * MOST {
            log.write_all(line(n).as_bytes()).unwrap();
            written += line(n).len() as u64;
            n += 1;
            if n % 100 == 0 {
                // As after a restart.
                log = File::with_most(&path, MOST).unwrap();
            }
        }
        let files: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap()).collect();
        assert_eq!(files.len(), 2);
        assert!(files.iter().all(|file| file.len() <= MOST && file.permissions().mode() & 0o777 == 0o600));
        let both = std::fs::read_to_string(log.before()).unwrap() + &std::fs::read_to_string(&path).unwrap();
        assert!(both.ends_with(&line(n - 1)) && both.lines().all(|line| line.ends_with("a long story")), "{both}");
    }
}
