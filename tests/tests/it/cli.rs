//! The command line as scripts and people use it: the built program, a real control plane, exit codes that tell the truth.

mod completion;
mod matches;
mod people;
mod person;
mod spaces;
mod waiting;

use std::path::Path;
use std::process::Command;

use ostler_e2e::{EMAIL, House, ostler};
use person::{Person, both};
use serde_json::Value;

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_person_signs_in_works_and_leaves_nothing_behind() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    ada.fails(4, &["node", "list"], "ostler login");
    let wrong = ada.type_in(&["login", &ada.url, "--email", EMAIL, "--password-stdin"], "not this one");
    assert_eq!(wrong.status.code(), Some(4), "{}", both(&wrong));
    let said = ada.log_in();
    assert!(said.status.success() && !both(&said).contains("ost_"), "the key is not shown: {}", both(&said));
    let file = ada.home.path().join(".config/ostler/config.toml");
    assert_eq!(mode(&file), 0o600, "nobody else reads the key");
    // A second sign-in replaces the first one's key instead of piling keys up.
    assert!(ada.log_in().status.success());
    let keys = ada.json(&["key", "list"]);
    assert_eq!(
        keys.as_array().unwrap().iter().filter(|k| k["label"].as_str().unwrap().starts_with("ostler on")).count(),
        1
    );

    let nodes = ada.json(&["node", "list"]);
    let node = nodes[0]["name"].as_str().unwrap().to_owned();
    ada.ok(&["node", "wait", &node]);
    // A workload by name, waiting for the truth, in both senses.
    let words = ["game", "create", "process", "--name", "Clock", "--set", "program=sleep", "--set", "arguments=600"];
    let made = ada.json(&[&words[..], &["--memory", "64M", "--wait"]].concat());
    assert_eq!((&made["state"], &made["limits"]["memory_bytes"]), (&"running".into(), &(64 << 20).into()), "{made}");
    ada.fails(5, &words, "name is already taken");
    ada.fails(2, &["game", "create", "process", "--name", "Other", "--set", "prgram=sleep"], "program");
    ada.fails(3, &["game", "create", "proces", "--name", "Other"], "ostler template list");
    ada.fails(3, &["game", "stop", "Clok"], "Clock");
    let words = ["game", "create", "process", "--name", "Broken", "--set", "program=/bin/false", "--wait"];
    ada.fails(1, &words, "");
    assert_eq!(ada.json(&["game", "stop", "clock", "--wait"])["state"], "stopped", "names are found in any case");
    let set = ada.json(&["game", "set", "Clock", "--set", "arguments=700", "--rename", "Hourglass"]);
    assert_eq!((&set["name"], &set["variables"]["arguments"]), (&"Hourglass".into(), &"700".into()));
    assert_eq!(ada.json(&["game", "start", "Hourglass", "--wait"])["state"], "running");
    let stats = ada.ok(&["game", "stats", "Hourglass", "--once", "--json"]);
    assert!(serde_json::from_str::<Value>(stats.trim()).is_ok(), "{stats}");
    // Without an answer nothing is deleted.
    ada.fails(1, &["game", "delete", "Hourglass"], "--yes");
    let wrong = ada.type_in(&["game", "delete", "Hourglass"], "Clock");
    assert_eq!(wrong.status.code(), Some(1), "{}", both(&wrong));
    ada.ok(&["game", "delete", "Hourglass", "--yes", "--wait"]);
    ada.ok(&["game", "delete", "Broken", "--yes", "--wait"]);
    ada.fails(3, &["game", "get", "Hourglass"], "Hourglass");
    let jobs = ada.json(&["job", "list", "--kind", "workload.remove"]);
    assert_eq!(jobs.as_array().unwrap().len(), 2, "{jobs}");
    ada.fails(5, &["job", "cancel", jobs[0]["id"].as_str().unwrap()], "");

    ada.ok(&["logout"]);
    ada.fails(4, &["key", "list"], "ostler login");
    let left = house.get("/keys").await.unwrap();
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "the key went back: {left}");
}

