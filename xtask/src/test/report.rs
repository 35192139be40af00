//! The table at the end, and the line below it.

use std::fmt::Write;
use std::time::Duration;

use super::counts::Counts;

/// How a suite ended.
pub struct Outcome {
    pub suite: &'static str,
    pub counts: Counts,
    pub took: Duration,
    pub state: State,
}

/// In one word, and why.
#[derive(PartialEq, Eq, Debug)]
pub enum State {
    Passed { remark: String },
    Failed { why: String },
    Skipped { why: String },
}

/// All suites together.
pub fn total(outcomes: &[Outcome]) -> Counts {
    outcomes.iter().fold(Counts::default(), |sum, outcome| Counts {
        passed: sum.passed + outcome.counts.passed,
        failed: sum.failed + outcome.counts.failed,
        skipped: sum.skipped + outcome.counts.skipped,
    })
}

/// The table, and as its last line `N passed, N failed`.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut out = format!("{:<11} {:>7} {:>7} {:>7} {:>9}  \n", "suite", "passed", "failed", "skipped", "time");
    for outcome in outcomes {
        let (word, why) = match &outcome.state {
            State::Passed { remark } => ("ok", remark),
            State::Failed { why } => ("FAILED", why),
            State::Skipped { why } => ("skipped", why),
        };
        let Counts { passed, failed, skipped } = outcome.counts;
        let took = outcome.took.as_secs_f64();
        let _ = write!(out, "{:<11} {passed:>7} {failed:>7} {skipped:>7} {took:>8.1}s  {word}", outcome.suite);
        let _ = writeln!(out, "{}{why}", if why.is_empty() { "" } else { ": " });
    }
    let took: f64 = outcomes.iter().map(|outcome| outcome.took.as_secs_f64()).sum();
    let sum = total(outcomes);
    let _ = writeln!(out, "{:<11} {:>7} {:>7} {:>7} {took:>8.1}s", "all", sum.passed, sum.failed, sum.skipped);
    let _ = write!(out, "\n{} passed, {} failed", sum.passed, sum.failed);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_stands_alone_and_sums_the_suites() {
        let outcome = |suite, passed, failed, state| Outcome {
            suite,
            counts: Counts { passed, failed, skipped: 0 },
            took: Duration::from_millis(1500),
            state,
        };
        let text = table(&[
            outcome("tidy", 9, 0, State::Passed { remark: String::new() }),
            outcome("unit", 20, 2, State::Failed { why: "2 tests".into() }),
            outcome("docker", 0, 0, State::Skipped { why: "needs root".into() }),
        ]);
        assert_eq!(text.lines().last(), Some("29 passed, 2 failed"));
        assert!(text.contains("docker            0       0       0      1.5s  skipped: needs root"), "{text}");
    }
}
