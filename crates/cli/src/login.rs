//! `ostler login` and `ostler logout`: sign in once, keep a key for this machine, give it back.

use crate::api::Common;
use crate::config::{Profile, hostname};
use crate::exit::Trouble;
use crate::ground::{ask, ask_secret, ground};
use crate::show;
use anyhow::{Context as _, Result};
use ostler_model::Secret;
use ostler_model::authz::Capability;
use ostler_wire::auth::Me;
use ostler_wire::client::{Client, ClientError, Credentials};
use ostler_wire::factor::MfaRequired;
use ostler_wire::key::KeyCreated;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where and as whom. A password is never an argument: other people on the machine could read it there.
#[derive(Debug, clap::Args)]
pub struct Login {
    /// The control plane, for example https://ostler.example.org
    url: String,
    /// Your e-mail address; asked for when absent.
    #[arg(long)]
    email: Option<String>,
    /// Read the password from standard input, without a question.
    #[arg(long, requires = "email")]
    password_stdin: bool,
    /// Let the key end by itself after this long, for example 30d.
    #[arg(long, value_name = "SPAN", value_parser = crate::wait::span)]
    expires: Option<std::time::Duration>,
    #[command(flatten)]
    common: Common,
}

/// What to forget.
#[derive(Debug, clap::Args)]
pub struct Logout {
    /// Only forget the key here, for when the server is gone; it stays valid there.
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn login(args: Login) -> Result<()> {
    let profile = args.common.profile.as_deref();
    let client = Client::new(&args.url, Credentials::Nobody, ground())?;
    // Says at once when the address is wrong, before anybody has typed a password.
    let _: Value = client.get("/version").await?;
    let email = match args.email {
        Some(email) => email,
        None => ask("E-mail")?,
    };
    let password = if args.password_stdin { ask("")? } else { ask_secret("Password")? };
    let (session, me) = sign_in(&client, &email, &password).await?;
    let session = client.with(session);
    let made = make_key(&session, args.expires).await?;
    let profile_now =
        Profile { url: client.base().to_owned(), key: made.secret.clone(), key_id: Some(made.key.id.to_string()) };
    let before = Profile::stored(profile)?;
    let path = profile_now.save(profile)?;
    // The key that this one replaces would stay valid and be forgotten.
    if let Some(Profile { url, key_id: Some(old), .. }) = before
        && url == profile_now.url
    {
        let _: Result<Value, _> = session.delete(&format!("/keys/{old}")).await;
    }
    let _: Result<Value, _> = session.post("/auth/logout", None::<&()>).await;
    if args.common.json {
        let said = json!({"url": profile_now.url, "user": me.user, "key": made.key, "file": path});
        return show::print(&serde_json::to_string_pretty(&said)?);
    }
    show::print(&format!("Signed in to {} as {}.", profile_now.url, me.user.email))?;
    show::print(&format!("The key \"{}\" is in {}.", made.key.label, path.display()))
}

/// A session in a person's name; asks for the second factor when one is wanted.
pub(crate) async fn sign_in(client: &Client, email: &str, password: &str) -> Result<(Credentials, Me)> {
    let body = json!({"email": email, "password": password});
    let (headers, text) =
        client.exchange(Method::POST, "/auth/login", Some(&body)).await.map_err(|error| match error.refusal() {
            Some((status, _)) if status.as_u16() == 401 => {
                anyhow::Error::new(Trouble::NotAllowed("e-mail address or password is wrong".to_owned()))
            }
            _ => error.into(),
        })?;
    let (headers, text) = match serde_json::from_str::<MfaRequired>(&text) {
        Ok(required) => second_half(client, &required).await?,
        Err(_) => (headers, text),
    };
    let cookies = headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let cookie = cookies.filter_map(|c| c.split(';').next()).find(|c| c.contains("ostler_session="));
    let cookie = cookie.context("the server set no session")?;
    Ok((Credentials::Session(Secret::new(cookie)), serde_json::from_str(&text)?))
}

/// Asks for the second factor. A passkey needs a browser; whoever has only that uses a recovery code here.
async fn second_half(client: &Client, required: &MfaRequired) -> Result<(HeaderMap, String)> {
    let code = ask_secret("Code of your authenticator app, or a recovery code")?;
    let is_app = code.chars().filter(|c| !c.is_whitespace()).count() == 6;
    let (path, name) =
        if is_app { ("/auth/mfa/challenge/verify", "token") } else { ("/auth/mfa/recovery/verify", "recovery_code") };
    let body = json!({"challenge_token": required.mfa.challenge_token, name: code});
    client.exchange(Method::POST, path, Some(&body)).await.map_err(|error| match error.refusal() {
        Some((status, _)) if status.as_u16() == 401 => {
            anyhow::Error::new(Trouble::NotAllowed("the code is wrong, was used already, or came too late".to_owned()))
        }
        _ => error.into(),
    })
}

/// A key that may do what its owner may, under a label that says where it lies.
async fn make_key(session: &Client, expires: Option<std::time::Duration>) -> Result<KeyCreated> {
    const LABELS: u32 = 50;
    let until = expires.map(|span| crate::ground::now() + millis(span));
    for nth in 1..=LABELS {
        // A label is unique among one's keys, and a person may have several profiles, or two machines of one name.
        let label =
            if nth == 1 { format!("ostler on {}", hostname()) } else { format!("ostler on {} {nth}", hostname()) };
        let mut body = json!({"label": label});
        if let Some(until) = until {
            body["expires_at"] = json!(until);
        }
        match strongest(session, body).await {
            Err(error) if is_taken(&error) => {}
            done => return Ok(done?),
        }
    }
    Err(Trouble::Failed(format!("you have {LABELS} keys for this machine; delete some: ostler key list")).into())
}

/// Makes a key with everything that its owner holds now, be it on a single thing. Only the server knows what that is, and
/// it names what is too much.
pub(crate) async fn strongest(client: &Client, mut body: Value) -> Result<KeyCreated, ClientError> {
    let all: Vec<String> = Capability::grantable().map(|capability| capability.to_string()).collect();
    body["capabilities"] = json!(all);
    match client.post("/keys", Some(&body)).await {
        Err(error) => match held(&error, &all) {
            Some(held) => {
                body["capabilities"] = json!(held);
                client.post("/keys", Some(&body)).await
            }
            None => Err(error),
        },
        done => done,
    }
}

/// What is left of these capabilities, when the answer is that some are too much and nothing else is wrong.
fn held<'a>(error: &ClientError, all: &'a [String]) -> Option<Vec<&'a String>> {
    let ClientError::Refused(refused) = error else { return None };
    let too_much: Option<BTreeSet<usize>> = refused.body.fields.iter().map(|field| place(&field.field)).collect();
    let too_much = too_much.filter(|places| !places.is_empty())?;
    let left = all.iter().enumerate().filter(|(at, _)| !too_much.contains(at)).map(|(_, capability)| capability);
    Some(left.collect::<Vec<_>>()).filter(|left| !left.is_empty())
}

