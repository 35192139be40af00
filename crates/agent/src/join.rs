//! Becoming a node: a join token is exchanged for an identity, once.

use crate::driver::layout::JOURNAL;
use crate::identity::{Identity, Key, Membership};
use crate::link::dial::{Ask, Dial, sentence};
use crate::supervisor::disk::Folder;
use crate::supervisor::journal::Journal;
use anyhow::{Context as _, Result, bail};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ostler_model::node::Facts;
use ostler_model::{Millis, Name, Secret};
use ostler_runtime::{Clock, Ids};
use ostler_wire::node::Joined;
use std::path::Path;
use std::sync::Arc;

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
    let key = Key::load_or_make(joining.dir, joining.ids)?;
    let joined = ask(dial, &joining, &key).await?;
    let member = Membership {
        url: joining.url.trim_end_matches('/').to_owned(),
        node: joined.node,
        name: joined.name,
        installation: joined.installation,
    };
    Identity::store(joining.dir, key, member)
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
        "token": joining.token.reveal(),
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
                trouble = sentence(&answer);
                if answer.status.is_client_error() && answer.status != StatusCode::TOO_MANY_REQUESTS {
                    break;
                }
            }
        }
    }
    bail!("{trouble}")
}
