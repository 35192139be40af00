//! Workspaces from their making to their end, and keys with limits, by commands.

use super::person::{Person, both};
use ostler_e2e::{House, until};
use serde_json::json;
use std::time::Duration;

const RUN: [&str; 7] = ["game", "create", "process", "--set", "program=sleep", "--set", "arguments=600"];

async fn start() -> (House, Person) {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    let node = ada.json(&["node", "list"])[0]["name"].as_str().unwrap().to_owned();
    ada.ok(&["node", "wait", &node]);
    (house, ada)
}

#[tokio::test]
async fn a_workspace_is_archived_restored_and_deleted_only_when_that_is_meant() {
    let (_house, ada) = start().await;
    let home = ada.json(&["workspace", "list"])[0]["slug"].as_str().unwrap().to_owned();
    let made = ada.json(&["workspace", "create", "Race Team", "--timezone", "Europe/Berlin"]);
    assert_eq!((&made["slug"], &made["timezone"]), (&json!("race-team"), &json!("Europe/Berlin")));
    assert_eq!(ada.json(&["workspace", "create", "Race Team"])["slug"], "race-team-2");
    ada.fails(2, &["workspace", "create", "X", "--timezone", "Mars/Base"], "Europe/Berlin");
    ada.ok(&["workspace", "set", "race-team", "--slug", "racing", "--name", "Racing"]);
    ada.fails(3, &["workspace", "archive", "race-team"], "race-team-2, racing");

    // The one that is meant when none is named.
    ada.ok(&["workspace", "use", "racing"]);
    ada.ok(&[&RUN[..], &["--name", "Clock", "--wait"]].concat());
    assert!(ada.json(&["game", "list", "--workspace", &home]).as_array().unwrap().is_empty());
    ada.fails(5, &["workspace", "archive", "racing"], "workloads: Clock");
    ada.fails(5, &["workspace", "delete", "racing", "--yes"], "workloads: Clock");
    ada.ok(&["game", "stop", "Clock", "--wait"]);
    let archived = ada.json(&["workspace", "archive", "racing"]);
    assert!(archived["archived_at"].is_string(), "{archived}");
    assert!(ada.ok(&["workspace"]).contains("ARCHIVED"));
    assert_eq!(ada.json(&["game", "get", "Clock"])["state"], "stopped", "it can be read");
    let changes: [&[&str]; 5] = [
        &["game", "start", "Clock"],
        &["workspace", "archive", "racing"],
        &["workspace", "rename", "racing", "Faster"],
        &["role", "create", "X", "--can", "node:read"],
        &["key", "create", "x", "--can", "workload:read", "--in-workspace", "racing"],
    ];
    for words in changes {
        ada.fails(5, words, "ostler workspace restore");
    }
    assert!(ada.json(&["workspace", "restore", "racing"])["archived_at"].is_null());
    ada.fails(5, &["workspace", "restore", "racing"], "not archived");
    assert_eq!(ada.json(&["game", "get", "Clock"])["state"], "stopped", "what was stopped stays stopped");
    assert_eq!(ada.json(&["game", "start", "Clock", "--wait"])["state"], "running");
    ada.ok(&["game", "delete", "Clock", "--yes", "--wait"]);

    ada.fails(1, &["workspace", "delete", "racing"], "--yes");
    let wrong = ada.type_in(&["workspace", "delete", "racing"], "racing-2");
    assert_eq!(wrong.status.code(), Some(1), "{}", both(&wrong));
    let id = made["id"].as_str().unwrap();
    ada.fails(2, &["workspace", "delete", id, "--yes"], "--confirm racing");
    ada.fails(2, &["workspace", "delete", id, "--yes", "--confirm", "home"], "racing");
    let typed = ada.type_in(&["workspace", "delete", id], "racing");
    assert!(typed.status.success(), "its short name is asked for: {}", both(&typed));
    ada.fails(3, &["workspace", "members", "racing"], "race-team-2");
    ada.ok(&["workspace", "delete", "race-team-2", "--yes"]);
    assert_eq!(ada.json(&["workspace", "list"]).as_array().unwrap().len(), 1);
    ada.ok(&["game", "list"]);
}

