//! `cargo xtask tidy`: what the compiler cannot check. Reads files, runs nothing, takes about a second.
//!
//! Each rule is one function from the tree to findings, with a test that plants a violation and sees it found. Exceptions
//! are rows with a reason in the rule's own file, never a comment in the checked code.

mod arrows;
mod caps;
mod cases;
mod headers;
mod homes;
mod links;
mod migrations;
mod orphans;
mod sleeps;
mod tree;
mod words;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{say, shell};
use tree::Tree;

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    text: String,
    /// A smell is printed and fails nothing.
    is_smell: bool,
}

impl Finding {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into(), is_smell: false }
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[(&str, Rule)] = &[
    ("arrows between crates", arrows::check),
    ("homes of calls", homes::check),
    ("sizes of files and functions", caps::check),
    ("room headers", headers::check),
    ("open ends", words::check),
    ("files of no crate", orphans::check),
    ("sleeps in tests", sleeps::check),
    ("links in documents", links::check),
    ("cases and their tests", cases::check),
    ("released migrations", migrations::check),
];

/// Checks everything and prints what it found.
pub fn run() -> Result<ExitCode> {
    let mut failed = 0;
    let result = check_all(|passed| failed += usize::from(!passed));
    if failed == 0 {
        result?;
        eprintln!("tidy: {} rules hold", RULES.len());
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs each rule; `verdict` hears of each whether it holds.
pub fn check_all(mut verdict: impl FnMut(bool)) -> Result<()> {
    let tree = Tree::read(&shell::root())?;
    if tree.files.is_empty() {
        bail!("there is nothing to check");
    }
    for (path, error) in &tree.unreadable {
        say::error(&format!("{path}: {error}"));
        verdict(false);
    }
    for (name, rule) in RULES {
        let findings = rule(&tree);
        for Finding { path, line, text, is_smell } in &findings {
            let place = if *line == 0 { path.clone() } else { format!("{path}:{line}") };
            if *is_smell { say::note(&format!("{place}: {text}")) } else { say::error(&format!("{place}: {text}")) }
        }
        let holds = findings.iter().all(|finding| finding.is_smell);
        if !holds {
            say::error(&format!(
                "tidy: {name}: {} to mend",
                findings.iter().filter(|finding| !finding.is_smell).count()
            ));
        }
        verdict(holds);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that `rule` complains of in a tree of these files.
    pub(super) fn found(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::from(files);
        assert!(tree.unreadable.is_empty(), "{:?}", tree.unreadable);
        rule(&tree)
            .into_iter()
            .map(|f| format!("{}:{} {}{}", f.path, f.line, if f.is_smell { "smell: " } else { "" }, f.text))
            .collect()
    }

    #[test]
    fn a_file_that_does_not_parse_is_reported_and_not_passed_over() {
        let tree = Tree::from(&[("crates/model/src/lib.rs", "fn (")]);
        assert_eq!(tree.unreadable.len(), 1);
    }
}
