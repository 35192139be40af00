//! `ostler match`: lockstep multiplayer matches.

mod watch;

use crate::api::{Api, Common, pick};
use crate::exit::Trouble;
use crate::show::{self, As, Column, clean, text};
use crate::wait;
use anyhow::Result;
use clap::Subcommand;
use ostler_wire::client::{ClientError, with_query};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What to do with matches. Without a word more, lobbies and running ones are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List lobbies and running matches.
    List {
        /// Finished ones instead.
        #[arg(long)]
        archived: bool,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// List the games that matches can be made of.
    Titles,
    /// Make a private match, and print where players go.
    Create {
        /// One of `ostler match titles`.
        title: String,
        /// A field of its configuration, for example --set startDelay=5. Repeat for more.
        #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = field)]
        set: Vec<(String, Value)>,
    },
    /// Show a match: who is there, and how it is configured.
    Show {
        /// Its id.
        id: String,
    },
    /// Change a lobby's configuration. What you leave out stays, except hostCheats: omitted means CLEARED.
    Configure {
        /// Its id.
        id: String,
        /// A field, for example --set maxPlayers=4; null unsets it. Repeat for more.
        #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = field, required = true)]
        set: Vec<(String, Value)>,
    },
    /// Start a lobby after its startDelay.
    Start {
        /// Its id.
        id: String,
        /// Take it back.
        #[arg(long)]
        cancel: bool,
    },
    /// Pause a running match.
    Pause {
        /// Its id.
        id: String,
        /// Let it go on.
        #[arg(long)]
        resume: bool,
    },
    /// Put a player out, for good.
    Kick {
        /// The match's id.
        id: String,
        /// The player's id in it, as `ostler match show` says it.
        client: String,
    },
    /// End a match. It is archived.
    End {
        /// Its id.
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Print a match's turns as they are closed; of a finished one, as they were. Ctrl-C leaves.
    Watch {
        /// Its id.
        id: String,
        /// The first turn to print.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Also the turns in which nothing happens.
        #[arg(long)]
        empty: bool,
    },
    /// Print a finished match as JSON: configuration, names, every turn, winner.
    Archive {
        /// Its id.
        id: String,
    },
}

/// A match that was ended is written down within moments.
const ARCHIVED: Duration = Duration::from_secs(20);

const LIST: &[Column] = &[
    ("ID", "id", As::Text),
    ("TITLE", "title", As::Text),
    ("STATE", "phase", As::State),
    ("PLAYERS", "players", As::Text),
    ("BY", "made_by", As::Text),
    ("AT", "worker_path", As::Text),
    ("MADE", "created_at", As::Ago),
    ("STARTED", "started_at", As::Ago),
    ("ENDED", "ended_at", As::Ago),
];

const TITLES: &[Column] = &[
    ("TITLE", "id", As::Text),
    ("NAME", "name", As::Text),
    ("TURN MS", "turn_ms", As::Text),
    ("FROM", "min_players", As::Text),
    ("TO", "max_players", As::Text),
];

const PLAYERS: &[Column] =
    &[("CLIENT", "clientID", As::Text), ("NAME", "username", As::Text), ("CLAN", "clanTag", As::Text)];

/// `startDelay=5`; what is JSON is taken as such, everything else as text.
fn field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write FIELD=VALUE")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List { archived: false, limit: 50 }) {
        Verb::List { archived, limit } => {
            let state = if archived { "archived" } else { "live" };
            show::list(&api.all(&with_query(&api.within("/matches"), &[("state", state)]), limit).await?, LIST, json)
        }
        Verb::Titles => {
            let titles = api.get("/matches/titles").await?;
            show::list(titles["items"].as_array().map_or(&[][..], Vec::as_slice), TITLES, json)
        }
        Verb::Create { title, set } => {
            let titles = api.get("/matches/titles").await?;
            let title = pick("title", "id", &title, titles["items"].as_array().map_or(&[][..], Vec::as_slice))?;
            let body = json!({"title": title, "config": set.into_iter().collect::<Map<_, _>>()});
            let made = api.send(Method::POST, &api.within("/matches"), Some(&body)).await?;
            tell(&made, json)?;
            if !json {
                // A socket is where its page is, with the scheme of sockets.
                let base = api.client.base().replacen("http", "ws", 1);
                let base = base.trim_end_matches('/');
                show::note(&format!("Players join at {base}/{}", text(&made["match"]["worker_path"])));
            }
            Ok(())
        }
        Verb::Show { id } => tell(&known(&id, api.get(&at(&id)?).await)?, json),
        Verb::Configure { id, set } => {
            let body = json!({"config": set.into_iter().collect::<Map<_, _>>()});
            tell(&known(&id, api.send(Method::PATCH, &at(&id)?, Some(&body)).await)?, json)
        }
        Verb::Start { id, cancel } => act(&api, &id, "start", &json!({"is_set": !cancel})).await,
        Verb::Pause { id, resume } => {
            let body = json!({"paused": !resume});
            known(&id, api.send(Method::POST, &format!("{}/pause", at(&id)?), Some(&body)).await)?;
            // Only the match itself says whether it is paused.
            tell(&api.get(&at(&id)?).await?, json)
        }
        Verb::Kick { id, client } => act(&api, &id, "kick", &json!({"client": client})).await,
        Verb::End { id, yes } => {
            crate::confirm(&id, "Everybody in it is put out; it cannot be resumed.", yes)?;
            known(&id, api.send(Method::DELETE, &at(&id)?, None).await)?;
            archived(&api, &id).await
        }
        Verb::Watch { id, from, empty } => {
            let path = format!("{}/socket?watch=true&from={from}&pace_ms=0", at(&id)?);
            tokio::select! {
                done = watch::watch(&api, &path, empty) => known(&id, done),
                // Leaving is what was wanted, and no failure.
                done = tokio::signal::ctrl_c() => Ok(done?),
            }
        }
        Verb::Archive { id } => show::print(&known(&id, api.get(&format!("{}/archive", at(&id)?)).await)?.to_string()),
    }
}

