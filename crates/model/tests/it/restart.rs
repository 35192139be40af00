//! What happens after a run has ended although the workload is wanted on.

use crate::lifecycle::blueprint;
use ostler_model::node::Isolation;
use ostler_model::workload::blueprint::RestartRule;
use ostler_model::workload::plan::{Desired, Exit, Happened, Phase, Power, Seen, Step, backoff, plan};
use ostler_model::{Id as _, Time, WorkloadId};

fn want(restart: RestartRule) -> Desired {
    Desired {
        id: WorkloadId::from_parts(Time::ZERO, 1),
        generation: 1,
        power: Power::On,
        is_forced: false,
        restart: 0,
        min_isolation: Isolation::None,
        blueprint: blueprint(1, restart),
    }
}

fn ended(code: Option<i32>) -> Exit {
    Exit { at: Time::ZERO, code, signal: None, is_out_of_memory: false }
}

/// When it is started again after its end: while the agent watched it, and while it was away.
fn starts_again(rule: RestartRule, code: Option<i32>) -> [bool; 2] {
    let (want, now) = (want(rule), Time::from_millis(1_800_000_000_000));
    let running = Seen {
        phase: Phase::Running { since: now },
        prepared: Some(want.blueprint.revision.clone()),
        ..Seen::default()
    };
    let watched = running.clone().after(&want, Happened::Exited(ended(code)), now);
    let away = running.recovered(&want, Some(ended(code)), now);
    [watched, away].map(|seen| {
        assert_eq!(plan(&want, &seen, now), [], "never without a pause");
        plan(&want, &seen, now + backoff(1)) == [Step::Start]
    })
}

#[test]
fn f3_a_workload_that_is_wanted_on_and_ended_with_0_runs_again() {
    assert_eq!(starts_again(RestartRule::Always, Some(0)), [true, true]);
    // Nobody saw why it ended: the engine or the machine was restarted and asked it to stop.
    assert_eq!(starts_again(RestartRule::OnFailure, Some(0)), [false, true]);
    for code in [None, Some(1)] {
        assert_eq!(starts_again(RestartRule::OnFailure, code), [true, true]);
    }
    assert_eq!(starts_again(RestartRule::Never, Some(0)), [false, false]);
}

#[test]
fn f3_every_built_in_template_and_one_that_does_not_say_keep_a_workload_on() {
    use ostler_model::template::parse;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates");
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for text in [text.clone(), text.replace("restart: always\n", "")] {
            let template = parse(&text).unwrap();
            assert_eq!(template.restart, RestartRule::Always, "{}", entry.path().display());
        }
    }
}
