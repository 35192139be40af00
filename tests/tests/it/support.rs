//! What the stories share: making a workload, waiting for its end, and looking for what it left behind.

use anyhow::{Context, Result};
use ostler_e2e::{House, until_async};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const READY: Duration = Duration::from_secs(120);

/// Makes a workload from a template and waits until players can join it.
pub(crate) async fn create(house: &House, name: &str, template: &str, variables: Value) -> Result<String> {
    create_from(house, json!({"name": name, "template": template, "variables": variables})).await
}

/// The same, with everything that the request may say.
pub(crate) async fn create_from(house: &House, body: Value) -> Result<String> {
    house.wait("/nodes", Duration::from_secs(30), |page| page["items"][0]["state"] == "online").await?;
    let accepted = house.post("/game/servers", body).await?;
    let id = accepted["target"].as_str().with_context(|| format!("no target in {accepted}"))?.to_owned();
    house.wait(&format!("/workloads/{id}"), READY, |w| w["state"] == "running" && w["is_ready"] == true).await?;
    Ok(id)
}

pub(crate) async fn address(house: &House, id: &str) -> Result<String> {
    let seen = house.get(&format!("/workloads/{id}")).await?;
    Ok(format!("127.0.0.1:{}", seen["ports"]["game"]))
}

/// Processes on this machine whose command line mentions `needle`.
pub(crate) fn processes(needle: &str) -> BTreeSet<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains(needle)
        })
        .collect()
}

pub(crate) async fn gone(house: &House, id: &str) -> Result<()> {
    let path = format!("/workloads/{id}");
    until_async("the workload is gone", Duration::from_secs(60), async || {
        Ok(house.get(&path).await.is_err().then_some(()))
    })
    .await
    .with_context(|| house.log())
}

/// Nothing of the workload is left, a moment after the control plane has forgotten it: the agent forgets last.
pub(crate) async fn clean(house: &House, id: &str) -> Result<()> {
    until_async("nothing is left of the workload", Duration::from_secs(20), async || {
        let left = leftovers(house, id);
        if left.is_empty() { Ok(Some(())) } else { anyhow::bail!("{left:?}") }
    })
    .await
}

/// Everything on this machine that carries the workload's mark.
fn leftovers(house: &House, id: &str) -> Vec<String> {
    let short = id.trim_start_matches("wl_");
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![house.data(), "/sys/fs/cgroup".into()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let is_dir = entry.file_type().is_ok_and(|t| t.is_dir());
            if entry.file_name().to_string_lossy().contains(short) {
                found.push(entry.path().display().to_string());
            } else if is_dir {
                folders.push(entry.path());
            }
        }
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let tail = &short[short.len() - 8..];
    found.extend(passwd.lines().filter(|line| line.contains(short) || line.contains(tail)).map(str::to_owned));
    found.extend(processes(short).into_iter().map(|pid| format!("process {pid}")));
    found
}
