//! `ostler node`: machines, and how they join.

use crate::api::{Api, Common, NODE};
use crate::complete;
use crate::show::{self, As, Column};
use crate::wait::{self, Moving};
use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// What to do with nodes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all nodes that you may see.
    List,
    /// Show one, with what it can and cannot enforce.
    Get(One),
    /// Make a join token and print the command that adds a machine.
    Invite {
        /// A reminder of what it is for.
        #[arg(long)]
        label: Option<String>,
        /// How long it can be used, for example 1h (at most 24h).
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = wait::span)]
        expires: Duration,
        /// Wait until the machine has joined and its agent is connected.
        #[arg(long)]
        wait: bool,
        /// With --wait: at most this long.
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = wait::span)]
        timeout: Duration,
    },
    /// List join tokens, used and unused.
    Invites,
    /// Take a join token back.
    Uninvite {
        /// The token's id, from `ostler node invites`.
        id: String,
    },
    /// Take no new workloads; those that run go on.
    Drain {
        #[command(flatten)]
        one: One,
        /// Take new workloads again.
        #[arg(long)]
        off: bool,
    },
    /// Give it another name.
    Rename {
        #[command(flatten)]
        one: One,
        /// Letters, digits and dashes.
        to: String,
    },
    /// Let the next machine that shows this node's key be the node: after its disk was restored from a backup, or moved.
    /// Stop the machine that is the node now first.
    Accept(One),
    /// Wait until its agent is connected.
    Wait {
        #[command(flatten)]
        one: One,
        /// At most this long.
        #[arg(long, value_name = "SPAN", default_value = "5m", value_parser = wait::span)]
        timeout: Duration,
    },
    /// Forget a node that runs nothing any more.
    Delete {
        #[command(flatten)]
        one: One,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
struct One {
    /// Name or id.
    #[arg(add = complete::nodes())]
    node: String,
}

const LIST: &[Column] = &[
    ("NAME", "name", As::Text),
    ("STATE", "state", As::State),
    ("SINCE", "since", As::Ago),
    ("DRAINING", "is_draining", As::YesNo),
    ("WORKLOADS", "workload_count", As::Text),
    ("RESERVED", "reserved_memory_bytes", As::Bytes),
    ("MEMORY", "facts.memory_bytes", As::Bytes),
    ("CPUS", "facts.cpu_count", As::Text),
    ("ADDRESS", "facts.address", As::Text),
    ("ENGINE", "facts.can.container_engine", As::Text),
];

const ONE: &[Column] = &[
    ("Name", "name", As::Text),
    ("Id", "id", As::Text),
    ("State", "state", As::State),
    ("Since", "since", As::Ago),
    ("Joined", "joined_at", As::Ago),
    ("Draining", "is_draining", As::YesNo),
    ("Workloads", "workload_count", As::Text),
    ("Reserved memory", "reserved_memory_bytes", As::Bytes),
    ("Reserved cpu", "reserved_cpu_millis", As::Cpu),
    ("Memory", "facts.memory_bytes", As::Bytes),
    ("Processors", "facts.cpu_count", As::Text),
    ("Disk", "facts.disk_bytes", As::Bytes),
    ("Address", "facts.address", As::Text),
    ("Ports", "facts.port_range", As::Text),
    ("System", "facts.os", As::Text),
    ("Kernel", "facts.kernel", As::Text),
    ("Agent", "facts.agent_version", As::Text),
    ("Sandbox", "facts.can.sandbox", As::Text),
    ("Limits by", "facts.can.cgroups", As::Text),
    ("Containers", "facts.can.container_engine", As::Text),
    ("Packages", "facts.can.packages", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb {
        Verb::List => {
            let all = api.all(&api.within("/nodes"), 10_000).await?;
            show::list(&all, LIST, json)?;
            // What is wrong goes to standard error, where a script that reads the table does not stumble over it.
            for node in all.iter().filter(|_| !json) {
                for warning in node["warnings"].as_array().into_iter().flatten() {
                    show::note(&format!("Warning: {}: {}", show::text(&node["name"]), show::text(warning)));
                }
            }
            Ok(())
        }
        Verb::Get(one) => {
            let seen = api.get(&path(&api, &one).await?).await?;
            show::one(&seen, ONE, json)?;
            warn(&seen, json)?;
            for note in seen["facts"]["can"]["notes"].as_array().filter(|_| !json).into_iter().flatten() {
                show::print(&format!("Note: {}", show::text(note)))?;
            }
            Ok(())
        }
        Verb::Invite { label, expires, wait, timeout } => invite(&api, label, expires, wait.then_some(timeout)).await,
        Verb::Invites => {
            let path = format!("/workspaces/{}/join-tokens", api.workspace().await?);
            const COLUMNS: &[Column] = &[
                ("ID", "id", As::Text),
                ("LABEL", "label", As::Text),
                ("MADE", "created_at", As::Ago),
                ("EXPIRES", "expires_at", As::Ago),
                ("USED", "used_at", As::Ago),
                ("NODE", "node", As::Text),
            ];
            show::list(&api.all(&path, 1000).await?, COLUMNS, json)
        }
        Verb::Uninvite { id } => {
            let id = ostler_wire::client::escape(&id);
            api.send(Method::DELETE, &format!("/join-tokens/{id}"), None).await.map(drop)
        }
        Verb::Drain { one, off } => change(&api, &one, json!({"is_draining": !off})).await,
        Verb::Accept(one) => change(&api, &one, json!({"accept_next": true})).await,
        Verb::Rename { one, to } => change(&api, &one, json!({"name": to})).await,
        Verb::Wait { one, timeout } => {
            let path = path(&api, &one).await?;
            let moving = Moving::new();
            let late = || format!("{} was not online in time", one.node);
            let seen = wait::until(timeout, late, async || {
                let seen = api.get(&path).await?;
                moving.say(&show::text(&seen["state"]));
                Ok((seen["state"] == "online").then_some(seen))
            });
            let seen = seen.await?;
            drop(moving);
            show::one(&seen, ONE, json)
        }
        Verb::Delete { one, yes } => {
            let path = path(&api, &one).await?;
            crate::confirm(&one.node, "This forgets the node; its agent is turned away from now on.", yes)?;
            api.send(Method::DELETE, &path, None).await.map(drop)
        }
    }
}

fn warn(seen: &Value, json: bool) -> Result<()> {
    for warning in seen["warnings"].as_array().filter(|_| !json).into_iter().flatten() {
        show::print(&format!("Warning: {}", show::text(warning)))?;
    }
    Ok(())
}

async fn path(api: &Api, one: &One) -> Result<String> {
    Ok(format!("/nodes/{}", api.find(&NODE, &one.node).await?))
}

async fn change(api: &Api, one: &One, body: Value) -> Result<()> {
    let seen = api.send(Method::PATCH, &path(api, one).await?, Some(&body)).await?;
    show::one(&seen, ONE, api.common.json)
}

async fn invite(api: &Api, label: Option<String>, expires: Duration, wait: Option<Duration>) -> Result<()> {
    let tokens = format!("/workspaces/{}/join-tokens", api.workspace().await?);
    let mut body = json!({"expires_in_secs": expires.as_secs()});
    if let Some(label) = label {
        body["label"] = label.into();
    }
    let made = api.send(Method::POST, &tokens, Some(&body)).await?;
    if api.common.json && wait.is_none() {
        return show::print(&serde_json::to_string_pretty(&made)?);
    }
    show::note("Run this on the machine, as root:");
    if api.common.json {
        // The only JSON on standard output is the node, at the end.
        show::note(&show::text(&made["command"]));
    } else {
        show::print(&show::text(&made["command"]))?;
    }
    let Some(limit) = wait else {
        show::note(&format!("It can be used once, for {}.", words(expires)));
        return Ok(());
    };
    let moving = Moving::new();
    moving.say("waiting for the machine");
    let id = show::text(&made["id"]);
    let seen = wait::until(
        limit,
        || "no machine has joined in time; the command above stays good: ostler node invites".to_owned(),
        async || {
            let all = api.all(&tokens, 1000).await?;
            let Some(node) = all.iter().find(|t| t["id"] == id.as_str()).and_then(|t| t["node"].as_str()) else {
                return Ok(None);
            };
            moving.say("it has joined, and is connecting");
            let seen = api.get(&format!("/nodes/{node}")).await?;
            Ok((seen["state"] == "online").then_some(seen))
        },
    );
    let seen = seen.await?;
    drop(moving);
    show::one(&seen, ONE, api.common.json)
}

fn words(span: Duration) -> String {
    match span.as_secs() {
        secs if secs % 3600 == 0 => format!("{} h", secs / 3600),
        secs if secs % 60 == 0 => format!("{} min", secs / 60),
        secs => format!("{secs} s"),
    }
}
