//! `ostler bot`: programs that make matches by a key of their own.

use crate::api::{Api, Common, Noun};
use crate::show::{self, As, Column};
use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

/// What to do with bots. Without a word more, the workspace's are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the workspace's bots.
    List,
    /// Make a bot. It sees the matches that it makes, and no others. Its key is printed once.
    Create {
        /// Unique in the workspace; the trail shows it as bot:<name>.
        name: String,
        /// A title that it may make matches of; all, when absent. Repeat for more.
        #[arg(long = "title", value_name = "TITLE")]
        titles: Vec<String>,
        /// Requests a minute; 0 for no limit of its own.
        #[arg(long, default_value_t = 600)]
        per_minute: u32,
    },
    /// Give a bot a new key; the old one ends at once.
    Rotate {
        /// Name or id.
        bot: String,
    },
    /// Delete a bot; its key ends at once, its matches go on.
    Delete {
        /// Name or id.
        bot: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

const BOT: Noun = Noun { word: "bot", list: "/bots", prefix: "bot_", name: "name", is_in_workspace: true };

const LIST: &[Column] = &[
    ("NAME", "name", As::Text),
    ("BEGINS", "prefix", As::Text),
    ("TITLES", "titles", As::Text),
    ("A MINUTE", "per_minute", As::Text),
    ("MADE", "created_at", As::Ago),
    ("USED", "last_used_at", As::Ago),
    ("ID", "id", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => show::list(&api.all(&api.within("/bots"), 1000).await?, LIST, json),
        Verb::Create { name, titles, per_minute } => {
            let body = json!({"name": name, "titles": titles, "per_minute": per_minute});
            secret(&api.send(Method::POST, &api.within("/bots"), Some(&body)).await?, json)
        }
        Verb::Rotate { bot } => {
            let id = api.find(&BOT, &bot).await?;
            secret(&api.send(Method::POST, &format!("/bots/{id}/rotate"), None).await?, json)
        }
        Verb::Delete { bot, yes } => {
            let id = api.find(&BOT, &bot).await?;
            crate::confirm(&bot, "Whatever uses its key stops working at once.", yes)?;
            api.send(Method::DELETE, &format!("/bots/{id}"), None).await.map(drop)
        }
    }
}

/// The key alone on standard output, so that it can be piped to where it belongs.
fn secret(made: &Value, json: bool) -> Result<()> {
    if json {
        return show::print(&serde_json::to_string_pretty(made)?);
    }
    show::note("Keep it now; it is never shown again. It goes into the header x-admin-bot-key:");
    show::print(&show::text(&made["secret"]))
}
