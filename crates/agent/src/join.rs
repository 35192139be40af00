//! Becoming a node: a join token is exchanged for an identity, once.
//!
//! The token carries the control plane's public key. The server has to prove that it holds the key, and that the way to it
//! passes links, before it is sent the token: a token is neither given to a stranger nor spent for nothing.

use crate::driver::layout::JOURNAL;
use crate::identity::{Identity, Key, Membership};
use crate::link::Leases;
use crate::link::dial::{Ask, Dial, sentence};
use crate::link::knock::{Knocker, Told};
use crate::supervisor::disk::Folder;
use crate::supervisor::journal::Journal;
use anyhow::{Context as _, Result, bail};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ostler_model::node::Facts;
use ostler_model::{Foreign, Id as _, InstallationId, Millis, Name, NodeId, Secret, Time};
use ostler_runtime::{Clock, Ids};
use ostler_wire::link::proof::{ServerKey, Way};
use ostler_wire::node::Joined;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// From sending the request to having the answer.
const LIMIT: Millis = Millis::secs(30);
/// Tries; the same token and key lead to the same node, so a repetition is safe.
const TRIES: u32 = 5;

/// What joining needs.
pub struct Joining<'a> {
    /// The agent's state folder.
    pub dir: &'a Path,
    pub url: &'a str,
    pub token: &'a Secret,
    pub name: Option<Name>,
    pub facts: Facts,
    pub clock: &'a Clock,
    pub ids: &'a Ids,
}

/// Joins and stores the identity. Refuses when this folder belongs to a node already.
pub async fn join(dial: &dyn Dial, joining: Joining<'_>) -> Result<Identity> {
    if let Some(identity) = Identity::load(joining.dir)? {
        let Membership { url, name, .. } = identity.member;
        bail!(
            "this machine is the node {name} of {url} already; to leave it, delete the node there and run: ostler agent leave"
        );
    }
    let (_, server_key) = parts(joining.token)?;
    let key = Key::load_or_make(joining.dir, joining.ids)?;
    let installation = meet(dial, &joining, &key, server_key).await?;
    let joined = ask(dial, &joining, &key).await?;
    if joined.installation != installation {
        bail!("two control planes answer at {}: join again when one of them has gone", joining.url);
    }
    let member = Membership {
        url: joining.url.trim_end_matches('/').to_owned(),
        node: joined.node,
        name: joined.name,
        installation,
        server_key: Some(server_key),
    };
    Identity::store(joining.dir, key, member)
}

/// The key in a join token, or a key as it is: what comes after the last dot.
pub fn server_key(token_or_key: &str) -> Result<ServerKey> {
    let text = token_or_key.trim();
    let key = text.rsplit_once('.').map_or(text, |(_, key)| key);
    key.parse().context("this is neither a join token nor a control plane's key")
}

/// Pins this key for a node that has joined. Says which one.
pub fn pin(dir: &Path, key: ServerKey) -> Result<Membership> {
    let Some(Identity { key: own, member }) = Identity::load(dir)? else { bail!("this machine is no node yet") };
    let member = Membership { server_key: Some(key), ..member };
    Ok(Identity::store(dir, own, member)?.member)
}

/// The secret of a join token, and the control plane's key that it carries.
fn parts(token: &Secret) -> Result<(&str, ServerKey)> {
    let (secret, key) = token.reveal().split_once('.').context(
        "the token carries no key of the control plane: it is cut off, or of an older release. Make another: ostler node invite",
    )?;
    Ok((secret, key.parse().context("the token is damaged; copy it once more, or make another: ostler node invite")?))
}

