//! `ostler up` as somebody meets it: one command, a game to join, Ctrl-C, and everything still there the next time.

use std::process::Command;
use std::time::{Duration, Instant};

use ostler_e2e::{House, luanti, until};

use crate::support::{READY, clean, gone, processes};

/// What a second start may take.
const SECOND: Duration = Duration::from_secs(2);
/// Starts that are timed; the fastest counts, because other tests run beside this one.
const TIMES: usize = 3;

fn after<'a>(log: &'a str, words: &str) -> Option<&'a str> {
    log.rsplit_once(words).map(|(_, rest)| rest)
}

#[tokio::test]
async fn one_command_brings_a_demo_to_join_that_outlives_ctrl_c_and_is_taken_over() {
    whole_life(House::start("up", &[]).await.unwrap()).await;
}

#[tokio::test]
async fn it_is_the_same_on_postgresql() {
    let Ok(admin) = std::env::var("OSTLER_TEST_POSTGRES") else {
        assert!(std::env::var_os("CI").is_none(), "OSTLER_TEST_POSTGRES must be set in CI");
        eprintln!("SKIPPED: no PostgreSQL. Set OSTLER_TEST_POSTGRES to a superuser's URL.");
        return;
    };
    let name = format!("ostler_up_{}", std::process::id());
    sql(&admin, &format!("CREATE DATABASE {name} TEMPLATE template0"));
    let (before, query) = admin.split_once('?').unwrap_or((admin.as_str(), ""));
    let (server, _) = before.rsplit_once('/').unwrap();
    let url = format!("{server}/{name}?{query}");
    let house = House::start_with("up", &[], &[("OSTLER_DATABASE_URL", url.as_str())]).await.unwrap();
    assert!(!house.data().join("server/ostler.db").exists(), "nothing is kept beside it");
    whole_life(house).await;
    sql(&admin, &format!("DROP DATABASE {name} WITH (FORCE)"));
}

/// What is printed is for the person who started it; what happens is in the file, one line a fact, and here when asked for.
#[tokio::test]
async fn f29_the_summary_is_undisturbed_and_the_log_is_in_its_file() {
    let mut house = House::start("up", &["--no-demo"]).await.unwrap();
    let path = house.data().join("ostler.log");
    let log = until("the node's link is in the log", READY, || {
        let log = std::fs::read_to_string(&path).unwrap_or_default();
        Ok(log.contains("a link is open").then_some(log))
    })
    .unwrap();
    for line in log.lines() {
        let mut parts = line.split(' ');
        assert!(parts.next().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')), "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains("}:"), "neither colours nor prefixes of spans: {line}");
    }
    let printed = house.log();
    assert!(printed.contains("  Panel  ") && printed.contains("  Log  ") && printed.contains("  Stop  "), "{printed}");
    assert!(!printed.contains(" INFO ") && !printed.contains(" WARN ") && !printed.contains('\u{1b}'), "{printed}");

    // Whoever starts a second one there learns on the terminal why it cannot be.
    let port = house.url().rsplit(':').next().unwrap().to_owned();
    let listen = format!("127.0.0.1:{port}");
    let args = ["up", "--no-demo", "--data", "other", "--listen", &listen];
    let out = Command::new(ostler_e2e::ostler().unwrap()).args(args).current_dir(house.dir()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.starts_with("ostler: could not listen on 127.0.0.1:"), "{said}");

    house.server.as_mut().unwrap().signal("INT").unwrap();
    house.server.as_mut().unwrap().ended(Duration::from_secs(20)).unwrap();
    let mut asked = House::start_with("up", &["--no-demo"], &[("OSTLER_LOG_TO", "stderr")]).await.unwrap();
    assert!(asked.log().contains(" INFO ostler_server::start: listening"), "{}", asked.log());
    asked.server.as_mut().unwrap().signal("INT").unwrap();
    asked.server.as_mut().unwrap().ended(Duration::from_secs(20)).unwrap();
}

fn sql(url: &str, text: &str) {
    let out = Command::new("psql").args([url, "-v", "ON_ERROR_STOP=1", "-qc", text]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

async fn whole_life(mut house: House) {
    let said = until("the demo game runs", READY, || {
        let log = house.log();
        Ok(after(&log, "join it with Luanti at port ").map(str::to_owned))
    })
    .unwrap();
    let port = said.split(' ').next().unwrap().to_owned();
    let id = said.split(['(', ')']).nth(1).unwrap().to_owned();
    let address = format!("127.0.0.1:{port}");
    assert_eq!(luanti::handshake(&address, "ada", Duration::from_secs(20)).unwrap().player, "ada");
    let game = processes(&format!("--port {port} "));
    assert!(!game.is_empty());

    let mut fastest = Duration::MAX;
    for _ in 0..TIMES {
        let stopped = house.server.as_mut().unwrap();
        stopped.signal("INT").unwrap();
        let end = stopped.ended(Duration::from_secs(20)).unwrap();
        assert!(end.success(), "{end}\n{}", house.log());
        assert!(house.log().contains("Stopping. Games go on"), "{}", house.log());
        assert_eq!(luanti::handshake(&address, "bob", Duration::from_secs(20)).unwrap().player, "bob");
        let began = Instant::now();
        house.resume().await.unwrap();
        fastest = fastest.min(began.elapsed());
    }
    assert!(fastest < SECOND, "a second start took {fastest:?}");

    house.wait(&format!("/workloads/{id}"), READY, |w| w["state"] == "running").await.unwrap();
    assert_eq!(processes(&format!("--port {port} ")), game, "it was taken over, not started again");
    let all = house.get("/workloads").await.unwrap();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1), "one demo, not two: {all}");

    // Deleted once is deleted for good.
    house.delete(&format!("/workloads/{id}")).await.unwrap();
    gone(&house, &id).await.unwrap();
    clean(&house, &id).await.unwrap();
}
