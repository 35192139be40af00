//! Every Rust file is part of a crate: a module that nobody names is never compiled, and its tests never run.

use std::collections::HashSet;

use super::Finding;
use super::tree::Tree;

/// Files with which Cargo begins.
const ROOTS: [&str; 3] = ["lib.rs", "main.rs", "build.rs"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let named: HashSet<String> = tree.rust().flat_map(|(file, rust)| modules(&file.path, &rust.tokens)).collect();
    tree.rust()
        .filter(|(file, _)| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            !ROOTS.contains(&name) && !named.contains(&file.path)
        })
        .map(|(file, _)| Finding::new(&file.path, 1, "is no part of any crate: no `mod` names it"))
        .collect()
}

/// Where the modules that a file names may be: `mod a;` in `b.rs` is `b/a.rs` or `b/a/mod.rs`.
fn modules(path: &str, tokens: &[(String, usize)]) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.trim_end_matches(".rs");
    let folder = if ROOTS.contains(&name) || name == "mod.rs" { folder.to_owned() } else { format!("{folder}/{stem}") };
    tokens
        .windows(3)
        .filter(|three| three[0].0 == "mod" && three[2].0 == ";")
        .flat_map(|three| [format!("{folder}/{}.rs", three[1].0), format!("{folder}/{}/mod.rs", three[1].0)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_file_that_nobody_names_is_found() {
        let house = [
            ("crates/a/src/lib.rs", "mod b; #[cfg(test)] mod c; mod inline { fn f() {} } // mod lost;"),
            ("crates/a/src/b.rs", "mod d;"),
            ("crates/a/src/b/d.rs", ""),
            ("crates/a/src/c/mod.rs", "pub(crate) mod e;"),
            ("crates/a/src/c/e.rs", ""),
            ("crates/a/build.rs", ""),
            ("crates/a/tests/it/main.rs", "mod f;"),
            ("crates/a/tests/it/f.rs", ""),
        ];
        assert_eq!(found(check, &house), Vec::<String>::new());
        for lost in ["crates/a/src/lost.rs", "crates/a/src/d.rs", "crates/a/tests/it/e.rs", "crates/a/src/inline.rs"] {
            let mut house = house.to_vec();
            house.push((lost, "#[test] fn t() {}"));
            assert_eq!(found(check, &house).len(), 1, "{lost}");
        }
    }
}
