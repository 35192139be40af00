//! Errors planted in the lifecycle rules, each of which the lifecycle test must catch.
//!
//! A test that cannot fail proves nothing. Each mutant differs from the real rules in one decision.

use crate::lifecycle::{REAL, Rules, live};
use ostler_model::workload::plan::{Desired, Exit, Happened, Phase, Power, Seen, Step, Why, plan, wake_at};
use ostler_model::{Millis, Time};

fn planned(want: &Desired, seen: &Seen, now: Time, change: impl Fn(Step) -> Option<Step>) -> Vec<Step> {
    plan(want, seen, now).into_iter().filter_map(change).collect()
}

fn is_stopping(seen: &Seen) -> bool {
    matches!(seen.phase, Phase::Stopping { .. })
}

/// Each mutant with the words that name the planted error.
fn mutants() -> Vec<(&'static str, Rules)> {
    let mut all: Vec<(&'static str, Rules)> = Vec::new();
    let mut plans = |name, plan| all.push((name, Rules { plan, ..REAL }));
    plans("a stop never ends in a kill", |w, s, n| {
        planned(w, s, n, |step| (step != Step::Kill || !is_stopping(s)).then_some(step))
    });
    plans("a lost kill is never repeated", |w, s, n| {
        let again = matches!(s.phase, Phase::Stopping { killed: true, .. });
        planned(w, s, n, |step| (step != Step::Kill || !again).then_some(step))
    });
    plans("a start may take for ever", |w, s, n| {
        let starting = matches!(s.phase, Phase::Starting { .. }) && w.power == Power::On;
        planned(w, s, n, |step| (step != Step::Kill || !starting).then_some(step))
    });
    plans("a start needs no preparation", |w, s, n| {
        planned(w, s, n, |step| Some(if step == Step::Prepare && w.power == Power::On { Step::Start } else { step }))
    });
    plans("an old preparation is good enough", |w, s, n| {
        let is_prepared = s.prepared.is_some() && s.phase == Phase::Stopped && w.power == Power::On;
        planned(w, s, n, |step| Some(if step == Step::Prepare && is_prepared { Step::Start } else { step }))
    });
    plans("a restart is ignored", |w, s, n| plan(&Desired { restart: s.restart, ..w.clone() }, s, n));
    plans("it is removed while it runs", |w, s, n| {
        let running = matches!(s.phase, Phase::Running { .. }) && w.power == Power::Absent;
        if running { vec![Step::Remove] } else { plan(w, s, n) }
    });
    plans("it starts again while the old run still stops", |w, s, n| {
        if is_stopping(s) && w.power == Power::On { vec![Step::Start] } else { plan(w, s, n) }
    });
    plans("a failure is never cleared", |w, s, n| planned(w, s, n, |step| (step != Step::Clear).then_some(step)));
    plans("back-off is ignored", |w, s, n| {
        let seen = match &s.phase {
            Phase::Failed { why, retry_at: Some(_) } => {
                Seen { phase: Phase::Failed { why: why.clone(), retry_at: Some(n) }, ..s.clone() }
            }
            _ => s.clone(),
        };
        plan(w, &seen, n)
    });
    plans("a new wish does not wake a failure", |w, s, n| plan(w, &Seen { failed_in: u64::MAX, ..s.clone() }, n));
    plans("preparing may hang for ever", |w, s, n| {
        let keeps = w.power != Power::Absent;
        planned(w, s, n, |step| (step != Step::Abort || !keeps).then_some(step))
    });
    plans("removing may hang for ever", |w, s, n| {
        let removing = matches!(s.phase, Phase::Removing { .. });
        planned(w, s, n, |step| (step != Step::Remove || !removing).then_some(step))
    });
    plans("force asks politely", |w, s, n| {
        let running = matches!(s.phase, Phase::Running { .. } | Phase::Starting { .. });
        planned(w, s, n, |step| Some(if step == Step::Kill && running { Step::Stop } else { step }))
    });
    plans("a failed one is never removed", |w, s, n| {
        let failed = matches!(s.phase, Phase::Failed { .. });
        planned(w, s, n, |step| (step != Step::Remove || !failed).then_some(step))
    });
    plans("what is off is not kept prepared", |w, s, n| {
        planned(w, s, n, |step| (step != Step::Prepare || w.power != Power::Off).then_some(step))
    });
    plans("grace is half as long", |w, s, n| {
        let mut want = w.clone();
        want.blueprint.run.grace = Millis(want.blueprint.run.grace.0 / 2);
        plan(&want, s, n)
    });
    plans("a healthy run is killed at the start limit", |w, s, n| match s.phase {
        Phase::Running { since } if w.power == Power::On && since + w.blueprint.run.start_limit <= n => {
            vec![Step::Kill]
        }
        _ => plan(w, s, n),
    });

    let mut wakes = |name, wake_at| all.push((name, Rules { wake_at, ..REAL }));
    wakes("nobody wakes for a retry", |w, s| match s.phase {
        Phase::Failed { .. } => None,
        _ => wake_at(w, s),
    });
    wakes("it wakes a minute late", |w, s| wake_at(w, s).map(|at| at + Millis::secs(60)));
    wakes("it wakes early and spins", |w, s| wake_at(w, s).map(|at| at - Millis::secs(20)));

    let mut afters = |name, after| all.push((name, Rules { after, ..REAL }));
    afters("a late answer counts as prepared", |s, w, h, n| {
        let late = match &h {
            Happened::Prepared { revision } => Some(revision.clone()),
            _ => None,
        };
        let mut seen = s.after(w, h, n);
        seen.prepared = late.or(seen.prepared);
        seen
    });
    afters("files stay trusted while they are rewritten", |s, w, h, n| {
        let (prepared, begins) = (s.prepared.clone(), h == Happened::Began(Step::Prepare));
        let mut seen = s.after(w, h, n);
        if begins {
            seen.prepared = prepared;
        }
        seen
    });
    afters("a start that was never ready is no failure", |s, w, h, n| {
        let seen = s.after(w, h, n);
        match seen.phase {
            Phase::Failed { why: Why::NotReady, .. } => Seen { phase: Phase::Stopped, ..seen },
            _ => seen,
        }
    });
    afters("the restart counter is not honoured", |s, w, h, n| {
        let restart = s.restart;
        Seen { restart, ..s.after(w, h, n) }
    });
    afters("crashes are not counted", |s, w, h, n| Seen { crashes: 0, ..s.after(w, h, n) });
    afters("it is gone before it is removed", |s, w, h, n| {
        let removing = h == Happened::Began(Step::Remove);
        let seen = s.after(w, h, n);
        if removing { Seen { phase: Phase::Gone, ..seen } } else { seen }
    });
    afters("a late ready revives a dead run", |s, w, h, n| {
        let ready = h == Happened::BecameReady;
        let seen = s.after(w, h, n);
        if ready { Seen { phase: Phase::Running { since: n }, ..seen } } else { seen }
    });

    let mut recoveries = |name, recovered| all.push((name, Rules { recovered, ..REAL }));
    recoveries("the agent forgets that its work died with it", |s, w, e, n| match s.phase {
        Phase::Preparing { .. } => s,
        _ => s.recovered(w, e, n),
    });
    recoveries("the agent does not notice a run that ended meanwhile", |s, w, _: Option<Exit>, n| {
        s.recovered(w, None, n)
    });
    recoveries("half prepared counts as prepared", |s, w, e, n| {
        let half = matches!(s.phase, Phase::Preparing { .. });
        let seen = s.recovered(w, e, n);
        let prepared = if half { Some(w.blueprint.revision.clone()) } else { seen.prepared.clone() };
        Seen { prepared, ..seen }
    });
    all
}

#[test]
fn every_planted_error_is_caught() {
    let escaped: Vec<_> =
        mutants().into_iter().filter(|(_, rules)| live(*rules, 20_000).is_ok()).map(|(name, _)| name).collect();
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}
