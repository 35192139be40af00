//! What becomes of a job's row when something happened to its step. Pure: the engine only runs steps and commits changes.
//!
//! A job goes forward step by step until it has succeeded. When a step fails, its time is up or somebody cancels, the
//! finished steps are undone, last first, and the job ends as failed or cancelled. Past a step that is the point of no
//! return there is no way back: from there on a step that fails is tried again until it succeeds.

use ostler_model::job::{Job, State};
use ostler_model::{Millis, Time};
use ostler_store::job::Save;
use ostler_wire::job::StepState;
use serde_json::{Map, Value};

/// One step of a recipe.
#[derive(Debug, Clone, Copy)]
pub struct StepSpec {
    pub name: &'static str,
    /// For people, while it is being done.
    pub title: &'static str,
    pub way_back: WayBack,
}

/// How a finished step is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayBack {
    /// By the recipe's `undo`.
    Undo,
    /// It changed nothing that would have to be taken back.
    Nothing,
    /// Not at all: once this step has begun, the job can neither be cancelled nor fail.
    None,
}

/// How a step, or the undoing of one, ended this time.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Finished; the output is kept for later steps.
    Done(Value),
    /// Nothing wrong, but not finished: look again at this time, or when woken.
    Wait { until: Time, note: Option<String> },
    /// It cannot be done. The sentence is for people.
    Fail(String),
    /// It cannot be finished, but what was done shall stay: the job ends as failed and nothing is undone.
    Keep(String),
    /// Something that may pass: try again after a pause. The sentence is for people.
    Retry(String),
}

const NOTE: &str = "_note";
const RETRY_FIRST: Millis = Millis(500);
const RETRY_MOST: Millis = Millis::secs(60);

/// The outputs of finished steps, by name.
pub fn outputs(job: &Job) -> Map<String, Value> {
    serde_json::from_str(&job.outputs).unwrap_or_default()
}

/// Position of the current step; the first when none has been begun.
pub fn position(job: &Job, steps: &[StepSpec]) -> usize {
    job.step.as_deref().and_then(|name| steps.iter().position(|s| s.name == name)).unwrap_or(0)
}

/// Somebody may still cancel: nothing that cannot be taken back has been begun.
pub fn can_cancel(job: &Job, steps: &[StepSpec]) -> bool {
    match job.state {
        State::Queued | State::Running => !is_committed(job, steps),
        State::Unwinding | State::Succeeded | State::Failed | State::Cancelled => false,
    }
}

/// The current step or one before it cannot be taken back.
fn is_committed(job: &Job, steps: &[StepSpec]) -> bool {
    steps.iter().take(position(job, steps) + 1).any(|s| s.way_back == WayBack::None)
}

/// Before a step is run: cancelled, out of time, or on with it (`None`).
pub fn before(job: &Job, steps: &[StepSpec], limit: Option<Millis>, now: Time) -> Option<Save> {
    if !can_cancel(job, steps) {
        return None;
    }
    if job.is_cancel_asked {
        return Some(turn_back(job, steps, None, "cancelled", now));
    }
    match limit {
        Some(limit) if job.created_at + limit <= now => {
            let title = steps.get(position(job, steps)).map_or("", |s| s.title);
            let text = format!("not finished in {}, while {title}", words(limit));
            Some(turn_back(job, steps, Some(text.clone()), &text, now))
        }
        _ => None,
    }
}

/// What the row becomes after the current step was run (or, while unwinding, undone) with this outcome.
pub fn after(job: &Job, steps: &[StepSpec], outcome: Outcome, now: Time) -> Save {
    match outcome {
        Outcome::Wait { until, note } => {
            let base = Save { attempt: 0, due_at: until, is_released: true, ..same(job, now) };
            match note.filter(|note| !is_known(job, note)) {
                // Kept with the outputs, so that looking again and again says it once.
                Some(note) => {
                    Save { output: Some((NOTE.to_owned(), Some(note.clone().into()))), lines: vec![note], ..base }
                }
                None => base,
            }
        }
        Outcome::Done(_) if job.state == State::Unwinding => undone(job, steps, now),
        Outcome::Done(value) => done(job, steps, value, now),
        Outcome::Fail(text) if job.state != State::Unwinding && !is_committed(job, steps) => {
            turn_back(job, steps, Some(text.clone()), &text, now)
        }
        Outcome::Keep(text) if job.state != State::Unwinding => {
            Save { state: State::Failed, step: None, error: Some(text.clone()), lines: vec![text], ..same(job, now) }
        }
        // Neither the way back nor the way past the point of no return may end half way.
        Outcome::Fail(text) | Outcome::Keep(text) | Outcome::Retry(text) => {
            let pause = RETRY_FIRST.0.saturating_mul(1 << job.attempt.min(16)).min(RETRY_MOST.0);
            let lines = if job.attempt == 0 { vec![format!("{text}; trying again")] } else { vec![] };
            let attempt = job.attempt.saturating_add(1);
            Save { attempt, due_at: now + Millis(pause), lines, is_released: true, ..same(job, now) }
        }
    }
}

