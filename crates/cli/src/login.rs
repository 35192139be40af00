//! `ostler login`: sign in once, keep a key.

use crate::api::{http, read};
use crate::config::Profile;
use crate::show;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::io::Write as _;

/// Where and as whom. The password is read from standard input.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The control plane, for example https://ostler.example.org
    url: String,
    /// Your e-mail address; asked for when absent.
    #[arg(long)]
    email: Option<String>,
}

fn ask(question: &str) -> Result<String> {
    eprint!("{question}: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let email = match args.email {
        Some(email) => email,
        None => ask("E-mail")?,
    };
    let password = ask("Password")?;
    let (http, url) = (http()?, args.url.trim_end_matches('/').to_owned());
    let sent =
        http.post(format!("{url}/api/v1/auth/login")).json(&json!({"email": email, "password": password})).send().await;
    let cookie = sent.as_ref().ok().and_then(|a| a.headers().get("set-cookie")?.to_str().ok().map(str::to_owned));
    let me = read(&url, sent).await?;
    let cookie = cookie.context("the server set no session")?;
    let cookie = cookie.split(';').next().unwrap_or_default();
    let rights: std::collections::BTreeSet<String> = me["memberships"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|m| m["capabilities"].as_array().into_iter().flatten())
        .filter_map(|c| c.as_str().map(str::to_owned))
        .collect();
    let host = std::env::var("HOSTNAME").unwrap_or_default();
    // A label is unique among one's keys; the process id keeps a second login on one machine apart.
    let label = format!("ostler on {} ({})", if host.is_empty() { "this machine" } else { &host }, std::process::id());
    let made: Value = read(
        &url,
        http.post(format!("{url}/api/v1/keys"))
            .header("cookie", cookie)
            .header("x-ostler-csrf", "1")
            .json(&json!({"label": label, "capabilities": rights}))
            .send()
            .await,
    )
    .await?;
    let key = made["secret"].as_str().context("the server made no key")?.to_owned();
    let path = Profile { url: url.clone(), key }.save()?;
    show::print(&format!("Signed in to {url}; the key \"{label}\" is in {}", path.display()))
}
