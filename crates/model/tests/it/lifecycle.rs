//! The life of one workload on one node, driven at random and with every fault that a node knows.
//!
//! The world keeps what is *really* there (a process, files, unfinished work) beside what is *seen*, and checks after
//! each event that the plan never contradicts the truth. The rules are arguments, so that `mutant.rs` can plant
//! errors in them and prove that this test catches each one.

use ostler_model::workload::blueprint::{Blueprint, How, Limits, Process, RestartRule, Run, Signal, StopRule};
use ostler_model::workload::plan::{self, Desired, Exit, Happened, Phase, Power, Seen, Step, Why};
use ostler_model::{Id, Millis, Time, WorkloadId};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::collections::BTreeSet;

/// The functions under test.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) plan: fn(&Desired, &Seen, Time) -> Vec<Step>,
    pub(crate) after: fn(Seen, &Desired, Happened, Time) -> Seen,
    pub(crate) wake_at: fn(&Desired, &Seen) -> Option<Time>,
    pub(crate) recovered: fn(Seen, &Desired, Option<Exit>, Time) -> Seen,
}

pub(crate) const REAL: Rules =
    Rules { plan: plan::plan, after: Seen::after, wake_at: plan::wake_at, recovered: Seen::recovered };

/// What may happen in the world.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Want(Power),
    Force(bool),
    Restart,
    ChangeSpec,
    /// A message with an older wish arrives again.
    OldNews,
    /// The next wishes stay on the wire.
    LoseWish,
    Act,
    WorkDone,
    WorkFails,
    /// The next start fails in the driver.
    StartWillFail,
    /// The effect of the next stop or kill is lost.
    EffectWillBeLost,
    Ready,
    Dies {
        code: Option<i32>,
    },
    ExitsAsAsked,
    IgnoresStop,
    Late(Late),
    Wait(u64),
    ClockBack(u64),
    AgentCrash {
        run_ends: bool,
    },
}

/// Messages about work that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Late {
    Prepared,
    PrepareFailed,
    Removed,
    Ready,
}

/// A run that really exists.
#[derive(Debug, Clone)]
struct Running {
    is_asked: bool,
    is_killed: bool,
    ignores_stop: bool,
    killed_for: Option<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Work {
    Prepare(String),
    Remove,
}

#[derive(Debug, Clone, PartialEq)]
enum Files {
    Nothing,
    Mixture,
    Of(String),
}

pub(crate) struct World {
    rules: Rules,
    wish: Desired,
    want: Desired,
    old: Vec<Desired>,
    seen: Seen,
    now: Time,
    run: Option<Running>,
    work: Option<Work>,
    files: Files,
    start_will_fail: bool,
    effect_will_be_lost: bool,
    wish_will_be_lost: bool,
    /// Failures in a row after the last crash, for the back-off.
    row: Option<u32>,
    pub(crate) visited: BTreeSet<&'static str>,
}

type Checked = Result<(), String>;

pub(crate) fn blueprint(revision: u32, restart: RestartRule) -> Blueprint {
    let process = Process { program: "true".into(), args: vec![], env: Default::default(), workdir: "data".into() };
    Blueprint {
        resources: vec![],
        revision: format!("r{revision}"),
        run: Run {
            how: How::Process(process),
            limits: Limits::default(),
            ready: vec![],
            start_limit: Millis::secs(30),
            stop: StopRule::Signal(Signal::Term),
            grace: Millis::secs(15),
            restart,
            players: None,
        },
    }
}

impl World {
    pub(crate) fn new(rules: Rules, restart: RestartRule) -> Self {
        let want = Desired {
            id: WorkloadId::from_parts(Time::ZERO, 1),
            generation: 1,
            power: Power::Off,
            is_forced: false,
            restart: 0,
            blueprint: blueprint(1, restart),
            min_isolation: Default::default(),
        };
        World {
            rules,
            wish: want.clone(),
            want,
            old: vec![],
            seen: Seen::default(),
            now: Time::from_millis(1_800_000_000_000),
            run: None,
            work: None,
            files: Files::Nothing,
            start_will_fail: false,
            effect_will_be_lost: false,
            wish_will_be_lost: false,
            row: None,
            visited: BTreeSet::new(),
        }
    }

    fn happened(&mut self, what: Happened) {
        let seen = std::mem::take(&mut self.seen);
        self.seen = (self.rules.after)(seen, &self.want, what, self.now);
    }

