//! How many tests passed, read from what the runners print.

/// Who prints, and so which lines count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// cargo-nextest's summary line.
    Nextest,
    /// libtest's `test result:` lines.
    Libtest,
    /// vitest, node:test and Playwright.
    Web,
    /// Nothing is counted but the exit code.
    ExitCode,
}

/// Sums over one suite.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Counts {
    /// Adds what `line` says, if it is a summary in this dialect.
    pub fn eat(&mut self, dialect: Dialect, line: &str) {
        let line = plain(line);
        let line = line.trim();
        match dialect {
            Dialect::Nextest => self.eat_nextest(line),
            Dialect::Libtest => {
                if let Some((_, sums)) = line.strip_prefix("test result:").and_then(|rest| rest.split_once(". ")) {
                    self.eat_list(sums.split(';'));
                }
            }
            Dialect::Web => self.eat_web(line),
            Dialect::ExitCode => {}
        }
    }

    /// `Summary [ 0.1s] 2/5 tests run: 1 passed (1 slow), 1 failed, 3 skipped`: what was meant to run and did not has failed.
    /// Its `skipped` are the tests of other suites.
    fn eat_nextest(&mut self, line: &str) {
        let Some((head, sums)) = line.strip_prefix("Summary").and_then(|rest| rest.split_once(" run:")) else { return };
        let before = *self;
        self.eat_list(sums.split(','));
        self.skipped = before.skipped;
        let ran = head.rsplit(']').next().unwrap_or("").split_whitespace().next().unwrap_or("");
        if let Some((done, all)) =
            ran.split_once('/').and_then(|(a, b)| Some((a.parse::<u64>().ok()?, b.parse().ok()?)))
        {
            self.failed += u64::saturating_sub(all, done);
        }
    }

    fn eat_web(&mut self, line: &str) {
        // vitest: `Tests  1 failed | 11 passed | 1 skipped (13)`.
        if let Some(sums) = line.strip_prefix("Tests ") {
            return self.eat_list(sums.split('|'));
        }
        // node:test: `# pass 3` or `ℹ pass 3`.
        if let Some(sum) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
            let mut words = sum.split_whitespace();
            if let (Some(word), Some(Ok(number)), None) = (words.next(), words.next().map(str::parse), words.next()) {
                self.add(word, number);
            }
            return;
        }
        // Playwright: `12 passed (3.2s)`, `1 failed`, `2 did not run`, each alone on its line.
        let bare = line.split(" (").next().unwrap_or(line);
        if let Some((number, word)) = bare.split_once(' ')
            && let Ok(number) = number.parse()
        {
            self.add(word, number);
        }
    }

    fn eat_list<'a>(&mut self, items: impl Iterator<Item = &'a str>) {
        for item in items {
            let bare = item.trim().split(" (").next().unwrap_or("");
            if let Some((number, word)) = bare.split_once(' ')
                && let Ok(number) = number.parse()
            {
                self.add(word, number);
            }
        }
    }

    /// A test that needed a second try, did not come to run, or leaked has not passed.
    fn add(&mut self, word: &str, number: u64) {
        match word {
            "passed" | "pass" => self.passed += number,
            "failed" | "fail" | "flaky" | "timed out" | "exec failed" | "did not run" | "cancelled" | "interrupted" => {
                self.failed += number;
            }
            "skipped" | "ignored" | "todo" => self.skipped += number,
            _ => {}
        }
    }
}

/// The line without terminal escapes.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            for escaped in chars.by_ref() {
                if escaped.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: Dialect, text: &str) -> (u64, u64, u64) {
        let mut counts = Counts::default();
        text.lines().for_each(|line| counts.eat(dialect, line));
        (counts.passed, counts.failed, counts.skipped)
    }

    #[test]
    fn each_runner_is_understood() {
        let cases = [
            (Dialect::Nextest, "     Summary [   0.1s] 9 tests run: 9 passed (1 slow), 30 skipped", (9, 0, 0)),
            (
                Dialect::Nextest,
                " Summary [ 0.1s] 4 tests run: 1 passed, 1 failed, 1 timed out, 1 exec failed",
                (1, 3, 0),
            ),
            (Dialect::Nextest, "Summary [  1.0s] 2/5 tests run: 1 passed, 1 failed, 0 skipped", (1, 4, 0)),
            (
                Dialect::Nextest,
                "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m1\u{1b}[0m test run: \u{1b}[1m1\u{1b}[0m \u{1b}[32mpassed\u{1b}[0m",
                (1, 0, 0),
            ),
            (
                Dialect::Libtest,
                "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out",
                (3, 1, 2),
            ),
            (Dialect::Libtest, "test result: ok. 3 passed; 0 failed;\ntest result: ok. 4 passed; 0 failed;", (7, 0, 0)),
            (Dialect::Web, " Test Files  2 passed (2)\n      Tests  1 failed | 11 passed | 1 skipped (13)", (11, 1, 1)),
            (Dialect::Web, "# tests 4\n# pass 3\n# fail 1\n# skipped 0", (3, 1, 0)),
            (Dialect::Web, "  2 failed\n  1 flaky\n  12 passed (3.2s)\n  3 did not run", (12, 6, 0)),
            (Dialect::ExitCode, "test result: ok. 3 passed; 0 failed;", (0, 0, 0)),
        ];
        for (dialect, text, expected) in cases {
            assert_eq!(read(dialect, text), expected, "{text}");
        }
    }
}
