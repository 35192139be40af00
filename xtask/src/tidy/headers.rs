//! A room says at its front door what it is for: every `mod.rs`, `lib.rs` and `main.rs` begins with `//!`.

use super::Finding;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(file, rust)| {
            let name = file.path.rsplit('/').next().unwrap_or("");
            ["mod.rs", "lib.rs", "main.rs"].contains(&name) && !rust.has_header
        })
        .map(|(file, _)| Finding::new(&file.path, 1, "begins without a `//!` header that says what the room is for"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_front_door_without_a_header_is_found() {
        for text in ["", "mod a;", "// Not a doc comment.\nmod a;", "//!\nmod a;"] {
            assert_eq!(found(check, &[("crates/a/src/b/mod.rs", text)]).len(), 1, "{text:?}");
        }
        assert_eq!(found(check, &[("crates/a/src/lib.rs", "\n//! What it is.\n")]), Vec::<String>::new());
        assert_eq!(found(check, &[("crates/a/src/other.rs", "mod a;")]), Vec::<String>::new());
    }
}
