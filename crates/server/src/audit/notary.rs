//! Signed checkpoints, and letting go of what is older than the policy says.
//!
//! A checkpoint says: this chain had this hash at this entry, at this time. It is kept, it can be exported, and it is written
//! to the log, which is usually shipped elsewhere; whoever rewrites the chain in the database cannot take those back.

use crate::app::App;
use crate::auth::signing_key;
use crate::http::{Error, Result};
use ostler_model::audit::{Checkpoint, Entry};
use ostler_model::authz::{Authority, Collection, Grant, Origin, SystemReason, Write, authorize};
use ostler_model::{Millis, Time};
use ostler_runtime::{Clock, Ids};
use ostler_store::Store;
use ostler_store::audit::Place;
use ostler_store::token::Purpose;
use ring::signature::Ed25519KeyPair;
use std::sync::Arc;

/// A chain that moved gets a checkpoint after this long,
const EVERY: Millis = Millis::secs(3600);
/// or after so many entries.
const ENTRIES: u64 = 1000;
/// Chains per round, and entries let go per chain and round: a big backlog is worked off over several rounds.
const CHAINS: u32 = 200;
const TRIM: u32 = 2000;
const DAY: u64 = 24 * 3600;

/// The setting that says for how many days entries are kept.
pub(super) const KEEP_DAYS: &str = "audit_keep_days";

/// Signs checkpoints with the installation's own key for them.
pub struct Notary {
    id: String,
    pair: Ed25519KeyPair,
}

impl Notary {
    /// With the installation's key; the first start makes it.
    pub async fn load(store: &Store, ids: &Ids, clock: &Clock) -> anyhow::Result<Self> {
        let (id, pair, _) = signing_key(store, ids, Purpose::Audit, clock.now()).await?;
        Ok(Self { id, pair })
    }

    fn sign(&self, chain: String, place: Place, at: Time) -> Checkpoint {
        let Place { seq, hash } = place;
        let mut mark = Checkpoint { chain, seq, hash, at, key_id: self.id.clone(), signature: String::new() };
        mark.signature = hex::encode(self.pair.sign(&mark.message()));
        mark
    }
}

/// Makes checkpoints of the chains that need one: all that moved when `is_asked`.
pub(super) async fn checkpoints(app: &App, is_asked: bool) -> Result<Vec<Checkpoint>> {
    let now = app.clock.now();
    let older_than = if is_asked { now } else { now - EVERY };
    let entries = if is_asked { 1 } else { ENTRIES };
    let grant = grant()?;
    let mut made = Vec::new();
    for (chain, place) in app.store.audit_due(older_than, entries, CHAINS).await? {
        let mark = app.notary.sign(chain, place, now);
        app.store.audit_checkpoint(&grant, &mark, now).await?;
        tracing::info!(
            audit.chain = mark.chain,
            audit.seq = mark.seq,
            audit.hash = mark.hash,
            audit.key = mark.key_id,
            audit.at = mark.at.as_millis(),
            audit.signature = mark.signature,
            "audit checkpoint"
        );
        made.push(mark);
    }
    Ok(made)
}

/// The server's regular round: checkpoints that are due, and entries whose time is over.
pub async fn upkeep(app: &App) -> Result<()> {
    checkpoints(app, false).await?;
    let Some(days) = keep_days(app).await? else { return Ok(()) };
    let (grant, now) = (grant()?, app.clock.now());
    let before = now - Millis::secs(u64::from(days) * DAY);
    for chain in app.store.audit_chains().await? {
        app.store.audit_trim(&grant, &chain, before, TRIM, now).await?;
    }
    Ok(())
}

/// For how many days entries are kept; nothing means for good.
pub(super) async fn keep_days(app: &App) -> Result<Option<u32>> {
    let text = app.store.setting_get(KEEP_DAYS).await?;
    Ok(text.and_then(|text| text.parse().ok()))
}

fn grant() -> Result<Grant<Collection<Entry>, Write>> {
    let who = Authority::system(SystemReason::Retention);
    authorize(&who, &Collection::platform(), &Arc::new(Origin::default())).map_err(Error::from)
}
