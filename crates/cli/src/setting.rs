//! `ostler setting`: settings of the platform, mail that waits, and starting the server anew.

use crate::api::{Api, Common};
use crate::exit::Trouble;
use crate::ground;
use crate::show::{self, As, Column};
use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// What to do with settings. Without a word more, all are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all settings: which value holds from the next start on, and who says it.
    List,
    /// Set a setting.
    Set {
        /// Its name, for example mail.host
        name: String,
        /// The value; read from standard input when absent, as secrets should be.
        value: Option<String>,
    },
    /// Take back what was set here; the file's or the default's value holds again.
    Unset {
        /// Its name.
        name: String,
    },
    /// Try whether mail can leave.
    CheckMail {
        /// Send a mail to this address, too.
        #[arg(long)]
        to: Option<String>,
    },
    /// List the mails that wait to be sent, and why.
    Mail,
    /// Start the server anew, so that all settings hold.
    Restart {
        /// Wait until it is back.
        #[arg(long)]
        wait: bool,
    },
}

const PATH: &str = "/platform-settings";

const LIST: &[Column] = &[
    ("NAME", "name", As::Text),
    ("VALUE", "value", As::Text),
    ("SET", "is_set", As::YesNo),
    ("BY", "source", As::Text),
    ("WAITS", "is_pending", As::YesNo),
    ("VARIABLE", "variable", As::Text),
];

const MAIL: &[Column] = &[
    ("KIND", "kind", As::Text),
    ("TO", "to", As::Text),
    ("MADE", "created_at", As::Ago),
    ("NEXT", "due_at", As::Ago),
    ("TRIES", "attempts", As::Text),
    ("WHY", "error", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => listed(&api.get(PATH).await?, json),
        Verb::Set { name, value } => {
            let text = match value {
                Some(value) => value,
                None => ground::ask_secret(&name)?,
            };
            let now = api.get(PATH).await?;
            change(&api, &name, typed(&now, &name, &text)).await
        }
        Verb::Unset { name } => change(&api, &name, Value::Null).await,
        Verb::CheckMail { to } => {
            let found = api.send(Method::POST, &format!("{PATH}/validate/smtp"), Some(&json!({"to": to}))).await?;
            show::print(&show::text(&found["says"]))?;
            if found["is_good"] == true { Ok(()) } else { Err(Trouble::Failed("mail cannot leave".to_owned()).into()) }
        }
        Verb::Mail => show::list(&api.all(&format!("{PATH}/mail"), 1000).await?, MAIL, json),
        Verb::Restart { wait } => restart(&api, wait).await,
    }
}

async fn change(api: &Api, name: &str, value: Value) -> Result<()> {
    let all = api.send(Method::PATCH, PATH, Some(&json!({"values": {name: value}}))).await?;
    if api.common.json {
        return listed(&all, true);
    }
    if all["restart_required"] == true {
        show::note("Holds from the next start on: ostler setting restart");
    }
    Ok(())
}

fn listed(all: &Value, json: bool) -> Result<()> {
    if json {
        return show::print(&serde_json::to_string_pretty(all)?);
    }
    show::list(all["items"].as_array().map(Vec::as_slice).unwrap_or_default(), LIST, false)?;
    if all["restart_required"] == true {
        show::note("Some settings wait for the next start: ostler setting restart");
    }
    Ok(())
}

/// The text as the type that the setting has now.
fn typed(all: &Value, name: &str, text: &str) -> Value {
    let items = all["items"].as_array();
    let now = items.and_then(|items| items.iter().find(|item| item["name"] == name)).map(|item| &item["value"]);
    match now {
        Some(Value::Array(_)) => {
            json!(text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>())
        }
        Some(Value::Bool(_) | Value::Number(_)) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        _ => json!(text),
    }
}

async fn restart(api: &Api, wait: bool) -> Result<()> {
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    const LOOKS: u32 = 480;
    let asked = api.send(Method::POST, &format!("{PATH}/restart"), None).await?;
    if !wait {
        return show::print("Starting anew.");
    }
    for _ in 0..LOOKS {
        ground::pause(LOOK_EVERY).await;
        // While it is away nobody answers; that is what is waited for.
        if let Ok(health) = api.get("/health").await
            && health["bootId"] != asked["boot_id"]
        {
            return show::print(&format!("Started anew at {}.", show::text(&health["startedAt"])));
        }
    }
    Err(Trouble::Late("the server did not come back; look at its log".to_owned()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_what_the_setting_is() {
        let all = json!({"items": [
            {"name": "a", "value": ["x"]}, {"name": "b", "value": true}, {"name": "c", "value": 1}, {"name": "d", "value": null}
        ]});
        assert_eq!(typed(&all, "a", "x, y"), json!(["x", "y"]));
        assert_eq!(typed(&all, "b", "false"), json!(false));
        assert_eq!(typed(&all, "b", "nope"), json!("nope"), "the server says what is wrong");
        assert_eq!(typed(&all, "c", "2525"), json!(2525));
        assert_eq!(typed(&all, "d", "123"), json!("123"), "a password of digits stays a text");
    }
}
