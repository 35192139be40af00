//! The pure part: whatever happens, a job moves towards an end.

use ostler_model::job::{Job, State};
use ostler_model::{Id, JobId, Millis, Time};
use ostler_server::job::flow::{after, before, can_cancel, views};
use ostler_server::job::{Outcome, StepSpec, WayBack};
use ostler_wire::job::StepState;

const STEPS: &[StepSpec] = &[
    StepSpec { name: "a", title: "doing a", way_back: WayBack::Undo },
    StepSpec { name: "b", title: "doing b", way_back: WayBack::Nothing },
    StepSpec { name: "c", title: "doing c", way_back: WayBack::Undo },
    StepSpec { name: "d", title: "doing d", way_back: WayBack::None },
];
const NOW: Time = Time::from_millis(1_800_000_000_000);

fn job(state: State, step: Option<&str>) -> Job {
    Job {
        id: JobId::from_parts(NOW, 1),
        workspace: None,
        kind: "test".into(),
        target: "x".into(),
        input: "{}".into(),
        outputs: "{}".into(),
        state,
        step: step.map(str::to_owned),
        progress: 0,
        attempt: 0,
        due_at: NOW,
        is_cancel_asked: false,
        error: None,
        created_by: "a".into(),
        created_at: NOW,
        started_at: None,
        finished_at: None,
    }
}

fn done() -> Outcome {
    Outcome::Done(serde_json::json!({}))
}

#[test]
fn steps_follow_each_other_to_the_end() {
    let mut at = Some("a".to_owned());
    let mut walked = vec![];
    while let Some(step) = at {
        let save = after(&job(State::Running, Some(&step)), STEPS, done(), NOW);
        assert_eq!(save.output, Some((step.clone(), Some(serde_json::json!({})))));
        walked.push((step, save.state, save.progress));
        at = save.step;
    }
    let names: Vec<&str> = walked.iter().map(|(s, _, _)| s.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(walked.last().map(|w| (w.1, w.2)), Some((State::Succeeded, 100)));
    assert!(walked.windows(2).all(|w| w[0].2 < w[1].2), "progress grows: {walked:?}");
}

#[test]
fn a_failure_undoes_the_step_itself_and_what_was_before_it_last_first() {
    let save = after(&job(State::Running, Some("c")), STEPS, Outcome::Fail("no".into()), NOW);
    assert_eq!((save.state, save.step.as_deref(), save.error.as_deref()), (State::Unwinding, Some("c"), Some("no")));
    let mut unwinding = job(State::Unwinding, Some("c"));
    unwinding.error = Some("no".into());
    let save = after(&unwinding, STEPS, done(), NOW);
    assert_eq!((save.state, save.step.as_deref()), (State::Unwinding, Some("a")), "b has nothing to undo");
    unwinding.step = Some("a".into());
    let save = after(&unwinding, STEPS, done(), NOW);
    assert_eq!((save.state, save.step, save.error.as_deref()), (State::Failed, None, Some("no")));
}

#[test]
fn past_the_point_of_no_return_nothing_fails_and_nobody_cancels() {
    let mut job = job(State::Running, Some("d"));
    job.is_cancel_asked = true;
    assert!(!can_cancel(&job, STEPS));
    assert!(before(&job, STEPS, Some(Millis(1)), NOW + Millis(5)).is_none());
    let save = after(&job, STEPS, Outcome::Fail("no".into()), NOW);
    assert_eq!((save.state, save.step.as_deref(), save.attempt), (State::Running, Some("d"), 1));
    assert!(save.due_at > NOW);
}

#[test]
fn cancelling_and_running_out_of_time_turn_back() {
    let mut cancelled = job(State::Running, Some("b"));
    cancelled.is_cancel_asked = true;
    let save = before(&cancelled, STEPS, None, NOW).unwrap();
    assert_eq!((save.state, save.step.as_deref(), save.error), (State::Unwinding, Some("a"), None));
    cancelled.state = State::Unwinding;
    cancelled.step = Some("a".into());
    assert_eq!(after(&cancelled, STEPS, done(), NOW).state, State::Cancelled);

    let late =
        before(&job(State::Running, Some("c")), STEPS, Some(Millis::secs(3600)), NOW + Millis::secs(3600)).unwrap();
    assert_eq!(late.state, State::Unwinding);
    assert!(late.error.unwrap().contains("60 minutes, while doing c"));
}

#[test]
fn undoing_never_gives_up_and_pauses_longer_each_time() {
    let mut unwinding = job(State::Unwinding, Some("a"));
    let mut last = Millis(0);
    for attempt in 0..40 {
        unwinding.attempt = attempt;
        let save = after(&unwinding, STEPS, Outcome::Fail("still no".into()), NOW);
        assert_eq!((save.state, save.step.as_deref()), (State::Unwinding, Some("a")));
        let pause = save.due_at.since(NOW);
        assert!(pause >= last && pause <= Millis::secs(60), "{pause:?}");
        last = pause;
    }
}

#[test]
fn what_stays_by_decision_is_not_undone() {
    let save = after(&job(State::Running, Some("c")), STEPS, Outcome::Keep("it stays".into()), NOW);
    assert_eq!((save.state, save.step, save.error.as_deref()), (State::Failed, None, Some("it stays")));
}

#[test]
fn people_see_where_each_step_stands() {
    let mut running = job(State::Running, Some("c"));
    running.outputs = r#"{"a":{},"b":{}}"#.into();
    let states: Vec<StepState> = views(&running, STEPS).into_iter().map(|(_, s)| s).collect();
    assert_eq!(states, [StepState::Done, StepState::Done, StepState::Running, StepState::Waiting]);
}
