//! `ostler search`: find anything that you may see.

use crate::api::{Api, Common};
use crate::show::{self, As, Column};
use anyhow::Result;
use ostler_wire::client::with_query;
use serde_json::Value;

/// Pages that are asked for in vain before it is said that nothing more is found: each looks at thousands of entries.
const PAGES_MOST: usize = 20;

/// What is searched for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Words or beginnings of words, in any case and with or without accents; or an id. All have to be there.
    #[arg(required = true)]
    words: Vec<String>,
    /// Only things of this kind.
    #[arg(long, value_parser = ["workload", "node", "template", "member", "team", "user", "workspace", "key", "event"])]
    kind: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

const LIST: &[Column] = &[
    ("KIND", "kind", As::Text),
    ("TITLE", "title", As::Text),
    ("ABOUT", "subtitle", As::Text),
    ("ID", "id", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let words = args.words.join(" ");
    let size = args.limit.clamp(1, 50).to_string();
    let mut found: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MOST {
        let filters = [
            ("q", Some(words.as_str())),
            ("kind", args.kind.as_deref()),
            ("workspace", api.common.workspace.as_deref()),
            ("limit", Some(size.as_str())),
            ("cursor", cursor.as_deref()),
        ];
        let filters: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let page = api.get(&with_query("/search", &filters)).await?;
        found.extend(page["items"].as_array().cloned().unwrap_or_default());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() || found.len() >= args.limit {
            break;
        }
    }
    let is_more = cursor.is_some() || found.len() > args.limit;
    found.truncate(args.limit);
    if found.is_empty() && !api.common.json {
        return show::print("Nothing is called that. Try fewer letters, or only the beginning of a word.");
    }
    show::list(&found, LIST, api.common.json)?;
    if is_more && !api.common.json {
        show::note("There is more: add a word, or ask for more with --limit.");
    }
    Ok(())
}
