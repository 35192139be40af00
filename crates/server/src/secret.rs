//! The master key: what secrets in the database are sealed with. Lies in the data folder, readable by this account alone.

use anyhow::{Context as _, Result, bail};
use ostler_runtime::Ids;
use ostler_store::MasterKey;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::{fs, io};

/// The file's name.
const FILE: &str = "master.key";

/// Reads the key, or makes it at the first start.
pub(crate) fn master_key(data_dir: &Path, ids: &Ids) -> Result<MasterKey> {
    let path = data_dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => {
            let mode = fs::metadata(&path)?.permissions().mode();
            if mode & 0o077 != 0 {
                bail!("{} can be read by others; run: chmod 600 {}", path.display(), path.display());
            }
            text
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(data_dir, &path, ids)?,
        Err(error) => return Err(error).with_context(|| format!("could not read {}", path.display())),
    };
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key)
        .with_context(|| format!("{} must hold 64 hexadecimal digits and nothing else", path.display()))?;
    Ok(MasterKey::new(key))
}

/// Writes a new key beside its place and moves it there, so that half a key is never read.
fn make(data_dir: &Path, path: &Path, ids: &Ids) -> Result<String> {
    let text = hex::encode(ids.bytes::<32>());
    let temporary = data_dir.join(format!("{FILE}.new"));
    let made = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        fs::File::open(data_dir)?.sync_all()
    };
    made().with_context(|| format!("could not write {}", path.display()))?;
    Ok(text)
}