#[tokio::test]
async fn every_noun_answers_in_tables_and_in_json() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    for noun in ["node", "game", "workload", "template", "job", "key", "workspace", "event", "audit"] {
        assert!(ada.json(&[noun, "list"]).is_array(), "{noun}");
        ada.ok(&[noun, "list"]);
    }
    // A key: its secret alone on standard output, weaker than its owner, gone when deleted.
    let secret = ada.ok(&["key", "create", "reader", "--can", "node:read", "--expires", "1h"]);
    let secret = secret.trim();
    assert!(secret.starts_with("ost_") && !secret.contains(char::is_whitespace));
    let with_key = |words: &[&str]| {
        let mut command = ada.command(words);
        command.env("OSTLER_URL", &ada.url).env("OSTLER_KEY", secret).output().unwrap().status.code()
    };
    assert_eq!(with_key(&["node", "list"]), Some(0));
    assert_eq!(with_key(&["key", "create", "more", "--can", "node:write"]), Some(4));
    let fresh = ada.ok(&["key", "rotate", "reader"]);
    assert!(fresh.trim() != secret && with_key(&["node", "list"]) == Some(4), "the old secret ends");
    ada.ok(&["key", "delete", "reader", "--yes"]);
    ada.fails(2, &["key", "create", "x", "--can", "node:rule"], "kind:verb");

    ada.ok(&["workspace", "create", "The Barn", "--slug", "barn"]);
    ada.fails(5, &["workspace", "create", "Another", "--slug", "barn"], "taken");
    assert_eq!(ada.json(&["workspace", "members", "barn"])[0]["role"], "owner");
    ada.fails(5, &["workspace", "leave", "barn", EMAIL], "owner");
    assert!(ada.json(&["game", "list", "--workspace", "barn"]).as_array().unwrap().is_empty());
    ada.fails(3, &["game", "list", "--workspace", "bran"], "");
    ada.ok(&["workspace", "delete", "barn", "--yes"]);
    let entries = ada.json(&["audit", "--platform", "--action", "key.rotate"]);
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    // Events from the past are followed as they were.
    let lines = ada.ok(&["event", "follow", "--after", "0", "--count", "3", "--json"]);
    assert_eq!(lines.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 3, "{lines}");
    ada.fails(2, &["node", "delete"], "Usage");
    let nobody = Command::new(ostler().unwrap())
        .args(["node", "list"])
        .env("OSTLER_URL", "http://127.0.0.1:9")
        .env("OSTLER_KEY", "ost_none")
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(7), "{}", both(&nobody));
}

#[tokio::test]
async fn a_backup_made_while_it_runs_brings_everything_back() {
    let house = House::start("server", &[]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    ada.ok(&["workspace", "create", "Kept", "--slug", "kept"]);
    let data = house.data();
    let copy = ada.home.path().join("copy.db");
    let back_up = ["server", "--data", data.to_str().unwrap(), "backup", copy.to_str().unwrap()];
    ada.ok(&back_up);
    assert_eq!(mode(&copy), 0o600);
    ada.fails(1, &back_up, "never overwrites");
    ada.fails(1, &["server", "--data", "/nonexistent/ostler", "backup", "x.db"], "--data");
    ada.ok(&["workspace", "create", "Lost", "--slug", "lost"]);
    // As on another machine: the copy and the key, nothing else.
    let other = ada.home.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(&copy, other.join("ostler.db")).unwrap();
    std::fs::copy(data.join("master.key"), other.join("master.key")).unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap().to_string();
    let args = ["server", "--data", other.to_str().unwrap(), "--listen", &address];
    let _second = ostler_e2e::Running::start(ada.home.path(), "second", &args).unwrap();
    let url = format!("http://{address}");
    let key = std::fs::read_to_string(ada.home.path().join(".config/ostler/config.toml")).unwrap();
    let key = key.split("key = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let found = ostler_e2e::until("the copy serves", std::time::Duration::from_secs(20), || {
        let out =
            ada.command(&["workspace", "list", "--json"]).env("OSTLER_URL", &url).env("OSTLER_KEY", &key).output()?;
        Ok(out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned()))
    })
    .unwrap();
    assert!(found.contains("kept") && !found.contains("lost"), "{found}");
}

#[tokio::test]
async fn a_machine_leaves_only_when_nothing_is_left_on_it() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ada = Person::new(&house);
    assert!(ada.log_in().status.success());
    let node = ada.json(&["node", "list"])[0]["name"].as_str().unwrap().to_owned();
    ada.ok(&["node", "wait", &node]);
    let state = house.data().join("agent");
    let data = house.data().join("workloads");
    let leave = ["agent", "leave", "--state-dir", state.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    ada.fails(1, &leave, "stop the agent first");
    let run = ["agent", "run", "--state-dir", state.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    ada.fails(1, &run, "another agent runs");
    let mut house = house;
    let mut server = house.server.take().unwrap();
    server.signal("TERM").unwrap();
    server.ended(std::time::Duration::from_secs(20)).unwrap();
    assert!(ada.ok(&leave).contains(&node));
    ada.fails(1, &leave, "no node");
    assert!(!state.join("node.key").exists(), "the next join makes a new node");
}
