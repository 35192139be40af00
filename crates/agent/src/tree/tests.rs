//! Trees as only a tenant makes them.

use super::walk::measure_to;
use super::*;
use ostler_model::bounds::agent::TREE_DEPTH;
use proptest::prelude::*;
use rustix::fs::{AtFlags, mkdirat};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

/// A folder in a folder in a folder …
fn nest(top: &Path, depth: u64) {
    std::fs::create_dir_all(top).unwrap();
    let mut here = open_top(top).unwrap();
    for _ in 0..depth {
        mkdirat(&here, c"d", Mode::RWXU).unwrap();
        here = open_in(here.as_fd(), c"d").unwrap();
    }
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    drop(openat(&here, c"file", flags, Mode::RUSR).unwrap());
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn s4_a_hundred_thousand_nested_folders_are_walked_and_deleted_with_few_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // In memory: what is tested is not how fast a disk deletes folders.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let (tree, outside) = (dir.path().join("tree"), dir.path().join("outside"));
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "stays").unwrap();
    nest(&tree, 100_000);
    symlink(&outside, tree.join("way")).unwrap();
    symlink(&outside, tree.join("d").join("way")).unwrap();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..before }).unwrap();
    let memory = peak();

    let size = measure(&tree).await.unwrap();
    assert_eq!((size.entries, size.is_complete), (100_004, true));
    let own = std::fs::metadata(&tree).unwrap();
    give(&tree, (own.uid(), own.gid())).await.unwrap();
    let trash = Trash::at(dir.path().join("trash"));
    trash.remove(&tree, "one").await.unwrap();

    setrlimit(Resource::Nofile, before).unwrap();
    assert!(peak() - memory < 16 * 1024, "{} KiB more", peak() - memory);
    assert!(!tree.exists());
    assert_eq!(std::fs::read_dir(dir.path().join("trash")).unwrap().count(), 0);
    assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), "stays");
}

#[tokio::test]
async fn folders_deeper_than_the_bound_are_not_measured_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    nest(&tree, 200);
    let size = measure_to(&tree, 20).await.unwrap();
    assert_eq!((size.entries, size.is_complete), (21, false));
    let all = measure_to(&tree, TREE_DEPTH).await.unwrap();
    assert_eq!((all.entries, all.is_complete), (202, true));
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_goes_on_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let trash = Trash::at(dir.path().join("trash"));
    for name in ["a", "b"] {
        let tree = dir.path().join(name);
        nest(&tree, 300);
        assert!(trash.put(&tree, &dir.path().join("trash").join(name)).unwrap());
    }
    // One heap was half taken apart.
    let mut heap =
        remove::Heap { top: open_top(&dir.path().join("trash/a")).unwrap(), known: vec![], current: None, next: 0 };
    assert!(!heap.step(100).unwrap());
    drop(heap);
    // A tree of the same name again, as when a workload's removal is repeated.
    nest(&dir.path().join("a"), 5);
    trash.remove(&dir.path().join("a"), "a").await.unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("trash")).unwrap().count(), 1);
    trash.empty().await;
    assert_eq!(std::fs::read_dir(dir.path().join("trash")).unwrap().count(), 0);
    trash.remove(&dir.path().join("a"), "a").await.unwrap();
}

#[tokio::test]
async fn a_tree_that_its_owner_moves_while_it_is_walked_leads_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, other) = (dir.path().join("tree"), dir.path().join("other"));
    std::fs::create_dir_all(tree.join("a/b/c")).unwrap();
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join("foreign"), "x").unwrap();
    let is_stopped = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = is_stopped.clone();
    let (from, to) = (tree.join("a/b"), other.join("b"));
    let mover = std::thread::spawn(move || {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            let _ = std::fs::rename(&from, &to);
            let _ = symlink("../../other", &from);
            let _ = std::fs::remove_file(&from);
            let _ = std::fs::rename(&to, &from);
        }
    });
    for _ in 0..300 {
        // At most tree, a, b and c: never what is beside it.
        let size = measure(&tree).await.unwrap();
        assert!(size.entries <= 4, "{size:?}");
    }
    is_stopped.store(true, std::sync::atomic::Ordering::Relaxed);
    mover.join().unwrap();
}

