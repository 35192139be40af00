//! `ostler template`: what workloads are made from.

use crate::api::{Api, Common};
use crate::complete;
use crate::show::{self, As, Column};
use anyhow::Result;
use clap::Subcommand;
use ostler_wire::client::escape;

/// What to do with templates. Without a word more, they are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all templates.
    List,
    /// Show one with its variables.
    Get {
        /// Its name.
        #[arg(add = complete::templates())]
        name: String,
        /// Print its YAML instead.
        #[arg(long)]
        source: bool,
    },
}

const LIST: &[Column] = &[
    ("NAME", "template.name", As::Text),
    ("TITLE", "template.title", As::Text),
    ("KIND", "template.kind", As::Text),
    ("SUMMARY", "template.summary", As::Text),
];

const ONE: &[Column] = &[
    ("Name", "template.name", As::Text),
    ("Title", "template.title", As::Text),
    ("Summary", "template.summary", As::Text),
    ("Memory", "template.limits.memory_bytes", As::Bytes),
    ("Processors", "template.limits.cpu_millis", As::Cpu),
];

const VARIABLES: &[Column] = &[
    ("VARIABLE", "name", As::Text),
    ("TYPE", "type", As::Text),
    ("DEFAULT", "default", As::Text),
    ("MEANING", "title", As::Text),
    ("", "help", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => show::list(&api.all("/templates", 1000).await?, LIST, json),
        Verb::Get { name, source } => {
            let seen = api.get(&format!("/templates/{}", escape(&name))).await?;
            if source {
                return show::print(seen["source"].as_str().unwrap_or_default().trim_end());
            }
            show::one(&seen, ONE, json)?;
            let variables = seen["template"]["variables"].as_array().cloned().unwrap_or_default();
            if json || variables.is_empty() {
                return Ok(());
            }
            show::print("")?;
            show::list(&variables, VARIABLES, false)
        }
    }
}
