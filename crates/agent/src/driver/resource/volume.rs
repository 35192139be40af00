//! Volumes: folders that belong to the workload's account and that nobody else may enter.

use super::{ids, off_thread};
use crate::driver::Note;
use crate::driver::account::Account;
use crate::driver::layout::Layout;
use ostler_model::WorkloadId;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

pub(super) async fn ensure(
    layout: &Layout,
    id: WorkloadId,
    name: &str,
    limit_bytes: u64,
    account: Option<Account>,
) -> Result<Note, String> {
    let (above, dir) = (layout.volumes(id), layout.volume(id, name)?);
    let shown = dir.display().to_string();
    off_thread(move || {
        let make = || -> io::Result<()> {
            // Accounts walk through these two but cannot list them.
            let walk = fs::Permissions::from_mode(0o711);
            fs::DirBuilder::new().recursive(true).mode(0o711).create(&above)?;
            fs::set_permissions(&above, walk)?;
            match fs::DirBuilder::new().mode(0o700).create(&dir) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && fs::symlink_metadata(&dir)?.is_dir() => {}
                made => made?,
            }
            let (uid, gid) = ids(account.as_ref());
            // The folder above belongs to the agent, so nobody can have put a link here.
            std::os::unix::fs::lchown(&dir, uid, gid)?;
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
        };
        make().map_err(|e| format!("{shown} cannot be made: {e}"))
    })
    .await?;
    Ok(match limit_bytes {
        0 => Note::ready(),
        _ => Note::degraded("quota_not_enforced", "this file system cannot limit how much a folder holds"),
    })
}

pub(super) async fn remove(layout: &Layout, id: WorkloadId, name: &str) -> Result<(), String> {
    let (above, dir) = (layout.volumes(id), layout.volume(id, name)?);
    let removed = layout.trash().remove(&dir, &format!("{id}.{name}")).await;
    removed.map_err(|e| format!("{} cannot be removed: {e}", dir.display()))?;
    off_thread(move || {
        // The last volume takes the workload's folder along.
        let _ = fs::remove_dir(&above);
        Ok(())
    })
    .await
}
