//! Every case in `docs/security/cases.md` names a test that exists.

use std::collections::HashSet;

use super::Finding;
use super::tree::Tree;

const PAGE: &str = "docs/security/cases.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.files.iter().find(|file| file.path == PAGE) else { return vec![] };
    let tests: HashSet<String> = tree.files.iter().flat_map(|file| tests(&file.path, &file.text)).collect();
    let mut found = vec![];
    for (at, line) in page.text.lines().enumerate() {
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { continue };
        let cells: Vec<&str> = row.split(" | ").collect();
        if cells[0] == "case" {
            continue;
        }
        let named: Vec<&str> = cells.last().map_or(vec![], |cell| cell.split('`').skip(1).step_by(2).collect());
        if cells.len() != 4 || named.is_empty() {
            found.push(Finding::new(PAGE, at + 1, "a row is: case, kind, where it is closed, `test`"));
        }
        for name in named.into_iter().filter(|name| !tests.contains(*name)) {
            found.push(Finding::new(PAGE, at + 1, format!("there is no test `{name}`")));
        }
    }
    found
}

/// Names of Rust functions, and titles of the panel's tests.
fn tests(path: &str, text: &str) -> Vec<String> {
    if path.ends_with(".rs") {
        text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned).collect()
    } else if path.ends_with(".test.ts") || path.ends_with(".test.tsx") || path.ends_with(".spec.ts") {
        let titles = text.split("test(").chain(text.split("it(")).skip(1);
        titles.filter_map(|rest| rest.get(1..)?.split(['"', '\'', '`']).next()).map(str::to_owned).collect()
    } else {
        vec![]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_case_without_its_test_is_found() {
        let page = "| case | kind | closed in | test |\n|---|---|---|---|\n| S1 | a | `b.rs` | `s1_a` |\n| P2 | a | b | `p2 the tab` |\n";
        let code = ("crates/a/tests/it/b.rs", "#[test]\nfn s1_a() {}");
        let web = ("web/e2e/a.spec.ts", "test('p2 the tab', async () => {})");
        assert_eq!(found(check, &[(PAGE, page), code, web]), Vec::<String>::new());
        assert_eq!(found(check, &[(PAGE, page), code]), [format!("{PAGE}:4 there is no test `p2 the tab`")]);
        let short = "| S1 | a | `s1_a` |\n";
        assert_eq!(found(check, &[(PAGE, short), code]).len(), 1);
    }
}
