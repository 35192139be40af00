//! Which crate may depend on which (DESIGN 4). A new arrow is a row here and a decision record.

use super::Finding;
use super::tree::Tree;

/// Crate, and what it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &["model"]),
    ("runtime", &["model"]),
    ("store", &["model", "runtime"]),
    ("server", &["model", "wire", "runtime", "store"]),
    ("agent", &["model", "wire", "runtime"]),
    ("relay", &["model", "wire", "runtime"]),
    ("cli", &["model", "wire"]),
    ("ostler", &["model", "server", "agent", "relay", "cli", "runtime"]),
    ("testkit", &["model", "wire", "runtime", "store", "server", "agent", "relay"]),
    ("fuzz", &[]),
    ("xtask", &[]),
    ("tests", &["model", "wire", "testkit"]),
    ("bench", &["model", "runtime", "store", "server", "agent", "wire"]),
];

/// What tests of any crate may add.
const IN_TESTS: &[&str] = &["testkit", "fuzz", "runtime", "model", "wire"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let home = file.home();
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == home) else {
            found.push(Finding::new(&file.path, 0, format!("crate {home} has no row in xtask/src/tidy/arrows.rs")));
            continue;
        };
        for (to, line, is_dev) in dependencies(&file.text) {
            let may = allowed.contains(&to.as_str()) || is_dev && IN_TESTS.contains(&to.as_str());
            // A crate may name itself to switch a feature on for its own tests.
            if !may && to != home {
                found.push(Finding::new(&file.path, line, format!("{home} may not depend on {to}")));
            }
        }
    }
    found
}

/// Our own crates that a manifest names: crate, line, whether only tests see it.
fn dependencies(manifest: &str) -> Vec<(String, usize, bool)> {
    let mut out = Vec::new();
    let mut section = String::new();
    for (at, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        }
        let is_table = section.split('.').any(|part| part.ends_with("dependencies"));
        let key = if line.starts_with('[') { section.rsplit('.').next().unwrap_or("") } else { line };
        if let (true, Some(name)) = (is_table, key.trim_matches('"').strip_prefix("ostler-")) {
            let name = name.split(|c: char| !c.is_alphanumeric() && c != '-').next().unwrap_or(name);
            out.push((name.to_owned(), at + 1, section.contains("dev-dependencies")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_forbidden_arrow_is_found_in_every_spelling() {
        for spelling in [
            "[dependencies]\nostler-store.workspace = true",
            "[dependencies]\nostler-store = { path = \"../store\" }",
            "[dependencies.ostler-store]\npath = \"../store\"",
            "[target.'cfg(unix)'.dependencies]\nostler-store = \"1\"",
            "[build-dependencies]\nostler-store.workspace = true",
            "[dev-dependencies]\nostler-store.workspace = true",
        ] {
            let findings = found(check, &[("crates/agent/Cargo.toml", spelling)]);
            assert_eq!(findings.len(), 1, "{spelling}");
            assert!(findings[0].contains("agent may not depend on store"), "{findings:?}");
        }
    }

    #[test]
    fn testkit_is_for_tests_only_and_a_new_crate_needs_a_row() {
        let deps = "[dependencies]\nostler-model.workspace = true\nostler-testkit.workspace = true";
        assert_eq!(found(check, &[("crates/wire/Cargo.toml", deps)]).len(), 1);
        let dev = deps.replace("[dep", "[dev-dep");
        assert_eq!(found(check, &[("crates/wire/Cargo.toml", &dev)]), Vec::<String>::new());
        assert_eq!(found(check, &[("crates/new/Cargo.toml", "")]).len(), 1);
    }
}
