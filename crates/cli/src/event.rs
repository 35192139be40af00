//! `ostler event`: what happened, and what happens.

use crate::api::{Api, Common};
use crate::show::{self, As, Column, text};
use anyhow::Result;
use clap::Subcommand;
use ostler_wire::client::with_query;
use serde_json::Value;

/// What to do with events. Without a word more, the newest are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List events, newest first.
    List {
        #[command(flatten)]
        which: Which,
        /// Only about the thing with this id.
        #[arg(long)]
        subject: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Print events as they happen, one per line; comes back by itself after a cut. Ctrl-C leaves.
    Follow {
        #[command(flatten)]
        which: Which,
        /// Begin after this sequence number instead of now.
        #[arg(long)]
        after: Option<u64>,
        /// Leave after this many.
        #[arg(long)]
        count: Option<u64>,
    },
}

#[derive(Debug, Default, clap::Args)]
struct Which {
    /// Only of these nouns, for example workload,job.
    #[arg(long)]
    topics: Option<String>,
}

const LIST: &[Column] = &[
    ("SEQ", "seq", As::Text),
    ("WHEN", "at", As::Ago),
    ("WHAT", "type", As::Text),
    ("STATE", "state", As::Text),
    ("NAME", "name", As::Text),
    ("ID", "id", As::Text),
    ("BY", "actor", As::Text),
    ("REASON", "reason", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List { which: Which::default(), subject: None, limit: 50 }) {
        Verb::List { which, subject, limit } => {
            let filters = [("topics", which.topics.as_deref()), ("subject", subject.as_deref())];
            let filters: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, v)| Some((name, v?))).collect();
            show::list(&api.all(&with_query(&api.within("/events"), &filters), limit).await?, LIST, json)
        }
        Verb::Follow { which, after, count } => {
            let after = after.map(|n| n.to_string());
            let workspace = api.common.workspace.clone();
            let filters =
                [("topics", which.topics.as_deref()), ("workspace", workspace.as_deref()), ("after", after.as_deref())];
            let filters: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, v)| Some((name, v?))).collect();
            let path = with_query("/events/stream", &filters);
            tokio::select! {
                done = follow(&api, &path, count) => done,
                done = tokio::signal::ctrl_c() => Ok(done?),
            }
        }
    }
}

async fn follow(api: &Api, path: &str, count: Option<u64>) -> Result<()> {
    let mut events = api.client.events(path);
    let mut seen = 0;
    while count.is_none_or(|count| seen < count) {
        let frame = events.next().await?;
        if frame.event == "reset" {
            show::note("— some events are too old to be kept; going on from now —");
            continue;
        }
        if api.common.json {
            show::print(&frame.data)?;
        } else {
            show::print(&line(&serde_json::from_str(&frame.data)?))?;
        }
        seen += 1;
    }
    Ok(())
}

/// Time, what, to whom, how, by whom.
fn line(event: &Value) -> String {
    let words = ["at", "type", "name", "id", "state", "step", "reason"].map(|key| text(&event[key]));
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("{}  ({})", words.join("  "), text(&event["actor"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_what_and_who() {
        let event = serde_json::json!({
            "seq": 4, "at": "2026-01-01T00:00:00.000Z", "type": "workload.created", "id": "wl_1", "name": "World", "actor": "ada",
        });
        assert_eq!(line(&event), "2026-01-01T00:00:00.000Z  workload.created  World  wl_1  (ada)");
    }
}