/// One entry of a made-up tree: the folder it is in, by number, a name, and what it is.
#[derive(Debug, Clone)]
struct Made {
    parent: prop::sample::Index,
    name: Vec<u8>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Folder { mode: u32 },
    File { size: usize, mode: u32 },
    Link,
    HardLink,
    Pipe,
}

fn made() -> impl Strategy<Value = Made> {
    let modes = prop_oneof![3 => Just(0o755_u32), 1 => Just(0o000), 1 => Just(0o500), 1 => Just(0o777)];
    let what = prop_oneof![
        4 => modes.clone().prop_map(|mode| What::Folder { mode }),
        4 => (0..20_000_usize, modes).prop_map(|(size, mode)| What::File { size, mode }),
        1 => Just(What::Link),
        1 => Just(What::HardLink),
        1 => Just(What::Pipe),
    ];
    let byte = any::<u8>().prop_filter("not in a name", |b| *b != 0 && *b != b'/');
    (any::<prop::sample::Index>(), prop::collection::vec(byte, 1..12), what)
        .prop_filter("a name of its own", |(_, name, _)| name != b"." && name != b"..")
        .prop_map(|(parent, name, what)| Made { parent, name, what })
}

/// Makes the tree; what the standard library says about it: entries and bytes.
fn make(top: &Path, outside: &Path, all: &[Made]) -> (u64, u64) {
    std::fs::create_dir(top).unwrap();
    let (mut folders, mut files, mut modes) = (vec![top.to_owned()], vec![], vec![]);
    for one in all {
        let path: PathBuf = one.parent.get(&folders).join(OsString::from_vec(one.name.clone()));
        if path.symlink_metadata().is_ok() {
            continue;
        }
        match one.what {
            What::Folder { mode } => {
                std::fs::create_dir(&path).unwrap();
                modes.push((path.clone(), mode));
                folders.push(path);
            }
            What::File { size, mode } => {
                std::fs::write(&path, vec![b'x'; size]).unwrap();
                modes.push((path.clone(), mode));
                files.push(path);
            }
            What::Link => symlink(outside, &path).unwrap(),
            What::HardLink if files.is_empty() => {}
            What::HardLink => std::fs::hard_link(&files[0], &path).unwrap(),
            What::Pipe => {
                rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
            }
        }
    }
    let (mut entries, mut bytes, mut open) = (1, std::fs::metadata(top).unwrap().blocks() * 512, vec![top.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let at = entry.metadata().unwrap();
            let names = if at.is_dir() { 1 } else { at.nlink() };
            (entries, bytes) = (entries + 1, bytes + at.blocks() * 512 / names);
            if at.is_dir() {
                open.push(entry.path());
            }
        }
    }
    for (path, mode) in modes.into_iter().rev() {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    (entries, bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_measures_what_it_is_and_is_deleted_without_a_trace(all in prop::collection::vec(made(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (tree, outside) = (dir.path().join("tree"), dir.path().join("outside"));
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "stays").unwrap();
        let (entries, bytes) = make(&tree, &outside, &all);
        if rustix::process::geteuid().is_root() {
            let size = runtime.block_on(measure(&tree)).unwrap();
            prop_assert_eq!(size, walk::Size { bytes, entries, is_complete: true });
        }
        runtime.block_on(Trash::at(dir.path().join("trash")).remove(&tree, "t")).unwrap();
        prop_assert!(tree.symlink_metadata().is_err());
        prop_assert_eq!(std::fs::read_dir(dir.path().join("trash")).unwrap().count(), 0);
        prop_assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        let at = rustix::fs::statat(CWD, outside.join("secret"), AtFlags::SYMLINK_NOFOLLOW).unwrap();
        prop_assert_eq!(at.st_size, 5);
    }
}
