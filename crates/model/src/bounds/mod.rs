//! Everything that others can make grow, and how far: one table, from which `docs/reference/bounds.md` is generated.
//!
//! A row is a constant that the code uses and what the page says about it, so neither can exist without the other. Bounds
//! of work that only operators cause are in the rooms' own `limits.rs`.

mod row;

pub mod agent;
pub mod http;
pub mod identity;
pub mod link;
pub mod relay;
pub mod workload;

pub use row::{Bound, Unit, Who};

/// Every bound, room by room.
pub const ROOMS: &[(&str, &[Bound])] = &[
    ("HTTP and its connections", http::ROWS),
    ("People and what they make", identity::ROWS),
    ("Nodes and their links", link::ROWS),
    ("Workloads", workload::ROWS),
    ("Workloads on their node", agent::ROWS),
    ("Matches", relay::ROWS),
];

/// docs/reference/bounds.md.
#[must_use]
pub fn markdown() -> String {
    use std::fmt::Write as _;
    let mut out = String::from(
        "# Bounds\n\nWhat others can make grow, how far, and what happens beyond. Generated from `crates/model/src/bounds/`; each bound has the \
         test that pushes past it.\n",
    );
    for (room, rows) in ROOMS.iter().filter(|(_, rows)| !rows.is_empty()) {
        let _ =
            writeln!(out, "\n## {room}\n\n| bound | at most | grown by | beyond it | test |\n|---|---|---|---|---|");
        for row in *rows {
            let (what, who, beyond, test) = (row.what.trim(), row.who.word(), row.beyond, row.test);
            let _ = writeln!(out, "| {what} | {} | {who} | {beyond} | `{test}` |", row.unit.show(row.value));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn tests_below(folder: &Path, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && !matches!(entry.file_name().to_str(), Some("target" | "node_modules" | ".git")) {
                tests_below(&path, names);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                names.extend(text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next()).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_bound_has_a_test_that_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut names = vec![];
        for folder in ["crates", "tests"] {
            tests_below(&root.join(folder), &mut names);
        }
        for row in ROOMS.iter().flat_map(|(_, rows)| *rows) {
            assert!(names.iter().any(|name| name == row.test), "{}: no test is called {}", row.name, row.test);
            assert!(row.value > 0 && row.what.trim().ends_with('.'), "{}: say what it is in a sentence", row.name);
        }
    }
}
