//! `ostler node`: machines, and how they join.

use crate::api::{Api, Common, NODE};
use crate::complete;
use crate::factor::in_person;
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
    /// Say how far processes must at least be isolated to start there. Less than now asks for your password.
    Isolation {
        #[command(flatten)]
        one: One,
        /// `full`, `shared_network`, or `none`: then workloads see and change the whole machine.
        #[arg(value_parser = ["full", "shared_network", "none"])]
        min: String,
    },
    /// Forget a node that runs nothing any more.
    Delete {
        #[command(flatten)]
        one: One,
        /// The machine is lost for good: forget what was on it, too, and print what may still run there. Asks for your
        /// password.
        #[arg(long)]
        forget: bool,
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
    ("PROBLEM", "problem", As::Text),
    ("ISOLATION", "facts.can.isolation", As::Text),
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
    ("Isolation", "facts.can.isolation", As::Text),
    ("Demands at least", "min_isolation", As::Text),
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
            let mut all = api.all(&api.within("/nodes"), 10_000).await?;
            if !json {
                all.iter_mut().for_each(name_problems);
            }
            show::list(&all, LIST, json)
        }
        Verb::Get(one) => {
            let seen = api.get(&path(&api, &one).await?).await?;
            for problem in seen["problems"].as_array().filter(|_| !json).into_iter().flatten() {
                show::print(&format!(
                    "Problem: {} {}",
                    show::text(&problem["message"]),
                    show::text(&problem["remedy"])
                ))?;
            }
            show::one(&seen, ONE, json)?;
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
        Verb::Isolation { one, min } => isolation(&api, &one, &min).await,
        Verb::Delete { one, forget: true, yes } => forget(&api, &one, yes).await,
        Verb::Delete { one, forget: false, yes } => {
            let path = path(&api, &one).await?;
            crate::confirm(&one.node, "This forgets the node; its agent is turned away from now on.", yes)?;
            api.send(Method::DELETE, &path, None).await.map(drop)
        }
    }
}

/// Says how far processes must be isolated; less than now in a session that begins with the password.
async fn isolation(api: &Api, one: &One, min: &str) -> Result<()> {
    let path = path(api, one).await?;
    let (body, order) = (json!({"min_isolation": min}), ["none", "shared_network", "full"]);
    let before = api.get(&path).await?;
    let rank = |word: &str| order.iter().position(|level| *level == word);
    let seen = if rank(min) < rank(&show::text(&before["min_isolation"])) {
        // A key must not open a machine to workloads: a stolen one would get further.
        in_person(api, async |session| Ok(session.patch(&path, &body).await?)).await?
    } else {
        api.send(Method::PATCH, &path, Some(&body)).await?
    };
    show::one(&seen, ONE, api.common.json)
}

/// Forgets a node that is lost, with everything on it.
async fn forget(api: &Api, one: &One, yes: bool) -> Result<()> {
    let path = path(api, one).await?;
    let name = show::text(&api.get(&path).await?["name"]);
    let what = "This forgets the node and every workload on it, without removing anything from the machine.";
    crate::confirm(&name, what, yes)?;
    let body = json!({"confirm": name});
    let gone: Value =
        in_person(api, async |session| Ok(session.post(&format!("{path}/forget"), Some(&body)).await?)).await?;
    left_behind(gone["left"].as_array().map(Vec::as_slice).unwrap_or_default(), &gone, api.common.json)
}

/// Prints what may be left on machines that were forgotten.
pub(crate) fn left_behind(left: &[Value], gone: &Value, json: bool) -> Result<()> {
    const COLUMNS: &[Column] = &[
        ("WORKLOAD", "name", As::Text),
        ("ID", "workload", As::Text),
        ("MACHINE", "machine", As::Text),
        ("MAY RUN", "may_run", As::YesNo),
        ("AS", "runtime", As::Text),
        ("VOLUMES", "volumes", As::Text),
        ("PORTS", "ports", As::Text),
    ];
    if json {
        return show::print(&serde_json::to_string_pretty(gone)?);
    }
    if left.is_empty() {
        return show::print("Forgotten; nothing was on it.");
    }
    show::note("Forgotten. This may still be on the machine:");
    show::list(left, COLUMNS, false)
}

/// What is wrong with a node, in the words of its problems, for the list.
fn name_problems(node: &mut Value) {
    let codes: Vec<String> =
        node["problems"].as_array().into_iter().flatten().map(|p| show::text(&p["code"])).collect();
    node["problem"] = codes.join(", ").into();
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
