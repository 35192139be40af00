//! `ostler node`: machines.

use crate::api::Api;
use crate::show::{self, Column};
use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

/// What to do with nodes.
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
    /// All nodes that you may see.
    List,
    /// One node.
    Get {
        /// Name or id.
        node: String,
    },
    /// Make a join token and print the command that adds a machine.
    Invite {
        /// The workspace; your first one when absent.
        #[arg(long, default_value = "home")]
        workspace: String,
    },
    /// Take no new workloads, or take them again.
    Drain {
        node: String,
        #[arg(long)]
        off: bool,
    },
    /// Forget a node that runs nothing any more.
    Delete { node: String },
}

const COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("STATE", "state"),
    ("SINCE", "since"),
    ("WORKLOADS", "workload_count"),
    ("ADDRESS", "facts.address"),
    ("OS", "facts.os"),
    ("SANDBOX", "facts.can.sandbox"),
    ("ENGINE", "facts.can.container_engine"),
    ("ID", "id"),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open()?;
    match args.verb {
        Verb::List => show::list(&api.all("/nodes", usize::MAX).await?, COLUMNS, args.json),
        Verb::Get { node } => {
            let id = api.find("/nodes", &node, "nd_").await?;
            let all: Vec<Column> = COLUMNS.iter().copied().chain([("NOT ENFORCED", "facts.can.notes")]).collect();
            show::one(&api.get(&format!("/nodes/{id}")).await?, &all, args.json)
        }
        Verb::Invite { workspace } => {
            let made =
                api.send(Method::POST, &format!("/workspaces/{workspace}/join-tokens"), Some(&json!({}))).await?;
            show::one(&made, &[("Run there", "command"), ("Until", "expires_at")], args.json)
        }
        Verb::Drain { node, off } => {
            let id = api.find("/nodes", &node, "nd_").await?;
            let body = json!({"is_draining": !off});
            show::one(&api.send(Method::PATCH, &format!("/nodes/{id}"), Some(&body)).await?, COLUMNS, args.json)
        }
        Verb::Delete { node } => {
            let id = api.find("/nodes", &node, "nd_").await?;
            api.send(Method::DELETE, &format!("/nodes/{id}"), None).await.map(drop)
        }
    }
}
