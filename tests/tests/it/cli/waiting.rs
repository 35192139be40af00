//! `--wait`: the exit code is that of the end, and an end that is not the wanted one says where to look.

use super::person::{Person, both};
use ostler_e2e::{House, until};
use std::time::Duration;

#[tokio::test]
async fn waiting_tells_done_failed_and_late_apart() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    let node = ada.json(&["node", "list"])[0]["name"].as_str().unwrap().to_owned();
    ada.ok(&["node", "wait", &node, "--timeout", "30s"]);
    ada.fails(6, &["node", "invite", "--wait", "--timeout", "1s"], "ostler node invites");

    // A program that does not want to end.
    let deaf = ["--set", "program=/bin/sh", "--set", "arguments=-c\ntrap '' TERM; while :; do sleep 1; done"];
    let made = ada.json(&[&["game", "create", "process", "--name", "Deaf", "--wait"], &deaf[..]].concat());
    let id = made["id"].as_str().unwrap();
    ada.fails(6, &["game", "stop", "Deaf", "--wait", "--timeout", "1s"], &format!("ostler game get {id}"));
    ada.fails(6, &["workload", "stop", "Deaf", "--wait", "--timeout", "1s"], &format!("ostler workload get {id}"));
    assert_eq!(ada.json(&["game", "kill", "Deaf", "--wait"])["state"], "stopped");

    let broken = ["--set", "program=/bin/sh", "--set", "arguments=-c\necho no such luck; exit 3"];
    ada.run(&[&["game", "create", "process", "--name", "Broken", "--wait"], &broken[..]].concat());
    // Under load it is seen in the moment in which it runs, and then that is the truth.
    let said = until("a start is told as failed", Duration::from_secs(60), || {
        let out = ada.run(&["game", "restart", "Broken", "--wait"]);
        Ok((out.status.code() == Some(1)).then(|| both(&out)))
    })
    .unwrap();
    let hint =
        said.split("What it printed: ostler ").nth(1).unwrap_or_else(|| panic!("{said}")).lines().next().unwrap();
    let printed = ada.ok(&hint.split(' ').chain(["--lines", "20"]).collect::<Vec<_>>());
    assert!(printed.contains("no such luck"), "the hint is a command that helps: {printed}");

    let big = ["game", "create", "process", "--name", "Big", "--set", "program=sleep", "--memory", "900G", "--wait"];
    ada.fails(5, &big, "ostler node invite");
    ada.fails(2, &["game", "stop", "Deaf", "--wait", "--timeout", "soon"], "10m");
    ada.fails(3, &["job", "wait", "job_none"], "not_found");
}