#[tokio::test]
async fn a_key_reaches_no_further_than_its_limits() {
    let (_house, ada) = start().await;
    ada.ok(&[&RUN[..], &["--name", "Clock", "--wait"]].concat());
    ada.ok(&[&RUN[..], &["--name", "Other", "--wait"]].concat());
    ada.ok(&["workspace", "create", "The Barn", "--slug", "barn"]);
    let key = |words: &[&str]| ada.ok(&[&["key", "create"], words].concat()).trim().to_owned();

    let slow = key(&["slow", "--can", "node:read", "--rate", "3", "--network", "127.0.0.0/8", "--expires", "1h"]);
    for _ in 0..3 {
        assert_eq!(ada.with_key(&slow, &["node", "list"]).0, Some(0));
    }
    let (code, said) = ada.with_key(&slow, &["node", "list"]);
    assert!(code == Some(6) && said.contains("too_many_requests") && said.contains("seconds"), "{said}");
    let far = key(&["far", "--can", "node:read", "--network", "192.0.2.0/24", "--network", "2001:db8::/32"]);
    let (code, said) = ada.with_key(&far, &["node", "list"]);
    assert!(code == Some(4) && said.contains("networks"), "{said}");
    let clock = key(&["clock", "--can", "workload:operate", "--only", "clock"]);
    assert_eq!(ada.with_key(&clock, &["game", "stop", "Clock", "--wait"]).0, Some(0));
    let (code, said) = ada.with_key(&clock, &["game", "stop", "Other"]);
    assert!(code == Some(3) && said.contains("there is Clock"), "the other one is not there for it: {said}");
    let (code, said) = ada.with_key(&clock, &["game", "delete", "Clock", "--yes"]);
    assert!(code == Some(4) && said.contains("workload:write"), "{said}");
    let barn = key(&["barn", "--can", "workload:read", "--in-workspace", "barn"]);
    let (code, said) = ada.with_key(&barn, &["game", "list"]);
    assert!(code == Some(0) && said.contains("Nothing here yet"), "its own workspace is meant: {said}");
    let short = key(&["short", "--can", "node:read", "--expires", "1s"]);
    until("it has ended by itself", Duration::from_secs(10), || {
        Ok((ada.with_key(&short, &["node", "list"]).0 == Some(4)).then_some(()))
    })
    .unwrap();

    let table = ada.ok(&["key"]);
    for said in ["192.0.2.0/24, 2001:db8::/32", "PER MINUTE", "127.0.0.0/8"] {
        assert!(table.contains(said), "{table}");
    }
    let bad = ["key", "create", "bad", "--can", "node:read"];
    for (code, words, says) in [
        (2, ["--rate", "0"], "1.."),
        (2, ["--network", "192.0.2.0/99"], "192.0.2.0/24"),
        (2, ["--expires", "soon"], "90s"),
        (3, ["--in-workspace", "bran"], "barn"),
        (3, ["--only", "Clok"], "no workload or node called Clok"),
        (2, ["--can", "node:rule"], "kind:verb"),
    ] {
        ada.fails(code, &[&bad[..], &words[..]].concat(), says);
    }
    ada.fails(2, &["key", "create", "nothing"], "--can");
    let all = ada.json(&["key", "create", "everything", "--all"]);
    assert!(all["capabilities"].as_array().or(all["key"]["capabilities"].as_array()).unwrap().len() > 20, "{all}");
    let (code, said) = ada.with_key(&clock, &["key", "create", "more", "--all"]);
    assert_eq!(code, Some(4), "a key that may make no keys makes none: {said}");
    ada.fails(5, &["key", "create", "slow", "--can", "node:read"], "taken");
    let edit = |words: &[&str]| ada.json(&[&["key", "edit", "clock"], words].concat());
    let other = edit(&["--only", "other", "--rate", "600", "--network", "127.0.0.0/8", "--expires", "1h"]);
    assert_eq!((&other["requests_per_minute"], &other["networks"]), (&json!(600), &json!(["127.0.0.0/8"])));
    assert_eq!(ada.with_key(&clock, &["game", "stop", "Other", "--wait"]).0, Some(0), "its secret stays");
    assert_eq!(ada.with_key(&clock, &["game", "stop", "Clock"]).0, Some(3));
    let wide = edit(&["--anywhere", "--any-rate", "--any-network", "--never-expires", "--can", "workload:read"]);
    assert_eq!((&wide["scope"], &wide["expires_at"], &wide["networks"]), (&json!("all"), &json!(null), &json!([])));
    assert_eq!(ada.with_key(&clock, &["game", "list"]).0, Some(0));
    assert_eq!(ada.with_key(&clock, &["game", "stop", "Clock"]).0, Some(4));
    let gone = "wl_01j9zq3c8vdt4x0f5k2m7n6p1r";
    ada.fails(2, &["key", "edit", "clock", "--only", gone], gone);
    ada.fails(2, &["key", "create", "bad", "--can", "node:read", "--only", gone], gone);
    ada.fails(2, &["key", "edit", "clock", "--anywhere", "--only", "other"], "--only");
    ada.fails(3, &["key", "rotate", "sloww"], "slow");
    ada.ok(&["key", "delete", "slow", "--yes"]);
    assert_eq!(ada.with_key(&slow, &["node", "list"]).0, Some(4));
}