/// The note says nothing that the log did not say last.
pub fn is_known(job: &Job, note: &str) -> bool {
    outputs(job).get(NOTE).and_then(Value::as_str) == Some(note)
}

fn same(job: &Job, now: Time) -> Save {
    Save {
        state: if job.state == State::Queued { State::Running } else { job.state },
        step: job.step.clone(),
        progress: job.progress,
        attempt: job.attempt,
        due_at: now,
        error: job.error.clone(),
        output: None,
        lines: vec![],
        is_released: false,
    }
}

fn done(job: &Job, steps: &[StepSpec], value: Value, now: Time) -> Save {
    let at = position(job, steps);
    let output = steps.get(at).map(|step| (step.name.to_owned(), Some(value)));
    let base = Save { output, attempt: 0, ..same(job, now) };
    match steps.get(at + 1) {
        Some(next) => Save {
            step: Some(next.name.to_owned()),
            progress: percent(at + 1, steps.len()),
            lines: vec![next.title.to_owned()],
            ..base
        },
        None => Save { state: State::Succeeded, step: None, progress: 100, lines: vec!["done".to_owned()], ..base },
    }
}

/// Begins the way back at the current step: it may have had an effect although it was never finished.
fn turn_back(job: &Job, steps: &[StepSpec], error: Option<String>, line: &str, now: Time) -> Save {
    let base = Save { attempt: 0, error, lines: vec![line.to_owned()], ..same(job, now) };
    back_from(job, steps, position(job, steps) + 1, base)
}

fn undone(job: &Job, steps: &[StepSpec], now: Time) -> Save {
    let at = position(job, steps);
    let output = steps.get(at).map(|step| (step.name.to_owned(), None));
    back_from(job, steps, at, Save { attempt: 0, output, ..same(job, now) })
}

/// On to the nearest step before `end` that has something to undo.
fn back_from(job: &Job, steps: &[StepSpec], end: usize, base: Save) -> Save {
    match steps.iter().take(end).rev().find(|s| s.way_back == WayBack::Undo) {
        Some(step) => Save { state: State::Unwinding, step: Some(step.name.to_owned()), ..base },
        None => {
            let is_cancelled = base.error.is_none() && job.is_cancel_asked;
            let state = if is_cancelled { State::Cancelled } else { State::Failed };
            Save { state, step: None, ..base }
        }
    }
}

/// How a job looks to people: each step with where it stands.
pub fn views(job: &Job, steps: &[StepSpec]) -> Vec<(&'static str, StepState)> {
    let finished = outputs(job);
    let now = job.step.as_deref();
    steps
        .iter()
        .map(|step| {
            let is_current = now == Some(step.name);
            let state = match job.state {
                State::Succeeded => StepState::Done,
                State::Running | State::Unwinding if is_current => StepState::Running,
                _ if finished.contains_key(step.name) => StepState::Done,
                State::Queued | State::Running => StepState::Waiting,
                State::Unwinding | State::Failed | State::Cancelled if step.way_back == WayBack::Undo => {
                    StepState::Undone
                }
                State::Unwinding | State::Failed | State::Cancelled => StepState::Waiting,
            };
            (step.name, state)
        })
        .collect()
}

fn percent(done: usize, all: usize) -> u8 {
    u8::try_from(done * 100 / all.max(1)).unwrap_or(100).min(99)
}

fn words(span: Millis) -> String {
    let secs = span.0 / 1000;
    match secs {
        0..120 => format!("{secs} seconds"),
        120..7200 => format!("{} minutes", secs / 60),
        _ => format!("{} hours", secs / 3600),
    }
}
