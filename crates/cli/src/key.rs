//! `ostler key`: API keys, for scripts and bots.

use crate::api::{Api, Common, KEY, WORKSPACE};
use crate::show::{self, As, Column};
use crate::wait;
use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// What to do with API keys. Without a word more, yours are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List your keys.
    List,
    /// Make a key. It can do at most what you can, and loses what you lose. Its secret is printed once.
    Create {
        /// What it is for; unique among your keys.
        label: String,
        /// A capability such as workload:operate or node:read. Repeat for more.
        #[arg(long = "can", value_name = "KIND:VERB", required_unless_present = "all")]
        can: Vec<String>,
        /// Everything that you can do yourself.
        #[arg(long, conflicts_with = "can")]
        all: bool,
        /// Only on this node or workload, by name or id; on anything else by its id. Repeat for more.
        #[arg(long, value_name = "THING", conflicts_with = "in_workspace")]
        only: Vec<String>,
        /// Only in this workspace.
        #[arg(long, value_name = "WORKSPACE")]
        in_workspace: Option<String>,
        /// Only from this network, for example 192.0.2.0/24. Repeat for more.
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<String>,
        /// At most this many requests a minute.
        #[arg(long, value_name = "REQUESTS_PER_MINUTE", value_parser = clap::value_parser!(u32).range(1..))]
        rate: Option<u32>,
        /// Let it end by itself after this long, for example 30d.
        #[arg(long, value_name = "SPAN", value_parser = wait::span)]
        expires: Option<Duration>,
    },
    /// Give a key a new secret; the old one ends at once.
    Rotate {
        /// Label or id.
        key: String,
    },
    /// Delete a key; it ends at once.
    Delete {
        /// Label or id.
        key: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

const LIST: &[Column] = &[
    ("LABEL", "label", As::Text),
    ("BEGINS", "prefix", As::Text),
    ("MADE", "created_at", As::Ago),
    ("USED", "last_used_at", As::Ago),
    ("FROM", "last_used_from", As::Text),
    ("EXPIRES", "expires_at", As::Ago),
    ("REACH", "scope", As::Text),
    ("NETWORKS", "networks", As::Text),
    ("PER MINUTE", "requests_per_minute", As::Text),
    ("CAPABILITIES", "capabilities", As::Text),
    ("ID", "id", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => show::list(&api.all("/keys", 1000).await?, LIST, json),
        Verb::Create { label, can, all, only, in_workspace, networks, rate, expires } => {
            let mut body = json!({"label": label, "capabilities": can});
            if let Some(workspace) = in_workspace {
                body["scope"] = json!({"workspace": api.find(&WORKSPACE, &workspace).await?});
            } else if !only.is_empty() {
                let mut ids = Vec::new();
                for what in &only {
                    ids.push(crate::team::thing(&api, what).await?);
                }
                body["scope"] = json!({"only": ids});
            }
            if !networks.is_empty() {
                body["networks"] = json!(networks);
            }
            if let Some(rate) = rate {
                body["requests_per_minute"] = rate.into();
            }
            if let Some(span) = expires {
                body["expires_at"] = json!(crate::ground::now() + crate::login::millis(span));
            }
            let made = if all {
                serde_json::to_value(crate::login::strongest(&api.client, body).await?)?
            } else {
                api.send(Method::POST, "/keys", Some(&body)).await?
            };
            secret(&made, json)
        }
        Verb::Rotate { key } => {
            let id = api.find(&KEY, &key).await?;
            secret(&api.send(Method::POST, &format!("/keys/{id}/rotate"), None).await?, json)
        }
        Verb::Delete { key, yes } => {
            let id = api.find(&KEY, &key).await?;
            crate::confirm(&key, "Whatever uses this key stops working at once.", yes)?;
            api.send(Method::DELETE, &format!("/keys/{id}"), None).await.map(drop)
        }
    }
}

/// The secret alone on standard output, so that it can be piped to where it belongs.
fn secret(made: &Value, json: bool) -> Result<()> {
    if json {
        return show::print(&serde_json::to_string_pretty(made)?);
    }
    show::note("Keep it now; it is never shown again:");
    show::print(&show::text(&made["secret"]))
}
