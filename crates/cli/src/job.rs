//! `ostler job`: long operations.

use crate::api::{Api, Common};
use crate::show::{self, As, Column};
use crate::wait;
use anyhow::Result;
use clap::Subcommand;
use ostler_wire::client::{escape, with_query};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// What to do with jobs. Without a word more, the newest are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List jobs, newest first.
    List {
        /// Only of this kind, for example workload.provision.
        #[arg(long)]
        kind: Option<String>,
        /// Only those that work on the thing with this id.
        #[arg(long)]
        target: Option<String>,
        /// Only those that have not ended.
        #[arg(long)]
        open: bool,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one with its steps and its log.
    Get {
        /// Its id.
        id: String,
    },
    /// Wait for its end. The exit code says how it ended.
    Wait {
        /// Its id.
        id: String,
        /// At most this long, for example 90s, 10m or 1h.
        #[arg(long, value_name = "SPAN", default_value = "45m", value_parser = wait::span)]
        timeout: Duration,
    },
    /// Stop it and take back what it did, until its point of no return.
    Cancel {
        /// Its id.
        id: String,
    },
}

const LIST: &[Column] = &[
    ("ID", "id", As::Text),
    ("KIND", "kind", As::Text),
    ("STATE", "state", As::State),
    ("DONE", "progress", As::Percent),
    ("BY", "created_by", As::Text),
    ("MADE", "created_at", As::Ago),
    ("TARGET", "target", As::Text),
    ("ERROR", "error", As::Text),
];

const ONE: &[Column] = &[
    ("Id", "id", As::Text),
    ("Kind", "kind", As::Text),
    ("Target", "target", As::Text),
    ("State", "state", As::State),
    ("Done", "progress", As::Percent),
    ("Error", "error", As::Text),
    ("By", "created_by", As::Text),
    ("Made", "created_at", As::Ago),
    ("Started", "started_at", As::Ago),
    ("Finished", "finished_at", As::Ago),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List { kind: None, target: None, open: false, limit: 50 }) {
        Verb::List { kind, target, open, limit } => {
            let filters =
                [("kind", kind.as_deref()), ("target", target.as_deref()), ("is_final", open.then_some("false"))];
            let filters: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, v)| Some((name, v?))).collect();
            show::list(&api.all(&with_query(&api.within("/jobs"), &filters), limit).await?, LIST, json)
        }
        Verb::Get { id } => detail(&api.get(&format!("/jobs/{}", escape(&id))).await?, json),
        Verb::Wait { id, timeout } => detail(&wait::job(&api, &escape(&id), timeout).await?, json),
        Verb::Cancel { id } => {
            let seen = api.send(Method::POST, &format!("/jobs/{}/cancel", escape(&id)), None).await?;
            show::one(&seen, ONE, json)
        }
    }
}

fn detail(seen: &Value, json: bool) -> Result<()> {
    show::one(seen, ONE, json)?;
    if json {
        return Ok(());
    }
    for step in seen["steps"].as_array().into_iter().flatten() {
        show::print(&format!("Step {}: {}", show::text(&step["name"]), show::text(&step["state"])))?;
    }
    for line in seen["log"].as_array().into_iter().flatten() {
        show::print(&format!("{}  {}", show::text(&line["at"]), show::text(&line["text"])))?;
    }
    Ok(())
}
