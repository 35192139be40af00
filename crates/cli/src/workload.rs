//! `ostler workload`, and `ostler game`, which is the same for game servers.

use crate::api::{Api, ApiError};
use crate::show::{self, Column, clean};
use anyhow::{Result, bail};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What to do with workloads.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// All that you may see.
    List,
    /// One, by name or id.
    Get { name: String },
    /// Create from a template, and start.
    Create {
        /// A template's name; see `ostler template`.
        template: String,
        #[arg(long)]
        name: String,
        /// A variable of the template, as name=value. Repeat for more.
        #[arg(long = "set", value_parser = pair)]
        set: Vec<(String, String)>,
        /// `process` or `container`.
        #[arg(long)]
        runtime: Option<String>,
        /// Only create; start it later.
        #[arg(long)]
        no_start: bool,
        /// Wait until it is ready. The exit code says whether it became so.
        #[arg(long)]
        wait: bool,
    },
    /// Start.
    Start(Power),
    /// Ask it to stop.
    Stop(Power),
    /// Stop and start.
    Restart(Power),
    /// Stop without asking.
    Kill(Power),
    /// Delete it with everything it stored.
    Delete {
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[arg(long)]
        wait: bool,
    },
    /// Follow its output and type commands; Ctrl-C leaves.
    Console {
        name: String,
        /// Print the last lines and leave.
        #[arg(long)]
        lines: Option<u32>,
        /// Send one line and leave.
        #[arg(long)]
        command: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Power {
    name: String,
    /// Wait until it is so. The exit code says whether it became so.
    #[arg(long)]
    wait: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "write name=value".to_owned())
}

const COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("STATE", "state"),
    ("TEMPLATE", "template"),
    ("NODE", "node_name"),
    ("ADDRESS", "address"),
    ("PLAYERS", "players"),
    ("REASON", "reason"),
    ("ID", "id"),
];
/// Longest wait; a large download on a slow line is the slowest honest case.
const WAIT_MOST: Duration = Duration::from_secs(45 * 60);

pub(crate) async fn run(base: &str, args: Args) -> Result<()> {
    let api = Api::open()?;
    let json = args.json;
    match args.verb {
        Verb::List => show::list(&api.all(base, usize::MAX).await?, COLUMNS, json),
        Verb::Get { name } => {
            let id = api.find(base, &name, "wl_").await?;
            show::one(&api.get(&format!("{base}/{id}")).await?, COLUMNS, json)
        }
        Verb::Create { template, name, set, runtime, no_start, wait } => {
            let variables = variables(&api, &template, set).await?;
            let mut body = json!({"name": name, "template": template, "variables": variables, "start": !no_start});
            if let Some(runtime) = runtime {
                body["runtime"] = runtime.into();
            }
            let made = api.send(Method::POST, base, Some(&body)).await?;
            let id = made["target"].as_str().unwrap_or_default().to_owned();
            if wait {
                let target = if no_start { "stopped" } else { "running" };
                return show::one(&until(&api, base, &id, target).await?, COLUMNS, json);
            }
            show::one(&made, &[("Workload", "target"), ("Job", "job_id")], json)
        }
        Verb::Start(power) => self::power(&api, base, "start", "running", power, json).await,
        Verb::Stop(power) => self::power(&api, base, "stop", "stopped", power, json).await,
        Verb::Restart(power) => self::power(&api, base, "restart", "running", power, json).await,
        Verb::Kill(power) => self::power(&api, base, "kill", "stopped", power, json).await,
        Verb::Delete { name, yes, wait } => delete(&api, base, &name, yes, wait, json).await,
        Verb::Console { name, lines, command } => console(&api, base, &name, lines, command).await,
    }
}

/// Values as the template's types want them.
async fn variables(api: &Api, template: &str, set: Vec<(String, String)>) -> Result<Map<String, Value>> {
    let seen = api.get(&format!("/templates/{template}")).await?;
    let properties = &seen["variables_schema"]["properties"];
    let typed = |name: &str, text: String| match properties[name]["type"].as_str() {
        Some("integer") => text.parse::<i64>().map_or(Value::String(text), Value::from),
        Some("boolean") => text.parse::<bool>().map_or(Value::String(text), Value::from),
        _ => Value::String(text),
    };
    Ok(set.into_iter().map(|(name, text)| (name.clone(), typed(&name, text))).collect())
}

