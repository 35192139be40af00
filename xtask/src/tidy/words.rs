//! Open ends: notes to self without an issue, tests that are switched off, commands written as shell text.

use super::Finding;
use super::tree::{File, Tree};

// Spelled in halves, so that this file does not find itself.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Words that switch a test of the panel off, or wait for the clock instead of for the page.
const WEB: [&str; 7] = [
    concat!(".sk", "ip("),
    concat!(".on", "ly("),
    concat!(".fix", "me("),
    concat!(".to", "do("),
    concat!("xi", "t("),
    concat!("xdesc", "ribe("),
    concat!("waitForTime", "out("),
];

const CODE: [&str; 12] =
    [".rs", ".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".sql", ".sh", ".toml", ".yml", ".yaml"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &tree.files {
        if CODE.iter().any(|extension| file.path.ends_with(extension)) {
            find_notes(file, &mut found);
        }
        if is_web_test(&file.path) {
            for (at, line) in file.text.lines().enumerate() {
                if let Some(word) = WEB.iter().find(|word| has_call(line, word)) {
                    found.push(Finding::new(
                        &file.path,
                        at + 1,
                        format!("`{word}…)`: a test runs, all of it, and waits for facts"),
                    ));
                }
            }
        }
        let tokens = file.rust.as_ref().map_or(&[][..], |rust| &rust.tokens);
        for window in tokens.windows(3) {
            if window[0].0 == "#" && window[1].0 == "[" && window[2].0 == "ignore" {
                found.push(Finding::new(&file.path, window[2].1, "an ignored test: mend it or delete it"));
            }
        }
    }
    found
}

fn find_notes(file: &File, found: &mut Vec<Finding>) {
    for (at, line) in file.text.lines().enumerate() {
        for note in NOTES {
            let names_issue = |rest: &str| {
                let rest = rest.trim_start_matches(['(', ':', ' ']);
                rest.strip_prefix('#').is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
            };
            let is_word = |before: &str, after: &str| {
                !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                    && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            };
            if line.split_once(note).is_some_and(|(before, after)| is_word(before, after) && !names_issue(after)) {
                found.push(Finding::new(&file.path, at + 1, format!("{note} without its issue: write `{note}(#12)`")));
            }
        }
    }
}

fn is_web_test(path: &str) -> bool {
    let is_script = [".ts", ".tsx", ".js", ".mjs"].iter().any(|extension| path.ends_with(extension));
    let name = path.rsplit('/').next().unwrap_or("");
    is_script
        && (name.contains(".test.")
            || name.contains(".spec.")
            || path.starts_with("web/e2e/")
            || path.starts_with("tests/"))
}

/// `.skip(` of a test runner: `test.skip(…)`, `it.skip(…)`, `describe.skip(…)`; a bare word must begin the call.
fn has_call(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|c: char| word.starts_with('x') && c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_note_needs_its_issue() {
        let [note, other] = NOTES;
        let lines = [format!("// {note}: later"), format!("// {other} this"), format!("// {note} ask about #12 maybe")];
        for line in &lines {
            assert_eq!(found(check, &[("crates/a/src/b.rs", line)]).len(), 1, "{line}");
            assert_eq!(found(check, &[("web/src/b.tsx", line)]).len(), 1, "{line}");
        }
        for line in
            [format!("// {note}(#12): later"), format!("// {note}: #12 later"), format!("const {note}S: u8 = 1;")]
        {
            assert_eq!(found(check, &[("crates/a/src/b.rs", &line)]), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn switched_off_tests_are_found() {
        let ignored = "#[test]\n#[ignore = \"slow\"]\nfn a() {}";
        assert_eq!(
            found(check, &[("crates/a/src/b.rs", ignored)]),
            ["crates/a/src/b.rs:2 an ignored test: mend it or delete it"]
        );
        assert_eq!(found(check, &[("crates/a/src/b.rs", "// never #[ignore]\nfn ignore() {}")]), Vec::<String>::new());
        for word in WEB {
            let line = format!(
                "test{}'a', () => {{}});",
                if word.starts_with('x') { format!("; {word}") } else { word.to_owned() }
            );
            assert_eq!(found(check, &[("web/e2e/a.spec.ts", &line)]).len(), 1, "{line}");
            assert_eq!(found(check, &[("web/src/list.ts", &line)]), Vec::<String>::new(), "{line}");
        }
        assert_eq!(found(check, &[("web/src/a.test.ts", "process.exit(1); wait(1)")]), Vec::<String>::new());
    }
}
