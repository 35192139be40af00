//! One binary for all end-to-end tests; a module per story. `tour` runs the README's tour.

#![allow(clippy::disallowed_methods, reason = "these tests wait on real processes and read the real clock")]
#![allow(clippy::unwrap_used, reason = "a helper that unwraps fails its test")]

mod cli;
mod containers;
mod disk;
mod flood;
mod games;
mod match_host;
mod match_worker;
mod people;
mod player;
mod schemathesis;
mod support;
mod tour;
mod unprivileged;
mod up;

use std::path::Path;
use std::process::Command;

#[test]
fn the_built_program_says_its_version() {
    let out = Command::new(ostler_e2e::ostler().unwrap()).arg("--version").output().unwrap();
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(text.trim(), concat!("ostler ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_folder_is_open_to_other_accounts_and_gone_afterwards() {
    let dir = ostler_e2e::folder().unwrap();
    let path = dir.path().to_owned();
    assert!(Path::new(&path).is_dir());
    drop(dir);
    assert!(!path.exists());
}