/// Asks who answers, and whether the way there passes links. The installation that has proven itself.
async fn meet(dial: &dyn Dial, joining: &Joining<'_>, key: &Key, pinned: ServerKey) -> Result<InstallationId> {
    let (leases, ahead_ms) = (Leases::memory(Arc::default(), joining.ids), AtomicI64::new(0));
    let knocker = Knocker {
        dial,
        clock: joining.clock,
        ids: joining.ids,
        key,
        url: joining.url,
        // No node has this id: the control plane refuses it, and that it is the control plane which does is all that is asked.
        node: NodeId::from_parts(Time::ZERO, 0),
        installation: None,
        pinned: Some(pinned),
        leases: &leases,
        ahead_ms: &ahead_ms,
    };
    let mut trouble = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            joining.clock.sleep(Millis(500 << attempt)).await;
        }
        for way in [Way::Bare, Way::WebSocket] {
            let reached = match knocker.knock(way).await {
                Ok(reached) => reached,
                Err(why) => {
                    trouble = why;
                    break;
                }
            };
            match (&reached.statement, reached.told(way, joining.url)) {
                (Ok(statement), Told::Refused(..)) => return Ok(statement.installation),
                (_, Told::NoUpgrade(why)) if way == Way::Bare || reached.answer.status.is_server_error() => {
                    trouble = why
                }
                (_, Told::Away(why)) => {
                    trouble = why;
                    break;
                }
                (_, Told::NoUpgrade(why) | Told::Refused(_, why)) => bail!("{why}"),
                (Err(wrong), Told::Unproven(_)) => bail!("{wrong}. The token was not sent to it and can still be used"),
                (Ok(_), Told::Unproven(why)) => bail!("{why}"),
            }
        }
    }
    bail!("{trouble}")
}

/// Forgets the control plane. Refuses while an agent runs on this folder, and, unless `abandon`, while the journal names
/// workloads: what they made would stay and nobody would know of it.
pub async fn leave(dir: &Path, abandon: bool) -> Result<Membership> {
    let Some(identity) = Identity::load(dir)? else { bail!("this machine is no node; there is nothing to leave") };
    let path = dir.join(JOURNAL);
    let journal = Journal::new(Arc::new(Folder::open(&path).context("stop the agent first")?));
    let found = journal.read().await.with_context(|| format!("{} cannot be read", path.display()))?;
    if !abandon && !found.records.is_empty() {
        let names: Vec<String> = found.records.iter().map(|record| record.want.id.to_string()).collect();
        bail!(
            "workloads are still here: {}. Delete them on the control plane while the agent runs; with --abandon what they \
             made stays on this machine and nobody looks after it",
            names.join(", ")
        );
    }
    for record in found.records {
        journal.forget(record.want.id).await?;
    }
    // What another control plane wants is counted from the beginning.
    journal.forget_self().await?;
    Identity::forget(dir)?;
    Ok(identity.member)
}

async fn ask(dial: &dyn Dial, joining: &Joining<'_>, key: &Key) -> Result<Joined> {
    let body = serde_json::json!({
        "token": parts(joining.token)?.0,
        "public_key": key.public_hex(),
        "name": joining.name,
        "facts": joining.facts,
    });
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let ask = Ask {
        method: Method::POST,
        path: "/api/v1/agent/join".to_owned(),
        headers,
        body: serde_json::to_vec(&body).expect("the request is plain data that JSON can hold").into(),
    };
    let mut trouble = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            joining.clock.sleep(Millis(500 << attempt)).await;
        }
        match joining.clock.timeout(LIMIT, dial.ask(ask.clone())).await {
            None => trouble = format!("{} did not answer in time", joining.url),
            Some(Err(error)) => trouble = error.to_string(),
            Some(Ok(answer)) if answer.status.is_success() => {
                return serde_json::from_slice(&answer.body)
                    .with_context(|| format!("{} does not answer like a control plane", joining.url));
            }
            Some(Ok(answer)) => {
                trouble = Foreign(sentence(&answer)).to_string();
                if answer.status.is_client_error() && answer.status != StatusCode::TOO_MANY_REQUESTS {
                    break;
                }
            }
        }
    }
    bail!("{trouble}")
}