/// The place in `capabilities[3]`.
fn place(field: &str) -> Option<usize> {
    field.strip_prefix("capabilities[")?.strip_suffix(']')?.parse().ok()
}

fn is_taken(error: &ClientError) -> bool {
    error.refusal().is_some_and(|(_, code)| code == "taken")
}

pub(crate) fn millis(span: std::time::Duration) -> ostler_model::Millis {
    ostler_model::Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) async fn logout(args: Logout) -> Result<()> {
    let name = args.common.profile.as_deref();
    let Some(profile) = Profile::stored(name)? else {
        return Err(Trouble::NotAllowed("not signed in; there is nothing to forget".to_owned()).into());
    };
    if !args.local
        && let Some(id) = &profile.key_id
    {
        let client = Client::new(&profile.url, Credentials::Key(profile.secret()), ground())?;
        let done: Result<Value, ClientError> = client.delete(&format!("/keys/{id}")).await;
        match done {
            // Deleted already, or expired: there is nothing left to take back.
            Err(error) if !matches!(error.refusal(), Some((status, _)) if matches!(status.as_u16(), 401 | 404)) => {
                return Err(anyhow::Error::new(error)
                    .context("the key could not be taken back; with --local it is only forgotten here"));
            }
            _ => {}
        }
    }
    let path = Profile::forget(name)?;
    show::print(&format!("Signed out of {}; the key is gone from {}.", profile.url, path.display()))
}
