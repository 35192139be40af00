//! Files aim for 300 lines, 500 is a smell, 800 fails; functions end after 70.

use super::Finding;
use super::tree::Tree;

const FILE_SMELL: usize = 500;
const FILE_MAX: usize = 800;
const FUNCTION_MAX: usize = 70;

/// Functions that may be longer: path, name, reason.
const LONG: &[(&str, &str, &str)] =
    &[("crates/model/tests/it/mutant.rs", "mutants", "a list of planted errors, each of a few lines, read one by one")];

/// What people write by hand; generated and locked files are as long as they are.
const EXTENSIONS: &[&str] = &[".rs", ".ts", ".tsx", ".css", ".mjs", ".js", ".sql", ".sh"];

/// Files that a tool writes.
const GENERATED: &[&str] = &["web/src/api/", "web/src/routeTree.gen.ts", "docs/reference/"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &tree.files {
        let written = EXTENSIONS.iter().any(|extension| file.path.ends_with(extension));
        if !written || GENERATED.iter().any(|prefix| file.path.starts_with(prefix)) {
            continue;
        }
        let lines = file.text.lines().count();
        if lines > FILE_MAX {
            found.push(Finding::new(&file.path, 0, format!("{lines} lines, at most {FILE_MAX}: split the room")));
        } else if lines > FILE_SMELL {
            let text = format!("{lines} lines, aim for 300");
            found.push(Finding { is_smell: true, ..Finding::new(&file.path, 0, text) });
        }
        for (name, first, last) in file.rust.iter().flat_map(|rust| &rust.functions) {
            let lines = last + 1 - first;
            let excused = LONG.iter().any(|(path, function, _)| *path == file.path && function == name);
            if lines > FUNCTION_MAX && !excused {
                found.push(Finding::new(
                    &file.path,
                    *first,
                    format!("`{name}` has {lines} lines, at most {FUNCTION_MAX}"),
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    fn function(lines: usize) -> String {
        format!("impl A {{\n    /// Doc.\n    fn long() {{\n{}    }}\n}}\n", "        f();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_may_have_seventy_lines_and_not_one_more() {
        assert_eq!(found(check, &[("crates/a/src/b.rs", &function(70))]), Vec::<String>::new());
        let findings = found(check, &[("crates/a/src/b.rs", &function(71))]);
        assert_eq!(findings, ["crates/a/src/b.rs:3 `long` has 71 lines, at most 70"]);
    }

    #[test]
    fn long_files_smell_and_then_fail_unless_generated() {
        let text = |lines: usize| "// x\n".repeat(lines);
        assert_eq!(found(check, &[("web/src/a.ts", &text(500))]), Vec::<String>::new());
        assert!(found(check, &[("web/src/a.ts", &text(501))])[0].contains("smell"));
        assert!(found(check, &[("crates/a/src/b.rs", &text(801))])[0].contains("at most 800"));
        assert_eq!(found(check, &[("web/src/api/schema.ts", &text(9000))]), Vec::<String>::new());
    }
}
