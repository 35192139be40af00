//! The one table of codes (`ostler_wire::code`) against what this crate says: nothing is answered that is not in it, and nothing
//! is in it that nobody answers.

use ostler_wire::code;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every source below these folders.
fn sources(rooms: &[&str]) -> Vec<(PathBuf, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> = rooms.iter().map(|room| crates.join(room)).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// The literals that follow one of these beginnings.
fn literals<'a>(text: &'a str, beginnings: &[&str]) -> BTreeSet<&'a str> {
    let after = beginnings.iter().flat_map(|beginning| text.split(beginning).skip(1));
    let quoted = after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    quoted.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect()
}

#[test]
fn every_code_that_is_answered_is_in_the_table() {
    let mut count = 0;
    for (path, text) in sources(&["server/src"]) {
        let mut said = literals(&text, &["code:", "conflict(", "forbidden(", "wrong("]);
        if path.ends_with("http/error.rs") {
            said.extend(literals(&text, &["=>"]));
        }
        for word in said {
            assert!(code::find(word).is_some(), "{path:?} answers {word}: add it to wire/src/code/table.rs");
            count += 1;
        }
    }
    assert!(count > 70, "the search finds only {count}");
}

#[test]
fn every_code_in_the_table_is_answered_somewhere() {
    let all = sources(&["server/src", "relay/src", "model/src/matches"]);
    for row in code::CODES {
        let literal = format!("\"{}\"", row.name);
        assert!(all.iter().any(|(_, text)| text.contains(&literal)), "nobody answers {}", row.name);
    }
}
