//! What nodes say of themselves and of what they run, within bounds.
//!
//! A node's words are a stranger's: names and versions are checked like those of people, sentences are cut and cleaned.

use super::Facts;
use crate::bounds::link::{CONDITIONS, FACT_NOTES, FACT_PACKAGES, FACT_TEXT, REPORT_KEY, REPORT_TEXT};
use crate::text::{is_direction, is_invisible, is_line_break};
use crate::workload::Report;
use crate::workload::plan::{Phase, Why};

/// A node's word that is not accepted: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    pub field: &'static str,
    pub why: String,
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.field, self.why)
    }
}

fn does_not_show(c: char) -> bool {
    c.is_control() || is_direction(c) || is_invisible(c) || is_line_break(c)
}

/// At most so many characters, each of which shows; a character that does not becomes U+FFFD, a line break a space.
#[must_use]
pub fn cleaned(text: &str, most: u64) -> String {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let clean = text.chars().map(|c| match c {
        '\t' => ' ',
        c if is_line_break(c) => ' ',
        c if does_not_show(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    if text.chars().nth(most).is_none() {
        return clean.collect();
    }
    clean.take(most.saturating_sub(1)).chain(['…']).collect()
}

impl Facts {
    /// Refuses facts that are too long or hide something, with the field's name.
    pub fn check(&self) -> Result<(), Unfit> {
        let can = &self.can;
        let engine = can.container_engine.as_deref().unwrap_or_default();
        for (field, text) in [
            ("facts.hostname", self.hostname.as_str()),
            ("facts.os", &self.os),
            ("facts.kernel", &self.kernel),
            ("facts.arch", &self.arch),
            ("facts.agent_version", &self.agent_version),
            ("facts.address", &self.address),
            ("facts.can.sandbox", &can.sandbox),
            ("facts.can.cgroups", &can.cgroups),
            ("facts.can.container_engine", engine),
        ] {
            fit(field, text)?;
        }
        count("facts.can.packages", can.packages.len(), FACT_PACKAGES)?;
        count("facts.can.notes", can.notes.len(), FACT_NOTES)?;
        can.packages.iter().try_for_each(|name| fit("facts.can.packages", name))
    }
    /// With its sentences cut and cleaned.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        self.can.notes.truncate(usize::try_from(FACT_NOTES).unwrap_or(usize::MAX));
        for note in &mut self.can.notes {
            *note = cleaned(note, REPORT_TEXT);
        }
        self
    }
}

fn fit(field: &'static str, text: &str) -> Result<(), Unfit> {
    if text.len() as u64 > FACT_TEXT {
        return Err(Unfit { field, why: format!("has {} bytes; at most {FACT_TEXT} are accepted", text.len()) });
    }
    match text.chars().find(|c| does_not_show(*c)) {
        Some(c) => Err(Unfit { field, why: format!("contains {}, which does not show", c.escape_unicode()) }),
        None => Ok(()),
    }
}

fn count(field: &'static str, have: usize, most: u64) -> Result<(), Unfit> {
    if have as u64 <= most {
        return Ok(());
    }
    Err(Unfit { field, why: format!("has {have} entries; at most {most} are accepted") })
}

impl Report {
    /// With its texts cut and cleaned, and no more conditions than are kept.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        self.conditions.truncate(usize::try_from(CONDITIONS).unwrap_or(usize::MAX));
        for condition in &mut self.conditions {
            condition.resource = cleaned(&condition.resource, REPORT_KEY);
            condition.reason = cleaned(&condition.reason, REPORT_KEY);
            condition.message = cleaned(&condition.message, REPORT_TEXT);
        }
        for revision in [&mut self.seen.prepared, &mut self.seen.started].into_iter().flatten() {
            *revision = cleaned(revision, REPORT_KEY);
        }
        if let Phase::Failed {
            why: Why::Prepare { message } | Why::Start { message } | Why::Remove { message }, ..
        } = &mut self.seen.phase
        {
            *message = cleaned(message, REPORT_TEXT);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Condition, Status};
    use crate::{Time, workload::plan::Seen};

    #[test]
    fn s10_facts_ten_times_over_a_bound_are_refused_with_the_field() {
        let long = "x".repeat(usize::try_from(FACT_TEXT * 10).unwrap());
        let many = |n: u64| vec!["apt".to_owned(); usize::try_from(n * 10).unwrap()];
        let fine = Facts { hostname: "rack-1".into(), os: "Debian GNU/Linux 12".into(), ..Facts::default() };
        assert_eq!(fine.check(), Ok(()));
        let mut wrong = vec![];
        for hidden in [long.as_str(), "a\nWARN forged", "\u{1b}[2J", "a\u{202e}b", "a\u{200b}b"] {
            wrong.push(("facts.hostname", Facts { hostname: hidden.into(), ..fine.clone() }));
            wrong.push(("facts.os", Facts { os: hidden.into(), ..fine.clone() }));
            let mut facts = fine.clone();
            facts.can.container_engine = Some(hidden.into());
            wrong.push(("facts.can.container_engine", facts));
        }
        let mut facts = fine.clone();
        facts.can.packages = many(FACT_PACKAGES);
        wrong.push(("facts.can.packages", facts));
        let mut facts = fine.clone();
        facts.can.notes = many(FACT_NOTES);
        wrong.push(("facts.can.notes", facts));
        for (field, facts) in wrong {
            assert_eq!(facts.check().unwrap_err().field, field);
        }
    }

    #[test]
    fn s10_a_report_ten_times_over_its_bounds_is_cut() {
        let text = |n: u64| "é\u{1b}\n".repeat(usize::try_from(n * 10).unwrap());
        let condition = Condition {
            resource: text(REPORT_KEY),
            status: Status::Failed,
            reason: text(REPORT_KEY),
            message: text(REPORT_TEXT),
            since: Time::ZERO,
        };
        let why = Why::Start { message: text(REPORT_TEXT) };
        let report = Report {
            generation: 1,
            seq: 1,
            at: Time::ZERO,
            seen: Seen {
                phase: Phase::Failed { why, retry_at: None },
                started: Some(text(REPORT_KEY)),
                ..Seen::default()
            },
            conditions: vec![condition; usize::try_from(CONDITIONS * 10).unwrap()],
            players: None,
        };
        let kept = report.cleaned();
        assert_eq!(kept.conditions.len() as u64, CONDITIONS);
        let fits = |text: &str, most: u64| text.chars().count() as u64 == most && !text.chars().any(does_not_show);
        assert!(fits(&kept.conditions[0].message, REPORT_TEXT) && fits(&kept.conditions[0].resource, REPORT_KEY));
        let Phase::Failed { why: Why::Start { message }, .. } = &kept.seen.phase else { panic!("it stays failed") };
        assert!(fits(message, REPORT_TEXT) && message.starts_with("é\u{fffd} é"), "{message}");
        assert_eq!(kept.clone().cleaned(), kept, "cleaning twice changes nothing");
    }
}
