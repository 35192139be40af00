//! Agents by the thousand: the real agent and the real link, over machines that are only simulated.

use crate::wait::until;
use anyhow::{Context, Result};
use ostler_agent::driver::sim::SimHost;
use ostler_agent::join::{Joining, join};
use ostler_agent::link::{self, HttpDial, Leases};
use ostler_agent::{Agent, Config, router};
use ostler_model::Secret;
use ostler_runtime::{Clock, Ids, Spawn};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Joins that are under way at once.
const AT_ONCE: usize = 16;

/// Lets `count` agents join and connect, prints how many seconds that took, and keeps them connected.
pub(super) async fn run(url: &str, key: &str, count: usize) -> Result<()> {
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let spawn = Spawn::new();
    let http = reqwest::Client::new();
    let folder = tempfile::tempdir()?;
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let began = Instant::now();
    let mut joins = JoinSet::new();
    for n in 0..count {
        let (url, key, http, gate) = (url.to_owned(), key.to_owned(), http.clone(), gate.clone());
        let (clock, ids, spawn) = (clock.clone(), ids.clone(), spawn.clone());
        let dir = folder.path().join(n.to_string());
        joins.spawn(async move {
            let _turn = gate.acquire().await?;
            one(n, &url, &key, &http, &dir, (clock, ids, spawn)).await.with_context(|| format!("agent {n}"))
        });
    }
    let mut agents = Vec::with_capacity(count);
    while let Some(joined) = joins.join_next().await {
        agents.push(joined??);
    }
    until("every agent's link to be open", || agents.iter().all(|agent| agent.state().open > 0)).await?;
    println!("{}", began.elapsed().as_secs_f64());
    std::future::pending().await
}

type Ground = (Clock, Ids, Spawn);

async fn one(
    n: usize,
    url: &str,
    key: &str,
    http: &reqwest::Client,
    dir: &std::path::Path,
    (clock, ids, spawn): Ground,
) -> Result<link::Links> {
    let made = http.post(format!("{url}/api/v1/workspaces/home/join-tokens")).bearer_auth(key).json(&json!({}));
    let made: Value = made.send().await?.error_for_status()?.json().await?;
    let token = Secret::new(made["token"].as_str().context("no token")?);
    let host = SimHost::new(clock.clone());
    let name = format!("stable-{n}");
    let facts = host.facts(&name);
    let dial = HttpDial::new(url)?;
    let joining =
        Joining { dir, url, token: &token, name: Some(name.parse()?), facts: facts.clone(), clock: &clock, ids: &ids };
    let identity = join(&dial, joining).await?;
    let config = Config { member: identity.member.clone(), facts };
    let agent = Agent::open(config, clock.clone(), ids.clone(), spawn.clone(), host.drivers()).await?;
    let leases = Arc::new(Leases::load(dir, &ids)?);
    let links = link::start(link::Config {
        identity: Arc::new(identity),
        leases,
        dial: Arc::new(dial),
        router: router(agent.clone()),
        count: 1,
        clock,
        ids,
        spawn,
    });
    agent.set_links(links.clone());
    Ok(links)
}
