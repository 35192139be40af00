//! Tests wait for facts with a deadline, not for the clock. (Outside tests clippy forbids sleeping altogether.)

use super::Finding;
use super::tree::Tree;

/// Where a sleep in a test is right, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("crates/testkit/src/wait.rs", "the one loop that polls a condition until its deadline"),
    ("tests/src/wait.rs", "the one loop that polls a real installation until its deadline"),
    (
        "crates/testkit/src/server.rs",
        "a clock source that follows real time and can be moved ahead: sleeping is its work",
    ),
    ("crates/testkit/src/clock.rs", "a thread that is busy in real time is what the test is about"),
    ("crates/runtime/src/clock.rs", "the system clock's own test: it is what sleeping means"),
];

const SLEEPS: &[&str] =
    &["tokio::time::sleep", "time::sleep", "std::thread::sleep", "thread::sleep", "tokio::time::sleep_until"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, rust) in tree.rust() {
        if file.home() == "xtask" || ALLOWED.iter().any(|(path, _)| *path == file.path) {
            continue;
        }
        for (path, line) in &rust.paths {
            if SLEEPS.contains(&path.as_str()) && file.is_test(*line) {
                let text = format!("`{path}` in a test: wait for a condition with a deadline (testkit)");
                found.push(Finding::new(&file.path, *line, text));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_sleep_in_a_test_is_found_wherever_tests_live() {
        let body = "async fn f() { tokio::time::sleep(x).await }";
        for path in ["crates/server/tests/it/node.rs", "crates/testkit/src/fleet.rs", "tests/tests/it/main.rs"] {
            assert_eq!(found(check, &[(path, body)]).len(), 1, "{path}");
        }
        let inner = format!("#[cfg(test)]\nmod tests {{\n    use std::thread::sleep;\n    {body}\n}}");
        assert_eq!(found(check, &[("crates/server/src/a.rs", &inner)]).len(), 2);
        assert_eq!(found(check, &[("crates/testkit/src/wait.rs", body)]), Vec::<String>::new());
    }
}
