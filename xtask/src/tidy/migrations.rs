//! A released migration never changes: somebody's database has already run it.
//!
//! `crates/store/migrations.lock` has one line per released file, `<checksum>  <path>`; lines are added when a release is
//! made (`checksum` prints nothing by itself: the finding for a wrong line names the right one) and never edited after.

use super::Finding;
use super::tree::Tree;

const LOCK: &str = "crates/store/migrations.lock";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.files.iter().find(|file| file.path == LOCK) else { return vec![] };
    let mut found = Vec::new();
    for (line, at) in lock.text.lines().zip(1..) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((sum, path)) = line.split_once("  ") else {
            found.push(Finding::new(LOCK, at, "a line is `<checksum>  <path>`"));
            continue;
        };
        match tree.files.iter().find(|file| file.path == path) {
            None => found.push(Finding::new(LOCK, at, format!("{path} was released and is gone"))),
            Some(file) if checksum(&file.text) != sum => {
                let now = checksum(&file.text);
                found.push(Finding::new(
                    path,
                    0,
                    format!("was released and has changed (now {now}): write a new migration"),
                ));
            }
            Some(_) => {}
        }
    }
    found
}

/// FNV-1a, 64 bits: guards against accidents, not against forgery.
fn checksum(text: &str) -> String {
    let sum =
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{sum:016x}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_changed_or_missing_released_migration_is_found() {
        let path = "crates/store/migrations/0001_base.sql";
        let lock = format!("# comment\n{}  {path}\n", checksum("CREATE TABLE a"));
        let with = |text: &str| found(check, &[(LOCK, &lock), (path, text)]);
        assert_eq!(with("CREATE TABLE a"), Vec::<String>::new());
        assert!(with("CREATE TABLE b")[0].contains("has changed"));
        assert!(found(check, &[(LOCK, &lock)])[0].contains("is gone"));
        assert!(found(check, &[(LOCK, "nonsense")])[0].contains("<checksum>"));
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(checksum("foobar"), "85944171f73967e8");
    }
}
