//! Finding things on this machine and running them.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};

/// The repository's root: where this crate's folder lies.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The built `ostler` of a profile.
pub fn binary(release: bool) -> PathBuf {
    target_dir().join(if release { "release" } else { "debug" }).join("ostler")
}

/// What cargo tells the program that it runs about its package.
const OF_THIS_PROGRAM: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// The cargo that started this command.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // Set by the cargo that runs this program, for this program: they would make every other build look different, and
    // crates with build scripts that look at them would be compiled again.
    for (name, _) in std::env::vars_os() {
        let is_own = name.to_str().is_some_and(|name| OF_THIS_PROGRAM.iter().any(|start| name.starts_with(start)));
        if is_own {
            command.env_remove(name);
        }
    }
    command
}

/// Looks a program up in `PATH` and in the folders where Debian puts servers and games.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/games", "/usr/local/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Whether this process may install packages and start daemons.
pub fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

/// Runs to the end and returns what it printed; fails with what it complained.
pub fn output(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("could not start {name}"))?;
    if !out.status.success() {
        bail!("{name} failed ({}): {}", out.status, String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Runs to the end in the foreground; fails when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let name = describe(command);
    let status = command.status().with_context(|| format!("could not start {name}"))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}

/// The command as a person would type it.
pub fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// A number that changes when a file below `paths` is added, removed or written; reads no content. Folders named in
/// `except` are not entered.
pub fn fingerprint(paths: &[PathBuf], except: &[&str]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        fingerprint_into(path, except, &mut hasher)?;
    }
    Ok(hasher.finish())
}

fn fingerprint_into(path: &Path, except: &[&str], hasher: &mut DefaultHasher) -> Result<()> {
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("could not look at {}", path.display())),
    };
    path.hash(hasher);
    if !meta.is_dir() {
        meta.len().hash(hasher);
        let changed = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        changed.map(|since| since.as_nanos()).hash(hasher);
        return Ok(());
    }
    let mut names: Vec<_> = std::fs::read_dir(path)
        .and_then(|dir| dir.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>())
        .with_context(|| format!("could not list {}", path.display()))?;
    names.sort();
    for name in names {
        if !except.iter().any(|skipped| name == *skipped) {
            fingerprint_into(&path.join(name), except, hasher)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_changes_with_a_file_and_ignores_excepted_folders() {
        let dir = std::env::temp_dir().join(format!("ostler-xtask-fingerprint-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("dist")).unwrap();
        std::fs::write(dir.join("a"), "1").unwrap();
        let look = || fingerprint(std::slice::from_ref(&dir), &["dist"]).unwrap();
        let before = look();
        std::fs::write(dir.join("dist/out"), "built").unwrap();
        assert_eq!(before, look());
        std::fs::write(dir.join("a"), "22").unwrap();
        assert_ne!(before, look());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