    fn wish(&mut self, change: impl FnOnce(&mut Desired)) {
        // Deletion is for good: the server never wants anything of a workload again after it.
        if self.wish.power == Power::Absent {
            return;
        }
        self.old.push(self.wish.clone());
        change(&mut self.wish);
        self.wish.generation += 1;
        if !std::mem::take(&mut self.wish_will_be_lost) {
            self.deliver(self.wish.clone());
        }
    }

    /// What the agent does with a message: it never goes back.
    fn deliver(&mut self, message: Desired) {
        if message.generation > self.want.generation {
            self.want = message;
        }
    }

    pub(crate) fn apply(&mut self, op: Op) -> Checked {
        match op {
            Op::Want(power) => self.wish(|w| w.power = power),
            Op::Force(on) => self.wish(|w| w.is_forced = on),
            Op::Restart => self.wish(|w| w.restart += 1),
            Op::ChangeSpec => self.wish(|w| {
                let next = w.blueprint.revision[1..].parse::<u32>().unwrap() % 3 + 1;
                w.blueprint = blueprint(next, w.blueprint.run.restart);
            }),
            Op::OldNews => {
                if let Some(message) = self.old.last().cloned() {
                    self.deliver(message);
                }
            }
            Op::LoseWish => self.wish_will_be_lost = true,
            Op::Act => self.act()?,
            Op::WorkDone => self.work_ends(true)?,
            Op::WorkFails => self.work_ends(false)?,
            Op::StartWillFail => self.start_will_fail = true,
            Op::EffectWillBeLost => self.effect_will_be_lost = true,
            Op::Ready if self.run.is_some() => self.happened(Happened::BecameReady),
            Op::Dies { code } if self.run.is_some() => self.exits(code)?,
            Op::ExitsAsAsked => self.exits_as_asked()?,
            Op::IgnoresStop => self.run.iter_mut().for_each(|r| r.ignores_stop = true),
            Op::Late(late) => self.late(late),
            Op::Wait(ms) => self.now = self.now + Millis(ms),
            Op::ClockBack(ms) => self.now = self.now - Millis(ms),
            Op::AgentCrash { run_ends } => self.agent_crashes(run_ends),
            Op::Ready | Op::Dies { .. } => {}
        }
        self.check()
    }

    fn late(&mut self, late: Late) {
        let is_over = self.work.is_none();
        match late {
            Late::Prepared if is_over => {
                self.happened(Happened::Prepared { revision: self.want.blueprint.revision.clone() })
            }
            Late::PrepareFailed if is_over => self.happened(Happened::PrepareFailed { message: "late".into() }),
            Late::Removed if is_over => self.happened(Happened::Removed),
            Late::Ready if self.run.is_none() => self.happened(Happened::BecameReady),
            _ => {}
        }
    }

    fn agent_crashes(&mut self, run_ends: bool) {
        // The journal survives, unfinished work does not, and the run goes on without anybody to watch it.
        let had_run =
            matches!(self.seen.phase, Phase::Starting { .. } | Phase::Running { .. } | Phase::Stopping { .. });
        self.work = None;
        self.row = None;
        if run_ends {
            self.run = None;
        }
        let ended = (had_run && self.run.is_none()).then_some(Exit {
            at: self.now,
            code: None,
            signal: None,
            is_out_of_memory: false,
        });
        let seen = std::mem::take(&mut self.seen);
        self.seen = (self.rules.recovered)(seen, &self.want, ended, self.now);
    }

    pub(crate) fn act(&mut self) -> Checked {
        let before = self.seen.clone();
        let steps = (self.rules.plan)(&self.want, &self.seen, self.now);
        ensure(steps.len() <= 1, || format!("one step at a time, not {steps:?}"))?;
        for step in steps {
            self.visited.insert(name_of_step(step));
            self.may(step, &before)?;
            if !matches!(step, Step::Prepare | Step::Start) {
                self.row = None;
            }
            self.happened(Happened::Began(step));
            self.effect(step, &before);
        }
        Ok(())
    }

