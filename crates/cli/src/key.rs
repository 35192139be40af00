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
        #[command(flatten)]
        reach: Reach,
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
    /// Change what a key may do, from the next request on. What is not named stays, and so does its secret.
    Edit {
        /// Label or id.
        key: String,
        #[command(flatten)]
        change: Box<Change>,
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

/// Which things a key reaches.
#[derive(Debug, clap::Args)]
struct Reach {
    /// Only on this node or workload, by name or id; on anything else by its id. Repeat for more.
    #[arg(long, value_name = "THING", conflicts_with = "in_workspace")]
    only: Vec<String>,
    /// Only in this workspace.
    #[arg(long, value_name = "WORKSPACE")]
    in_workspace: Option<String>,
}

impl Reach {
    /// As the API spells it. Nothing when nothing was said.
    async fn scope(&self, api: &Api) -> Result<Option<Value>> {
        if let Some(workspace) = &self.in_workspace {
            return Ok(Some(json!({"workspace": api.find(&WORKSPACE, workspace).await?})));
        }
        let mut ids = Vec::new();
        for what in &self.only {
            ids.push(crate::team::thing(api, what).await?);
        }
        Ok(if ids.is_empty() { None } else { Some(json!({"only": ids})) })
    }
}

/// What of a key becomes something else.
#[derive(Debug, clap::Args)]
struct Change {
    /// The new label.
    #[arg(long)]
    label: Option<String>,
    /// What it may do from now on, instead of what it did. Repeat for more.
    #[arg(long = "can", value_name = "KIND:VERB")]
    can: Vec<String>,
    #[command(flatten)]
    reach: Reach,
    /// On everything that you reach.
    #[arg(long, conflicts_with_all = ["only", "in_workspace"])]
    anywhere: bool,
    /// Only from this network, instead of those before. Repeat for more.
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,
    /// From every network.
    #[arg(long, conflicts_with = "networks")]
    any_network: bool,
    /// At most this many requests a minute.
    #[arg(long, value_name = "REQUESTS_PER_MINUTE", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// As many requests as anybody.
    #[arg(long, conflicts_with = "rate")]
    any_rate: bool,
    /// Let it end by itself this long from now, for example 30d.
    #[arg(long, value_name = "SPAN", value_parser = wait::span)]
    expires: Option<Duration>,
    /// Let it live until it is deleted.
    #[arg(long, conflicts_with = "expires")]
    never_expires: bool,
}

impl Change {
    /// Only what was said: the rest stays.
    async fn body(self, api: &Api) -> Result<Value> {
        let mut body = json!({});
        if let Some(label) = self.label {
            body["label"] = label.into();
        }
        if !self.can.is_empty() {
            body["capabilities"] = self.can.into();
        }
        if self.anywhere {
            body["scope"] = "all".into();
        } else if let Some(scope) = self.reach.scope(api).await? {
            body["scope"] = scope;
        }
        if self.any_network || !self.networks.is_empty() {
            body["networks"] = self.networks.into();
        }
        if self.any_rate || self.rate.is_some() {
            body["requests_per_minute"] = self.rate.into();
        }
        if self.never_expires {
            body["expires_at"] = Value::Null;
        } else if let Some(span) = self.expires {
            body["expires_at"] = end(span);
        }
        Ok(body)
    }
}

/// When something ends that lives this long from now.
fn end(span: Duration) -> Value {
    json!(crate::ground::now() + crate::login::millis(span))
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
        Verb::Create { label, can, all, reach, networks, rate, expires } => {
            let mut body = json!({"label": label, "capabilities": can});
            if let Some(scope) = reach.scope(&api).await? {
                body["scope"] = scope;
            }
            if !networks.is_empty() {
                body["networks"] = json!(networks);
            }
            if let Some(rate) = rate {
                body["requests_per_minute"] = rate.into();
            }
            if let Some(span) = expires {
                body["expires_at"] = end(span);
            }
            let made = if all {
                serde_json::to_value(crate::login::strongest(&api.client, body).await?)?
            } else {
                api.send(Method::POST, "/keys", Some(&body)).await?
            };
            secret(&made, json)
        }
        Verb::Edit { key, change } => {
            let id = api.find(&KEY, &key).await?;
            let body = change.body(&api).await?;
            show::one(&api.send(Method::PATCH, &format!("/keys/{id}"), Some(&body)).await?, LIST, json)
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