/// Ids of matches are plain letters and digits; anything else would be another path.
fn at(id: &str) -> Result<String> {
    if id.len() == 8 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(format!("/matches/{id}"));
    }
    Err(Trouble::NotFound(format!("{id} is no match's id; see `ostler match list`")).into())
}

async fn act(api: &Api, id: &str, verb: &str, body: &Value) -> Result<()> {
    tell(&known(id, api.send(Method::POST, &format!("{}/{verb}", at(id)?), Some(body)).await)?, api.common.json)
}

/// Says where matches are found when there is none with this id. A player who is not in it is another matter.
fn known<T>(id: &str, done: Result<T>) -> Result<T> {
    done.map_err(|error| match error.downcast_ref::<ClientError>().and_then(ClientError::refusal) {
        Some((_, "not_found")) => {
            let lists = "see `ostler match list`, or `ostler match list --archived`";
            Trouble::NotFound(format!("there is no match {id} that you may see; {lists}")).into()
        }
        _ => error,
    })
}

/// Waits until the control plane has seen the end, so that the next command finds the archive.
async fn archived(api: &Api, id: &str) -> Result<()> {
    let path = at(id)?;
    let late = || format!("it ends, and is not archived yet; see: ostler match show {id}");
    wait::until(ARCHIVED, late, async || Ok((api.get(&path).await?["match"]["phase"] == "finished").then_some(())))
        .await
}

fn tell(detail: &Value, json: bool) -> Result<()> {
    if json {
        return show::print(&serde_json::to_string_pretty(detail)?);
    }
    show::one(&detail["match"], LIST, false)?;
    if let Some(ms) = detail["info"]["msUntilStart"].as_u64() {
        show::print(&format!("Starts in {} s", ms.div_ceil(1000)))?;
    }
    if detail["stats"]["isPaused"] == true {
        show::print("Paused; --resume lets it go on")?;
    }
    if let Some(config) = detail["info"]["gameConfig"].as_object() {
        let each = config.iter().map(|(name, value)| format!("{name}={}", clean(&value.to_string())));
        show::print(&format!("Configured {}", each.collect::<Vec<_>>().join(" ")))?;
    }
    match detail["info"]["clients"].as_array() {
        Some(clients) if !clients.is_empty() => show::list(clients, PLAYERS, false),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_json_where_they_can_be() {
        assert_eq!(field("bots=7"), Ok(("bots".into(), json!(7))));
        assert_eq!(field("gameMap=World"), Ok(("gameMap".into(), json!("World"))));
        assert_eq!(field("hostCheats={\"gold\":true}"), Ok(("hostCheats".into(), json!({"gold": true}))));
        assert_eq!(field("maxTimerValue=null"), Ok(("maxTimerValue".into(), Value::Null)));
        assert!(field("bots").is_err() && field("=7").is_err());
    }

    #[test]
    fn only_ids_become_paths() {
        assert_eq!(at("aB3dE5gH").unwrap(), "/matches/aB3dE5gH");
        for wrong in ["", "../users", "aB3dE5g/", "aB3dE5gHx"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
