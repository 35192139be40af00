//! `ostler setup`: the first run, for scripts. Secrets come from standard input or from files, never from arguments.

use crate::exit::Trouble;
use crate::ground::{ask, ask_secret, ground};
use crate::show;
use anyhow::{Context as _, Result};
use clap::Subcommand;
use ostler_wire::client::{Client, Credentials};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What to do about the first run.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Print JSON, in the shape of the API.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say whether there is an admin yet.
    Status {
        /// The control plane, for example http://127.0.0.1:8080
        url: String,
    },
    /// Check a database, a Redis or a mail server before anything is installed.
    Check {
        #[command(flatten)]
        at: At,
        #[command(subcommand)]
        what: Check,
    },
    /// Create the first admin and the first workspace.
    Install {
        #[command(flatten)]
        at: At,
        /// Your e-mail address.
        #[arg(long)]
        email: String,
        /// Your name.
        #[arg(long)]
        name: String,
        /// A file that holds your password; asked for, or read from standard input, when absent.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Name of the first workspace.
        #[arg(long, value_name = "NAME")]
        first_workspace: Option<String>,
        /// A setting to begin with, for example mail.host=smtp.example.org. Repeat for more.
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct At {
    /// The control plane, for example http://127.0.0.1:8080
    url: String,
    /// A file that holds the secret that the server printed; asked for, or read from standard input, when absent.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Check {
    /// The database that the server runs on, or a PostgreSQL.
    Database {
        /// A file that holds its URL, which has a password in it.
        #[arg(long, value_name = "FILE")]
        url_file: Option<PathBuf>,
    },
    /// A Redis or Valkey.
    Redis {
        /// Its host name or address.
        host: String,
        /// Its port.
        #[arg(long, default_value_t = 6379)]
        port: u16,
        /// A file with its password; none is sent when absent.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// A mail server.
    Mail {
        /// A setting, for example mail.host=smtp.example.org. Repeat for more.
        #[arg(long = "set", value_name = "NAME=VALUE", required = true)]
        set: Vec<String>,
        /// Send a mail to this address, too.
        #[arg(long)]
        to: Option<String>,
    },
}

pub(crate) async fn run(args: Args) -> Result<()> {
    match args.verb {
        Verb::Status { url } => {
            let status: Value = client(&url)?.get("/setup/status").await?;
            if args.json {
                return show::print(&serde_json::to_string_pretty(&status)?);
            }
            show::print(&show::text(&status["state"]))
        }
        Verb::Check { at, what } => check(&at, what, args.json).await,
        Verb::Install { at, email, name, password_file, first_workspace, set } => {
            let client = client(&at.url)?;
            let settings = settings(&set)?;
            let secret = secret(at.secret_file, "Setup secret")?;
            let password = secret_of(password_file, "Password")?;
            let mut body =
                json!({"secret": secret, "email": email, "name": name, "password": password, "settings": settings});
            if let Some(first) = first_workspace {
                body["workspace"] = json!(first);
            }
            let me: Value = client.post("/setup/install", Some(&body)).await?;
            if args.json {
                return show::print(&serde_json::to_string_pretty(&me)?);
            }
            show::print(&format!("{email} is the first admin. Sign in: ostler login {} --email {email}", client.base()))
        }
    }
}

async fn check(at: &At, what: Check, json: bool) -> Result<()> {
    let secret = secret(at.secret_file.clone(), "Setup secret")?;
    let (path, body) = match what {
        Check::Database { url_file } => {
            ("postgres", json!({"secret": secret, "url": url_file.map(|file| read(&file)).transpose()?}))
        }
        Check::Redis { host, port, password_file } => {
            let password = password_file.map(|file| read(&file)).transpose()?;
            ("redis", json!({"secret": secret, "host": host, "port": port, "password": password}))
        }
        Check::Mail { set, to } => ("smtp", json!({"secret": secret, "values": settings(&set)?, "to": to})),
    };
    let found: Value = client(&at.url)?.post(&format!("/setup/validate/{path}"), Some(&body)).await?;
    if json {
        show::print(&serde_json::to_string_pretty(&found)?)?;
    } else {
        show::print(&show::text(&found["says"]))?;
    }
    if found["is_good"] == true { Ok(()) } else { Err(Trouble::Failed("the check failed".to_owned()).into()) }
}

fn client(url: &str) -> Result<Client> {
    Ok(Client::new(url, Credentials::Nobody, ground())?)
}

/// `name=value`; what reads as a number, a list or a truth value is one.
fn settings(all: &[String]) -> Result<Value> {
    let mut settings = json!({});
    for text in all {
        let (name, value) =
            text.split_once('=').ok_or_else(|| Trouble::Usage(format!("{text} is no setting; write name=value")))?;
        let value = match serde_json::from_str::<Value>(value) {
            Ok(value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_))) => value,
            _ => json!(value),
        };
        settings[name] = value;
    }
    Ok(settings)
}

fn read(file: &std::path::Path) -> Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn secret(file: Option<PathBuf>, question: &str) -> Result<String> {
    match file {
        Some(file) => read(&file),
        None => ask(question),
    }
}

fn secret_of(file: Option<PathBuf>, question: &str) -> Result<String> {
    match file {
        Some(file) => read(&file),
        None => ask_secret(question),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_what_they_are() {
        let all = ["mail.host=smtp.example.org", "mail.port=587", "trusted_proxies=[\"10.0.0.5\"]", "a=b=c"];
        let read = settings(&all.map(str::to_owned)).unwrap();
        let right =
            json!({"mail.host": "smtp.example.org", "mail.port": 587, "trusted_proxies": ["10.0.0.5"], "a": "b=c"});
        assert_eq!(read, right);
        assert!(settings(&["x".to_owned()]).is_err());
    }
}