async fn power(api: &Api, base: &str, verb: &str, state: &str, power: Power, json: bool) -> Result<()> {
    let id = api.find(base, &power.name, "wl_").await?;
    let mut seen = api.send(Method::POST, &format!("{base}/{id}/{verb}"), None).await?;
    if power.wait {
        seen = until(api, base, &id, state).await?;
    }
    show::one(&seen, COLUMNS, json)
}

/// Waits for a state that the node has reported for the present wish.
async fn until(api: &Api, base: &str, id: &str, state: &str) -> Result<Value> {
    let progress = indicatif::ProgressBar::new_spinner();
    progress.enable_steady_tick(Duration::from_millis(100));
    let look = async {
        let mut every = tokio_stream::wrappers::IntervalStream::new(crate::api::ticks());
        while futures_util::StreamExt::next(&mut every).await.is_some() {
            let seen = api.get(&format!("{base}/{id}")).await?;
            let is_current = seen["observed_generation"].as_u64() >= seen["generation"].as_u64();
            let now = seen["state"].as_str().unwrap_or_default();
            progress.set_message(format!("{now} {}", clean(seen["reason"].as_str().unwrap_or_default())));
            if is_current && now == state {
                return Ok(seen);
            }
            if is_current && now == "failed" {
                bail!("it failed: {}", clean(seen["reason"].as_str().unwrap_or("for an unknown reason")));
            }
        }
        bail!("the clock has stopped")
    };
    let done = tokio::time::timeout(WAIT_MOST, look).await;
    progress.finish_and_clear();
    done.unwrap_or_else(|_| {
        Err(ApiError::Late(format!("it was not {state} within {} minutes", WAIT_MOST.as_secs() / 60)).into())
    })
}

async fn delete(api: &Api, base: &str, name: &str, yes: bool, wait: bool, json: bool) -> Result<()> {
    let id = api.find(base, name, "wl_").await?;
    if !yes {
        eprintln!("This deletes {name} and everything it stored. Type its name to go on:");
        let mut typed = String::new();
        std::io::stdin().read_line(&mut typed)?;
        if typed.trim() != name {
            bail!("nothing was deleted");
        }
    }
    let job = api.send(Method::DELETE, &format!("{base}/{id}"), None).await?;
    let Some(job_id) = job["job_id"].as_str().filter(|_| wait) else {
        return show::one(&job, &[("Job", "job_id")], json);
    };
    let done = tokio::time::timeout(WAIT_MOST, async {
        let mut every = tokio_stream::wrappers::IntervalStream::new(crate::api::ticks());
        while futures_util::StreamExt::next(&mut every).await.is_some() {
            let seen = api.get(&format!("/jobs/{job_id}")).await?;
            match seen["state"].as_str() {
                Some("succeeded") => return Ok(seen),
                Some("failed" | "cancelled") => {
                    bail!("it was not deleted: {}", seen["error"].as_str().unwrap_or("see its job"))
                }
                _ => {}
            }
        }
        bail!("the clock has stopped")
    });
    let seen = done.await.map_err(|_| ApiError::Late(format!("the job {job_id} goes on")))??;
    show::one(&seen, &[("Job", "id"), ("State", "state")], json)
}

async fn console(api: &Api, base: &str, name: &str, lines: Option<u32>, command: Option<String>) -> Result<()> {
    let id = api.find(base, name, "wl_").await?;
    let at = format!("{base}/{id}/console");
    if let Some(command) = command {
        return api.send(Method::POST, &format!("{at}/command"), Some(&json!({"command": command}))).await.map(drop);
    }
    let mut after = page(api, &at, &format!("limit={}", lines.unwrap_or(50).clamp(1, 1000))).await?;
    if lines.is_some() {
        return Ok(());
    }
    let mut typed = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(tokio::io::stdin()));
    let mut ticks = crate::api::ticks();
    let mut is_open = true;
    loop {
        tokio::select! {
            _ = ticks.tick() => after = page(api, &at, &format!("after={after}")).await?,
            line = typed.next_line(), if is_open => match line? {
                Some(line) if line.is_empty() => {}
                Some(line) => drop(api.send(Method::POST, &format!("{at}/command"), Some(&json!({"command": line}))).await?),
                None => is_open = false,
            },
        }
    }
}

/// Prints a page of lines and returns the last sequence number.
async fn page(api: &Api, at: &str, query: &str) -> Result<u64> {
    let page = api.get(&format!("{at}/lines?{query}")).await?;
    for line in page["lines"].as_array().into_iter().flatten() {
        show::print(&clean(line["text"].as_str().unwrap_or_default()))?;
    }
    Ok(page["last_seq"].as_u64().unwrap_or(0))
}
