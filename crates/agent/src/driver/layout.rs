//! Where things are on this machine.

use crate::tree::Trash;
use ostler_model::WorkloadId;
use std::path::{Path, PathBuf};

/// The journal's folder, in the state folder.
pub const JOURNAL: &str = "journal";

/// The agent's two folders. Both belong to the agent's account; only volumes belong to workloads.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Journal, identity, output of runs. Nobody else can look into it.
    pub state: PathBuf,
    /// One folder per workload with its volumes.
    pub data: PathBuf,
}

impl Layout {
    /// The journal's folder.
    pub fn journal(&self) -> PathBuf {
        self.state.join(JOURNAL)
    }
    /// What belongs to the present run of a workload.
    pub fn run(&self, id: WorkloadId) -> PathBuf {
        self.state.join("runs").join(id.to_string())
    }
    /// Where deleted trees are until they are gone: beside the volumes, and closed to all accounts.
    pub(crate) fn trash(&self) -> Trash {
        Trash::at(self.data.join(".trash"))
    }
    /// The folder of a workload's volumes.
    pub fn volumes(&self, id: WorkloadId) -> PathBuf {
        self.data.join(id.to_string())
    }
    /// One volume. The name is checked: it comes from outside.
    pub fn volume(&self, id: WorkloadId, name: &str) -> Result<PathBuf, String> {
        let is_plain = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if is_plain { Ok(self.volumes(id).join(name)) } else { Err(format!("{name:?} is not a name for a volume")) }
    }
}

/// The placeholder of the agent's own program.
const PROGRAM: &str = "{{program.ostler}}";

/// Replaces the placeholder of the agent's own program by where that is seen. `None` when the text does not name it.
pub(crate) fn put_program(text: &str, at: &Path) -> Option<String> {
    text.contains(PROGRAM).then(|| text.replace(PROGRAM, &at.display().to_string()))
}

/// Replaces `{{volume.NAME}}` by where that volume is seen.
pub(crate) fn put_volumes(text: &str, at: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("{{volume.") {
        let Some((name, after)) = after.split_once("}}") else { break };
        out.push_str(before);
        out.push_str(&at(name).ok_or_else(|| format!("there is no volume {name:?}"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// True when every account may walk through all folders above this path.
pub(crate) fn is_reachable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.ancestors().skip(1).all(|dir| {
        dir.as_os_str().is_empty() || std::fs::metadata(dir).is_ok_and(|m| m.permissions().mode() & 0o001 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_put_in_and_unknown_ones_are_named() {
        let at = |name: &str| (name == "data").then(|| "/v/data".to_owned());
        assert_eq!(put_volumes("-w {{volume.data}}/w{{volume.data}}", at).unwrap(), "-w /v/data/w/v/data");
        assert_eq!(put_volumes("{{other}} {{volume.", at).unwrap(), "{{other}} {{volume.");
        assert!(put_volumes("{{volume.x}}", at).unwrap_err().contains("\"x\""));
    }

    #[test]
    fn a_volume_name_never_leaves_its_folder() {
        let layout = Layout { state: "/s".into(), data: "/d".into() };
        let id = ostler_runtime::Ids::system(ostler_runtime::Clock::system()).next();
        for wrong in ["", ".", "..", "a/b", "../x", "A", "a b", "\0"] {
            assert!(layout.volume(id, wrong).is_err(), "{wrong:?}");
        }
        assert!(layout.volume(id, "data-1").is_ok());
    }
}
