//! The simulated fleet: `OSTLER_SIM_SEEDS` seeds (20 when not said otherwise) from `OSTLER_SIM_FROM` on, or the one plan in the
//! file `OSTLER_SIM_REPLAY`. A plan that fails is shrunk and saved; plans that failed once are kept in `tests/plans/`.

use ostler_model::Millis;
use ostler_testkit::clock::SimClock;
use ostler_testkit::faults::Weather;
use ostler_testkit::fleet::{Op, Plan, Tally, World, run, shrink};
use std::path::PathBuf;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn read(path: &PathBuf) -> Plan {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A plan whose code panics has failed, too.
fn attempt(plan: &Plan) -> Result<Tally, String> {
    let run = std::panic::AssertUnwindSafe(|| run(plan));
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("panic: {}", text.unwrap_or_else(|| "without a text".to_owned())))
    })
}

fn fail(plan: &Plan, why: &str) -> ! {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(90);
    let small = shrink(plan, 100, |plan| std::time::Instant::now() < until && attempt(plan).is_err());
    let last = attempt(&small).err().unwrap_or_else(|| "only sometimes".to_owned());
    let path = std::env::temp_dir().join(format!("ostler-sim-{}.json", plan.seed));
    std::fs::write(&path, serde_json::to_string_pretty(&small).unwrap()).unwrap();
    panic!(
        "seed {} fails: {why}\nshrunk to {} operations: {last}\nrun it again: cargo xtask sim --replay {}",
        plan.seed,
        small.ops.len(),
        path.display()
    );
}

/// Every second seed, so that two processors share the work.
fn whatever_happens(half: u64) {
    let (first, count) = (number("OSTLER_SIM_FROM").unwrap_or(0), number("OSTLER_SIM_SEEDS").unwrap_or(20));
    let mut tally = Tally::default();
    let seeds: Vec<u64> = (first..first + count).filter(|seed| seed % 2 == half).collect();
    for seed in &seeds {
        let plan = Plan::generate(*seed);
        match attempt(&plan) {
            Ok(one) => tally.add(&one),
            Err(why) => fail(&plan, &why),
        }
    }
    let count = seeds.len() as u64;
    println!("{count} seeds from {first}: {tally:#?}");
    // A simulation in which nothing can be done finds nothing: every request has been granted at least once.
    if count >= 20 {
        for request in ["POST 202", "POST /start 202", "POST /stop 202", "POST /restart 202", "POST /kill 202"] {
            assert!(tally.answers.contains_key(request), "{request} never happened: {tally:?}");
        }
        assert!(tally.runs > 5 * count && tally.events > 50 * count, "{tally:?}");
    }
}

#[test]
fn whatever_happens_the_fleet_comes_to_be_as_it_is_wanted_with_even_seeds() {
    match std::env::var("OSTLER_SIM_REPLAY") {
        Ok(path) => drop(run(&read(&path.into())).unwrap()),
        Err(_) => whatever_happens(0),
    }
}

#[test]
fn whatever_happens_the_fleet_comes_to_be_as_it_is_wanted_with_odd_seeds() {
    if std::env::var_os("OSTLER_SIM_REPLAY").is_none() {
        whatever_happens(1);
    }
}

#[test]
fn plans_that_failed_once_pass() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        run(&read(path)).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    }
}

#[test]
fn plans_are_saved_and_read_back_as_they_are() {
    let plan = Plan::generate(7);
    assert_eq!(plan, Plan::generate(7));
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn five_hundred_workloads_survive_a_restart_a_partition_and_a_crash() {
    let sim = SimClock::new();
    let runtime = sim.runtime();
    runtime.block_on(async {
        let mut world = World::new(sim.clone(), 4, 20, &[]).await;
        for _ in 0..500 {
            world.apply(&Op::Create { node: None, start: true }).await;
        }
        world.apply(&Op::RestartServer { away: Millis::secs(3) }).await;
        for node in 0..7 {
            world.apply(&Op::Weather { node, weather: Weather::partitioned() }).await;
        }
        for node in 5..12 {
            world.apply(&Op::CrashAgent { node }).await;
        }
        world.apply(&Op::CrashMachine { node: 15 }).await;
        world.pause(Millis::secs(45)).await;
        for workload in (0..500).step_by(10) {
            world.apply(&Op::Stop { workload }).await;
            world.apply(&Op::Delete { workload: workload + 1, force: false }).await;
        }
        world.apply(&Op::RestartServer { away: Millis::secs(1) }).await;
        world.heal().await;
        world.calm(Millis::secs(3600)).await.unwrap();
        world.check().await.unwrap();
        assert_eq!(world.workloads().await.unwrap().len(), 450, "{:?}", world.answers);
        world.end().await;
    });
}
