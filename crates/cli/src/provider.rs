//! `ostler provider`: parties that people may sign in with.

use crate::api::{Api, Common, Noun};
use crate::ground::ask_secret;
use crate::show::{self, As, Column};
use anyhow::Result;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

/// What to do with sign-in providers. Without a word more, they are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the providers.
    List,
    /// Ask an issuer for its discovery document, and change nothing.
    Test {
        /// For example https://id.example.org
        issuer: String,
    },
    /// Add a provider. It is asked for its discovery document first.
    Add {
        /// Its short name, as it is in the address that browsers are sent back to.
        slug: String,
        /// What people read on the button; the short name when absent.
        #[arg(long)]
        name: Option<String>,
        /// A kind that is known.
        #[arg(long, value_parser = ["generic", "google", "microsoft"])]
        preset: Option<String>,
        /// For example https://id.example.org; not needed for Google.
        #[arg(long)]
        issuer: Option<String>,
        /// What the provider calls this server.
        #[arg(long)]
        client_id: String,
        /// Read the client's secret from standard input.
        #[arg(long)]
        secret: bool,
        #[command(flatten)]
        rules: Rules,
    },
    /// Change a provider; what is not named stays.
    Set {
        /// Short name or id.
        provider: String,
        /// What people read on the button.
        #[arg(long)]
        name: Option<String>,
        /// What the provider calls this server.
        #[arg(long)]
        client_id: Option<String>,
        /// Read a new client's secret from standard input.
        #[arg(long)]
        secret: bool,
        #[command(flatten)]
        rules: Rules,
    },
    /// Delete a provider; nobody signs in with it any more.
    Delete {
        /// Short name or id.
        provider: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Rules {
    /// Whether people can sign in with it now.
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    enabled: Option<bool>,
    /// Whether an address that it calls verified is believed.
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    trusts_email: Option<bool>,
    /// People with addresses of this domain get an account when they first come. Repeat for more.
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
}

impl Rules {
    fn into(self, body: &mut Value) {
        if let Some(is_enabled) = self.enabled {
            body["is_enabled"] = is_enabled.into();
        }
        if let Some(trusts_email) = self.trusts_email {
            body["trusts_email"] = trusts_email.into();
        }
        if !self.domains.is_empty() {
            body["domains"] = json!(self.domains);
        }
    }
}

const PATH: &str = "/auth/providers";
const PROVIDER: Noun =
    Noun { word: "provider", list: "/auth/providers/admin", prefix: "idp_", name: "slug", is_in_workspace: false };

const LIST: &[Column] = &[
    ("SHORT", "slug", As::Text),
    ("NAME", "name", As::Text),
    ("ISSUER", "issuer", As::Text),
    ("ENABLED", "is_enabled", As::YesNo),
    ("TRUSTS E-MAIL", "trusts_email", As::YesNo),
    ("DOMAINS", "domains", As::Text),
    ("SENDS BACK TO", "redirect_uri", As::Text),
    ("ID", "id", As::Text),
];

const TESTED: &[Column] = &[
    ("ISSUER", "issuer", As::Text),
    ("SIGNS IN AT", "authorization_endpoint", As::Text),
    ("GIVES TOKENS AT", "token_endpoint", As::Text),
    ("KEYS", "keys", As::Text),
];

pub(crate) async fn run(args: Args) -> Result<()> {
    let api = Api::open(args.common)?;
    let json = api.common.json;
    match args.verb.unwrap_or(Verb::List) {
        Verb::List => {
            let all = api.all(PROVIDER.list, 1000).await?;
            show::list(&all, LIST, json)?;
            all.iter().take(1).for_each(sends_back);
            Ok(())
        }
        Verb::Test { issuer } => {
            let found = api.send(Method::POST, &format!("{PATH}/test"), Some(&json!({ "issuer": issuer }))).await?;
            show::one(&found, TESTED, json)
        }
        Verb::Add { slug, name, preset, issuer, client_id, secret, rules } => {
            let mut body = json!({ "name": name.as_deref().unwrap_or(&slug), "slug": slug, "client_id": client_id });
            for (field, value) in [("preset", preset), ("issuer", issuer)] {
                if let Some(value) = value {
                    body[field] = value.into();
                }
            }
            with_secret(&mut body, secret)?;
            rules.into(&mut body);
            let made = api.send(Method::POST, PATH, Some(&body)).await?;
            sends_back(&made);
            show::one(&made, LIST, json)
        }
        Verb::Set { provider, name, client_id, secret, rules } => {
            let id = api.find(&PROVIDER, &provider).await?;
            let mut body = json!({});
            for (field, value) in [("name", name), ("client_id", client_id)] {
                if let Some(value) = value {
                    body[field] = value.into();
                }
            }
            with_secret(&mut body, secret)?;
            rules.into(&mut body);
            show::one(&api.send(Method::PATCH, &format!("{PATH}/{id}"), Some(&body)).await?, LIST, json)
        }
        Verb::Delete { provider, yes } => {
            let id = api.find(&PROVIDER, &provider).await?;
            crate::confirm(&provider, "Nobody signs in with it any more.", yes)?;
            api.send(Method::DELETE, &format!("{PATH}/{id}"), None).await.map(drop)
        }
    }
}

/// Says so when nobody can be sent back: the provider must be told an address, and the server does not know its own.
fn sends_back(provider: &Value) {
    if provider["redirect_uri"].is_null() {
        show::note(
            "Nobody can sign in with it yet: the server does not know its own address: ostler setting set public_url https://…",
        );
    }
}

/// A secret is never an argument: other people on the machine could read it there.
fn with_secret(body: &mut Value, is_wanted: bool) -> Result<()> {
    if is_wanted {
        body["client_secret"] = ask_secret("The client's secret")?.into();
    }
    Ok(())
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("say yes or no".to_owned()),
    }
}
