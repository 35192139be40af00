//! An agent without any right over its machine: it does what it can, and says what it cannot.

use std::os::unix::fs::chown;
use std::time::Duration;

use anyhow::Result;
use ostler_e2e::{House, Running, folder, until_async};
use serde_json::{Value, json};

use crate::support::{READY, create, gone, processes};

/// `nobody`.
const NOBODY: u32 = 65534;

/// The agent of a folder, as nobody. `join` is its first words.
fn agent(dir: &std::path::Path, join: &[&str]) -> Result<Running> {
    let (state, data) = (dir.join("state").display().to_string(), dir.join("data").display().to_string());
    let mut args = vec!["agent"];
    args.extend(join);
    args.extend(["--state-dir", &state, "--data-dir", &data, "--address", "127.0.0.1", "--port-range", "27900-27907"]);
    Running::start_as(NOBODY, dir, "agent", &args)
}

async fn printed(house: &House, id: &str) -> Result<String> {
    let page = house.get(&format!("/workloads/{id}/console/lines")).await?;
    let lines = page["lines"].as_array().cloned().unwrap_or_default();
    Ok(lines.iter().filter_map(|line| line["text"].as_str()).collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn an_agent_that_is_not_root_runs_what_it_can_and_says_what_is_not_enforced() {
    let house = House::start("server", &[]).await.unwrap();
    let dir = folder().unwrap();
    chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let made = house.post("/workspaces/home/join-tokens", json!({})).await.unwrap();
    let mut first = agent(dir.path(), &["join", &house.url(), made["token"].as_str().unwrap()]).unwrap();

    // Where it cannot even make namespaces, its owner has to allow that by name.
    let is_there = |all: &Value| all["items"][0]["state"] == "online";
    let nodes = house.wait("/workspaces/home/nodes", READY, is_there).await.unwrap();
    let node = format!("/nodes/{}", nodes["items"][0]["id"].as_str().unwrap());
    house.patch_in_person(&node, json!({"min_isolation": "none"})).await.unwrap();

    let mark = format!("unprivileged-{}", std::process::id());
    let script = format!(
        "id -u; grep -E 'NoNewPrivs|CapEff' /proc/self/status; while read line; do echo heard $line; done # {mark}"
    );
    let id = create(&house, "Humble", "process", json!({"program": "sh", "arguments": format!("-c\n{script}")})).await;
    let id = id.unwrap_or_else(|error| panic!("{error:#}\n{}", log(dir.path())));
    let text = until_async("it has said who it is", READY, async || {
        Ok(Some(printed(&house, &id).await?).filter(|text| text.contains("NoNewPrivs")))
    });
    let text = text.await.unwrap();
    assert!(text.contains(&NOBODY.to_string()) && text.contains("NoNewPrivs:\t1"), "{text}");
    assert!(text.contains("CapEff:\t0000000000000000"), "{text}");

    // What is not enforced is said, where people look.
    let seen = house.get(&format!("/workloads/{id}")).await.unwrap();
    let reasons: Vec<&str> =
        seen["conditions"].as_array().unwrap().iter().filter_map(|c| c["reason"].as_str()).collect();
    assert!(reasons.contains(&"no_own_account"), "{seen:#}");
    let all = seen["conditions"].to_string();
    assert!(all.contains("not limited here") && all.contains("memory"), "{seen:#}");

    // Killed, it takes over what went on without it.
    let before = processes(&mark);
    assert!(!before.is_empty());
    first.signal("KILL").unwrap();
    first.ended(Duration::from_secs(10)).unwrap();
    let _second = agent(dir.path(), &["run"]).unwrap();
    let command = format!("/workloads/{id}/console/command");
    let heard = until_async("it hears again", READY, async || {
        let _: Result<Value> = house.post(&command, json!({"command": "hello"})).await;
        Ok(Some(printed(&house, &id).await.unwrap_or_default()).filter(|text| text.contains("heard hello")))
    });
    heard.await.unwrap_or_else(|error| panic!("{error:#}\n{}", log(dir.path())));
    assert_eq!(processes(&mark), before, "it was adopted, not started again");

    house.delete(&format!("/workloads/{id}")).await.unwrap();
    gone(&house, &id).await.unwrap();
    let left = until_async("nothing is left of it", Duration::from_secs(20), async || {
        let files = std::fs::read_dir(dir.path().join("data")).map_or(0, |all| {
            all.flatten()
                .filter(|entry| entry.file_name().to_string_lossy().contains(id.trim_start_matches("wl_")))
                .count()
        });
        Ok((processes(&mark).is_empty() && files == 0).then_some(()))
    });
    left.await.unwrap();
}

/// What the agent's account may read, its workloads, of the same account, may not: whatever else lies in its folders could be
/// a key or a database.
#[tokio::test]
async fn s2_workloads_of_an_agent_that_is_not_root_do_not_see_its_folders() {
    let house = House::start("server", &[]).await.unwrap();
    let dir = folder().unwrap();
    chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let made = house.post("/workspaces/home/join-tokens", json!({})).await.unwrap();
    let _agent = agent(dir.path(), &["join", &house.url(), made["token"].as_str().unwrap()]).unwrap();
    let (mine, pid) = (dir.path().display(), std::process::id());
    let script = format!(
        "exec 2>&1; cat {mine}/state/node.key; echo x > {mine}/state/node.key; ls {mine}/state; ls /proc/{pid}; cd; ls ../..; echo looked; \
         exec sleep 1000"
    );
    let id = create(&house, "Curious", "process", json!({"program": "sh", "arguments": format!("-c\n{script}")})).await;
    let id = id.unwrap_or_else(|error| panic!("{error:#}\n{}", log(dir.path())));
    let text = until_async("it has looked", READY, async || {
        Ok(Some(printed(&house, &id).await?).filter(|text| text.contains("looked")))
    });
    let text = text.await.unwrap();
    assert_eq!(
        text.matches("No such file or directory").count() + text.matches("Directory nonexistent").count(),
        4,
        "{text}"
    );
    assert!(dir.path().join("state/node.key").metadata().unwrap().len() > 10, "{text}");
    let seen = house.get(&format!("/workloads/{id}")).await.unwrap();
    assert!(seen["conditions"].to_string().contains("shares the machine's network"), "{seen:#}");
    house.delete(&format!("/workloads/{id}")).await.unwrap();
    gone(&house, &id).await.unwrap();
}

fn log(dir: &std::path::Path) -> String {
    std::fs::read_to_string(dir.join("agent.log")).unwrap_or_default()
}