    /// What must be true in the real world before a step is begun.
    fn may(&self, step: Step, before: &Seen) -> Checked {
        let say = |text: &str| Err(format!("{step:?} {text}; want {:?}, seen {before:?}", self.want.power));
        let on = self.want.power == Power::On;
        let is_restart = before.restart < self.want.restart;
        let is_same = before.failed_in >= self.want.generation;
        if let Phase::Failed { retry_at, .. } = &before.phase
            && matches!(step, Step::Prepare | Step::Start)
            && is_same
            && retry_at.is_none_or(|at| at > self.now && at <= self.now + Millis::secs(300))
        {
            return say("before its back-off is over");
        }
        match step {
            Step::Prepare | Step::Start | Step::Clear | Step::Remove if self.run.is_some() => say("while it runs"),
            Step::Prepare | Step::Start | Step::Clear if self.work.is_some() => say("during other work"),
            Step::Remove if matches!(self.work, Some(Work::Prepare(_))) => say("while preparing"),
            Step::Remove if self.want.power != Power::Absent => say("although it is wanted"),
            Step::Start if !on => say("although off is wanted"),
            Step::Start if self.files != Files::Of(self.want.blueprint.revision.clone()) => {
                say(&format!("on files that are {:?}, not {}", self.files, self.want.blueprint.revision))
            }
            Step::Stop if on && !is_restart => say("although on is wanted"),
            Step::Stop if self.want.is_forced && !on => say("although killing was asked for"),
            Step::Kill if on && !is_restart && matches!(before.phase, Phase::Running { .. }) => say("a healthy run"),
            Step::Kill if !self.want.is_forced && matches!(before.phase, Phase::Running { .. }) => say("unasked"),
            Step::Kill => match before.phase {
                Phase::Stopping { since, killed: false } if !self.want.is_forced => {
                    let grace = self.want.blueprint.run.grace;
                    if since + grace > self.now && since <= self.now + grace {
                        say("before its grace is over")
                    } else {
                        Ok(())
                    }
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn effect(&mut self, step: Step, before: &Seen) {
        match step {
            Step::Prepare => {
                self.files = Files::Mixture;
                self.work = Some(Work::Prepare(self.want.blueprint.revision.clone()));
            }
            Step::Abort => self.work = None,
            Step::Start if std::mem::take(&mut self.start_will_fail) => {
                self.happened(Happened::StartFailed { message: "no such program".into() });
            }
            Step::Start => {
                self.run = Some(Running { is_asked: false, is_killed: false, ignores_stop: false, killed_for: None });
            }
            Step::Stop | Step::Kill => {
                let is_lost = std::mem::take(&mut self.effect_will_be_lost);
                let starting = matches!(before.phase, Phase::Starting { .. }) && self.want.power == Power::On;
                if let Some(run) = &mut self.run {
                    run.is_asked |= !is_lost;
                    run.is_killed |= !is_lost && step == Step::Kill;
                    if step == Step::Kill && starting {
                        run.killed_for = Some((self.want.generation, self.want.restart));
                    }
                }
            }
            Step::Clear => {}
            Step::Remove => {
                self.files = Files::Mixture;
                self.work = Some(Work::Remove);
            }
        }
    }

    fn work_ends(&mut self, well: bool) -> Checked {
        match self.work.take() {
            Some(Work::Prepare(revision)) if well => {
                self.files = Files::Of(revision.clone());
                self.happened(Happened::Prepared { revision });
            }
            Some(Work::Prepare(_)) => self.happened(Happened::PrepareFailed { message: "disk full".into() }),
            Some(Work::Remove) if well => {
                self.files = Files::Nothing;
                self.happened(Happened::Removed);
                ensure(self.seen.phase == Phase::Gone, || "removed but not gone".into())?;
            }
            Some(Work::Remove) => self.happened(Happened::RemoveFailed { message: "busy".into() }),
            None => {}
        }
        Ok(())
    }

    fn exits_as_asked(&mut self) -> Checked {
        match &self.run {
            Some(run) if run.is_killed => self.exits(None),
            Some(run) if run.is_asked && !run.ignores_stop => self.exits(Some(0)),
            _ => Ok(()),
        }
    }

    fn exits(&mut self, code: Option<i32>) -> Checked {
        let run = self.run.take().expect("only a run can end");
        let before = self.seen.clone();
        let signal = code.is_none().then_some(9);
        self.happened(Happened::Exited(Exit { at: self.now, code, signal, is_out_of_memory: false }));
        let was_late =
            run.killed_for == Some((self.want.generation, self.want.restart)) && self.want.power == Power::On;
        if was_late && matches!(before.phase, Phase::Stopping { .. }) {
            ensure(matches!(self.seen.phase, Phase::Failed { why: Why::NotReady, .. }), || {
                format!("a start that was never ready must count as a failure, not {:?}", self.seen.phase)
            })?;
        }
        // The fifth crash in a row waits longer than the first, unless the run had proved itself.
        if let (Phase::Running { since } | Phase::Starting { since }, Phase::Failed { retry_at: Some(at), .. }) =
            (&before.phase, &self.seen.phase)
            && *since + plan::PROVEN_AFTER > self.now
        {
            let pause = at.since(self.now);
            let count = self.seen.crashes;
            ensure(self.row.is_none_or(|last| count > last), || format!("crash {count} after {:?}", self.row))?;
            ensure(pause == plan::backoff(count), || format!("pause {pause:?} after crash {count}"))?;
            self.row = Some(count);
        } else {
            self.row = None;
        }
        Ok(())
    }

    /// True after every event.
    fn check(&mut self) -> Checked {
        self.visited.insert(name_of_phase(&self.seen.phase));
        let phase = &self.seen.phase;
        let in_run = matches!(phase, Phase::Starting { .. } | Phase::Running { .. } | Phase::Stopping { .. });
        ensure(self.run.is_none() || in_run, || format!("something runs but {phase:?} is seen"))?;
        let fits = match &self.work {
            None => true,
            Some(Work::Prepare(_)) => matches!(phase, Phase::Preparing { .. }),
            Some(Work::Remove) => matches!(phase, Phase::Removing { .. }),
        };
        ensure(fits, || format!("{:?} is under way but {phase:?} is seen", self.work))?;
        if *phase == Phase::Gone {
            ensure(self.files == Files::Nothing, || format!("gone, but files are {:?}", self.files))?;
        }
        self.check_wake()
    }

    /// The wake-up time is early enough, and never a reason to spin.
    fn check_wake(&self) -> Checked {
        let plan_at = |at| (self.rules.plan)(&self.want, &self.seen, at);
        let wake = (self.rules.wake_at)(&self.want, &self.seen);
        if !plan_at(self.now).is_empty() {
            return Ok(());
        }
        if let Some(at) = wake
            && at <= self.now
        {
            return Err(format!("wakes at {at}, which is over, for nothing: {:?}", self.seen));
        }
        let until = wake.unwrap_or(self.now + Millis::secs(10 * 366 * 86_400));
        let span = until.since(self.now).0;
        for part in [1, 2, 3, 5, 8, 100, 1000] {
            let at = self.now + Millis((span / part).saturating_sub(1));
            ensure(plan_at(at).is_empty(), || format!("sleeps until {until} but has work at {at}: {:?}", self.seen))?;
        }
        match wake {
            Some(at) => ensure(!plan_at(at).is_empty(), || format!("woken at {at} for nothing: {:?}", self.seen)),
            None => Ok(()),
        }
    }

    /// With faults off, repeated plan-and-apply reaches agreement in a few steps and then plans nothing.
    pub(crate) fn settles(&mut self) -> Checked {
        self.deliver(self.wish.clone());
        (self.start_will_fail, self.effect_will_be_lost) = (false, false);
        let mut hangs = true;
        for _ in 0..60 {
            let before = (self.seen.clone(), self.run.is_some(), self.work.clone());
            self.act()?;
            self.check()?;
            // Work from before the calm may hang for ever; the plan must get over it.
            if !hangs {
                self.work_ends(true)?;
            }
            if self.run.is_some() && matches!(self.seen.phase, Phase::Starting { .. }) {
                self.happened(Happened::BecameReady);
            }
            self.exits_as_asked()?;
            self.check()?;
            if before == (self.seen.clone(), self.run.is_some(), self.work.clone()) {
                if self.agrees() {
                    return Ok(());
                }
                let wake = (self.rules.wake_at)(&self.want, &self.seen);
                let Some(at) = wake else {
                    return Err(format!(
                        "stuck: want {:?} {:?}, seen {:?}",
                        self.want.power, self.want.generation, self.seen
                    ));
                };
                self.now = self.now.max(at);
                hangs = false;
            }
        }
        Err(format!("no agreement after 60 rounds: want {:?}, seen {:?}", self.want.power, self.seen))
    }

    fn agrees(&self) -> bool {
        let is_idle = self.run.is_none() && self.work.is_none();
        match (self.want.power, &self.seen.phase) {
            (Power::On, Phase::Running { .. }) => self.run.is_some() && self.seen.restart >= self.want.restart,
            // Nobody starts it again: it ended by its own rule in this very generation.
            (Power::On, Phase::Failed { why: Why::Exited | Why::NotReady | Why::Start { .. }, retry_at: None }) => {
                is_idle
                    && self.seen.failed_in == self.want.generation
                    && self.want.blueprint.run.restart != RestartRule::Always
            }
            (Power::Off, Phase::Stopped) => is_idle && self.files == Files::Of(self.want.blueprint.revision.clone()),
            (Power::Absent, Phase::Gone) => is_idle && self.files == Files::Nothing,
            _ => false,
        }
    }
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(why()) }
}

fn name_of_phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Stopped => "stopped",
        Phase::Preparing { .. } => "preparing",
        Phase::Starting { .. } => "starting",
        Phase::Running { .. } => "running",
        Phase::Stopping { killed: false, .. } => "stopping",
        Phase::Stopping { killed: true, .. } => "killed",
        Phase::Failed { why: Why::Prepare { .. }, .. } => "failed:prepare",
        Phase::Failed { why: Why::Start { .. }, .. } => "failed:start",
        Phase::Failed { why: Why::NotReady, .. } => "failed:not_ready",
        Phase::Failed { why: Why::Exited, .. } => "failed:exited",
        Phase::Failed { why: Why::Remove { .. }, .. } => "failed:remove",
        Phase::Removing { .. } => "removing",
        Phase::Gone => "gone",
    }
}

fn name_of_step(step: Step) -> &'static str {
    match step {
        Step::Prepare => "+prepare",
        Step::Abort => "+abort",
        Step::Start => "+start",
        Step::Stop => "+stop",
        Step::Kill => "+kill",
        Step::Clear => "+clear",
        Step::Remove => "+remove",
    }
}

fn op() -> impl Strategy<Value = Op> {
    let late = prop_oneof![Just(Late::Prepared), Just(Late::PrepareFailed), Just(Late::Removed), Just(Late::Ready)];
    prop_oneof![
        20 => Just(Op::Act),
        4 => Just(Op::Want(Power::On)),
        2 => Just(Op::Want(Power::Off)),
        1 => Just(Op::Want(Power::Absent)),
        1 => any::<bool>().prop_map(Op::Force),
        2 => Just(Op::Restart),
        2 => Just(Op::ChangeSpec),
        1 => Just(Op::OldNews),
        1 => Just(Op::LoseWish),
        9 => Just(Op::WorkDone),
        2 => Just(Op::WorkFails),
        1 => Just(Op::StartWillFail),
        1 => Just(Op::EffectWillBeLost),
        5 => Just(Op::Ready),
        2 => prop_oneof![Just(None), Just(Some(0)), Just(Some(1))].prop_map(|code| Op::Dies { code }),
        4 => Just(Op::ExitsAsAsked),
        1 => Just(Op::IgnoresStop),
        2 => late.prop_map(Op::Late),
        5 => prop_oneof![0_u64..2_000, 10_000_u64..40_000, 300_000_u64..4_000_000].prop_map(Op::Wait),
        1 => prop_oneof![0_u64..2_000, 10_000_u64..40_000, 300_000_u64..90_000_000].prop_map(Op::ClockBack),
        1 => any::<bool>().prop_map(|run_ends| Op::AgentCrash { run_ends }),
    ]
}

fn restart_rule() -> impl Strategy<Value = RestartRule> {
    prop_oneof![3 => Just(RestartRule::Always), 2 => Just(RestartRule::OnFailure), 1 => Just(RestartRule::Never)]
}

/// Runs many random lives; the first that breaks a rule is shrunk and told.
pub(crate) fn live(rules: Rules, cases: u32) -> Result<BTreeSet<&'static str>, String> {
    let visited = std::cell::RefCell::new(BTreeSet::new());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let story = (restart_rule(), proptest::collection::vec(op(), 0..60));
    let told = runner.run(&story, |(restart, ops)| {
        let mut world = World::new(rules, restart);
        let lived = ops.into_iter().try_for_each(|op| world.apply(op)).and_then(|()| world.settles());
        visited.borrow_mut().append(&mut world.visited);
        lived.map_err(TestCaseError::fail)
    });
    match told {
        Ok(()) => Ok(visited.into_inner()),
        Err(TestError::Fail(why, story)) => Err(format!("{why}\n  story: {story:?}")),
        Err(TestError::Abort(why)) => Err(format!("gave up: {why}")),
    }
}

#[test]
fn every_life_obeys_the_rules_settles_and_every_phase_and_step_is_reached() {
    let visited = live(REAL, 4000).unwrap_or_else(|why| panic!("{why}"));
    let all = [
        "stopped",
        "preparing",
        "starting",
        "running",
        "stopping",
        "killed",
        "failed:prepare",
        "failed:start",
        "failed:not_ready",
        "failed:exited",
        "failed:remove",
        "removing",
        "gone",
        "+prepare",
        "+abort",
        "+start",
        "+stop",
        "+kill",
        "+clear",
        "+remove",
    ];
    let missing: Vec<_> = all.iter().filter(|name| !visited.contains(*name)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

#[test]
fn a_crash_loop_waits_one_two_four_seconds_and_never_more_than_five_minutes() {
    let pauses: Vec<u64> = (0..12).map(|n| plan::backoff(n).0 / 1000).collect();
    assert_eq!(pauses, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(plan::backoff(u32::MAX), Millis::secs(300));
}
