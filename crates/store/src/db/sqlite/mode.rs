//! Who may read the files of a database: the account that runs the server, whatever the umask says.

use std::fs::{OpenOptions, Permissions, set_permissions};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const OWNER: u32 = 0o600;

/// Makes the file when there is none, and takes it and those beside it from others. SQLite gives its log the file's own mode.
pub(super) fn close_to_others(path: &Path) -> Result<()> {
    OpenOptions::new().append(true).create(true).mode(OWNER).open(path)?;
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let file = PathBuf::from(name);
        let mode = match file.metadata() {
            Ok(found) => found.permissions().mode() & 0o777,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if mode & !OWNER != 0 {
            set_permissions(&file, Permissions::from_mode(mode & OWNER))?;
        }
    }
    Ok(())
}
