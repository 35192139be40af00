//! `ostler factor`: second factors, one's own and those that are demanded.
//!
//! What guards an account is not changed with this machine's key: whoever finds the key must not get further with it. Changes
//! therefore ask for the password (and a code, when there is a factor already) and use a session that ends with the command.

use crate::api::{Api, Common, WORKSPACE};
use crate::exit::Trouble;
use crate::ground::{ask, ask_secret};
use crate::show::{self, As, Column};
use crate::{complete, login};
use anyhow::Result;
use clap::Subcommand;
use ostler_wire::client::Client;
use reqwest::Method;
use serde_json::{Value, json};

/// What to do with second factors. Without a word more, yours are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List your factors, and who demands that you have one.
    List,
    /// Set up an authenticator app. Passkeys need a browser: add them in the panel.
    Setup {
        /// What to call it.
        #[arg(long)]
        label: Option<String>,
    },
    /// Make new recovery codes; the old ones end.
    Codes,
    /// Remove a factor of yours.
    Remove {
        /// Its label or id.
        factor: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Remove all factors of somebody who has lost them, and end their sessions.
    Reset {
        /// Their e-mail address.
        email: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Say, or look at, whether a second factor is demanded: of everybody, or in a workspace.
    Require {
        /// Demand one.
        #[arg(long, conflicts_with = "no")]
        yes: bool,
        /// Demand none any more.
        #[arg(long)]
        no: bool,
        /// The days that people have to set one up.
        #[arg(long, requires = "yes")]
        grace_days: Option<u32>,
        /// Only in this workspace.
        #[arg(long, value_name = "WORKSPACE", add = complete::workspaces())]
        within: Option<String>,
    },
}

const LIST: &[Column] = &[
    ("LABEL", "label", As::Text),
    ("KIND", "kind", As::Text),
    ("MADE", "created_at", As::Ago),
    ("USED", "last_used_at", As::Ago),
    ("ID", "id", As::Text),
];

const REQUIREMENT: &[Column] =
    &[("DEMANDED", "is_required", As::YesNo), ("SINCE", "since", As::Ago), ("GRACE DAYS", "grace_days", As::Text)];

const PATH: &str = "/auth/mfa";

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => listed(&api.get(PATH).await?, json),
        Verb::Setup { label } => in_person(&api, async |session| setup(session, label.as_deref(), json).await).await,
        Verb::Codes => {
            in_person(&api, async |session| {
                let made: Value = session.post(&format!("{PATH}/recovery/regenerate"), None::<&()>).await?;
                codes(&made, json)
            })
            .await
        }
        Verb::Remove { factor, yes } => {
            let id = own(&api.get(PATH).await?, &factor)?;
            crate::confirm(&factor, "You will sign in without it from now on.", yes)?;
            let path = format!("{PATH}/factors/{id}");
            in_person(&api, async |session| Ok(session.delete::<Value>(&path).await.map(drop)?)).await
        }
        Verb::Reset { email, yes } => {
            let people = api.all("/users", 100_000).await?;
            let is_it = |user: &&Value| user["email"].as_str().is_some_and(|e| e.eq_ignore_ascii_case(&email));
            let id = people.iter().find(is_it).and_then(|user| user["id"].as_str());
            let id = id.ok_or_else(|| Trouble::NotFound(format!("nobody here has the address {email}")))?;
            crate::confirm(&email, "All their factors go, and their sessions end.", yes)?;
            let path = format!("/users/{id}/mfa");
            in_person(&api, async |session| Ok(session.delete::<Value>(&path).await.map(drop)?)).await
        }
        Verb::Require { yes, no, grace_days, within } => {
            let path = match within {
                Some(name) => format!("/workspaces/{}/mfa/requirement", api.find(&WORKSPACE, &name).await?),
                None => format!("{PATH}/requirement"),
            };
            let seen = if yes || no {
                let mut body = json!({ "is_required": yes });
                if let Some(days) = grace_days {
                    body["grace_days"] = days.into();
                }
                api.send(Method::PUT, &path, Some(&body)).await?
            } else {
                api.get(&path).await?
            };
            if !json && seen["is_required"] != true {
                return show::print("No second factor is demanded.");
            }
            show::one(&seen, REQUIREMENT, json)
        }
    }
}

/// Does something in a session that has just shown who is behind it, and ends the session whatever came of it.
pub(crate) async fn in_person<T>(api: &Api, act: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    let me = api.get("/users/me").await?;
    let email = show::text(&me["user"]["email"]);
    let password = ask_secret(&format!("Password of {email}"))?;
    if password.is_empty() {
        let message =
            "this is done in person, not by this machine's key: run it in a terminal, or pipe your password in";
        return Err(Trouble::Usage(message.to_owned()).into());
    }
    let (session, _) = login::sign_in(&api.client, &email, &password).await?;
    let session = api.client.with(session);
    let done = act(&session).await;
    let _: Result<Value, _> = session.post("/auth/logout", None::<&()>).await;
    done
}

async fn setup(session: &Client, label: Option<&str>, json: bool) -> Result<()> {
    let body = label.map_or_else(|| json!({}), |label| json!({ "label": label }));
    let begun: Value = session.post(&format!("{PATH}/setup/initiate"), Some(&body)).await?;
    show::note(&format!("Enter this into your app: {}", show::text(&begun["secret"])));
    show::note(&format!("or open: {}", show::text(&begun["otpauth_url"])));
    let code = ask("The code that it shows")?;
    let body = json!({ "token": code.trim() });
    let made: Value = session.post(&format!("{PATH}/setup/confirm"), Some(&body)).await?;
    codes(&made, json)
}

/// Recovery codes alone on standard output, one a line.
fn codes(made: &Value, json: bool) -> Result<()> {
    if json {
        return show::print(&serde_json::to_string_pretty(made)?);
    }
    let codes: Vec<&str> = made["recovery_codes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if codes.is_empty() {
        return Ok(());
    }
    show::note("Recovery codes; each works once, and they are never shown again:");
    show::print(&codes.join("\n"))
}

fn listed(all: &Value, json: bool) -> Result<()> {
    if json {
        return show::print(&serde_json::to_string_pretty(all)?);
    }
    show::list(all["factors"].as_array().map(Vec::as_slice).unwrap_or_default(), LIST, false)?;
    show::note(&format!("{} recovery codes are left.", show::text(&all["recovery_codes"])));
    for demand in all["demands"].as_array().into_iter().flatten() {
        let by = if demand["workspace"].is_null() { "the platform".into() } else { show::text(&demand["workspace"]) };
        let when = if demand["is_overdue"] == true { "is overdue since" } else { "is demanded from" };
        show::note(&format!("A second factor {when} {} by {by}.", show::text(&demand["due"])));
    }
    Ok(())
}

/// The id of one of one's own factors, by its label or id.
fn own(all: &Value, named: &str) -> Result<String> {
    let mut found = all["factors"].as_array().into_iter().flatten().filter(|f| f["id"] == named || f["label"] == named);
    match (found.next().and_then(|f| f["id"].as_str()), found.next()) {
        (Some(id), None) => Ok(id.to_owned()),
        (Some(_), Some(_)) => Err(Trouble::NotFound(format!("several factors are called {named}; use the id")).into()),
        (None, _) => Err(Trouble::NotFound(format!("you have no factor called {named}: ostler factor list")).into()),
    }
}
