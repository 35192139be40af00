//! Who credentials belong to, kept in memory while nobody's rights change.
//!
//! A copy is used only while three things hold: the store's number for rights is the one that was read *before* the
//! database was asked, the copy's own time is not over, and, where other servers share the database, their changes were
//! looked for less than [`POLL_LIMIT`] ago. So a revocation that this server has answered is never outrun, and one that
//! another server has answered is, by at most that long. Wrong credentials are not kept: they are looked up each time.

use ostler_model::authz::Authority;
use ostler_model::factor::Standing;
use ostler_model::key::Key;
use ostler_model::user::{Session, SessionKind, User};
use ostler_model::{Millis, SessionId, Time, UserId};
use ostler_runtime::Clock;
use ostler_store::key::Bearer;
use ostler_store::session::SignedIn;
use ostler_store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How often other servers' changes are looked for.
pub const POLL: Millis = Millis(400);
/// Copies are not used when that has not worked for this long.
const POLL_LIMIT: Millis = Millis(900);
/// A copy is looked up again after this long whatever happens: a net below the net.
const OLDEST: Millis = Millis::secs(30);
/// Parts that are locked separately.
const SHARDS: usize = 16;
/// Copies per part, of about a kilobyte each.
const PER_SHARD: usize = 2048;

/// Credentials in the form in which they can be looked up. Nothing of them can be turned back into the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// SHA-256 of a browser's cookie.
    Cookie([u8; 32]),
    /// SHA-256 of an API key.
    Key([u8; 32]),
    /// An access token that was checked: SHA-256 of its text, whose it is, and when it ends.
    Access { hash: [u8; 32], session: SessionId, user: UserId, until: Time },
}

/// Whose credentials they are, and what these may do.
#[derive(Debug, Clone)]
pub struct Identity {
    pub authority: Authority,
    pub user: User,
    pub session: Option<Session>,
    pub key: Option<Key>,
    /// Set when the session should get a new cookie: what its person may do now, as the store puts it.
    pub renew: Option<String>,
    /// What second factor is demanded of the person. Workspaces that are closed for want of one are not in the authority.
    pub standing: Standing,
}

struct Copy {
    identity: Arc<Identity>,
    generation: u64,
    at: Time,
    until: Time,
}

/// The copies.
pub struct Known {
    shards: [Mutex<HashMap<Proof, Copy>>; SHARDS],
    /// When a look at other servers' changes that worked began, in milliseconds; far in the future when there are none.
    polled_at: AtomicI64,
}

impl Known {
    /// Nothing is known yet.
    pub fn new(store: &Store) -> Self {
        let polled_at = if store.is_shared() { i64::MIN / 2 } else { i64::MAX };
        Self { shards: std::array::from_fn(|_| Mutex::default()), polled_at: AtomicI64::new(polled_at) }
    }

    /// Whose credentials these are at this moment. `None` when they are unknown, expired or revoked.
    pub async fn find(&self, store: &Store, proof: &Proof, now: Time) -> Result<Option<Arc<Identity>>, StoreError> {
        let generation = store.rights(now).filter(|_| self.hears_of_others(now));
        if let Some(generation) = generation
            && let Some(identity) = self.copy(proof, generation, now)
        {
            return Ok(Some(identity));
        }
        let Some((mut identity, mut until)) = look(store, proof, now).await? else { return Ok(None) };
        identity.standing = store.factor_standing(identity.user.id).await?;
        let standing = &identity.standing;
        identity.authority.memberships.retain(|member| !standing.is_closed(member.workspace, now));
        until = standing.next_change(now).map_or(until, |change| until.min(change));
        let identity = Arc::new(identity);
        if let Some(generation) = generation {
            self.keep(*proof, Copy { identity: identity.clone(), generation, at: now, until }, now);
        }
        Ok(Some(identity))
    }

    /// Looks for other servers' changes, again and again. Only needed where there may be others.
    pub async fn follow(&self, store: &Store, clock: &Clock) {
        loop {
            let began = clock.now();
            match store.rights_poll().await {
                Ok(()) => self.polled_at.store(began.as_millis(), Ordering::SeqCst),
                Err(error) => tracing::warn!(%error, "other servers' changes of rights could not be read"),
            }
            clock.sleep(POLL).await;
        }
    }

    fn hears_of_others(&self, now: Time) -> bool {
        let polled_at = self.polled_at.load(Ordering::SeqCst);
        now.as_millis().saturating_sub(polled_at) < i64::try_from(POLL_LIMIT.0).unwrap_or(i64::MAX)
    }

    fn copy(&self, proof: &Proof, generation: u64, now: Time) -> Option<Arc<Identity>> {
        let shard = self.shard(proof).lock().unwrap_or_else(PoisonError::into_inner);
        shard.get(proof).filter(|copy| copy.holds(generation, now)).map(|copy| copy.identity.clone())
    }

    fn keep(&self, proof: Proof, copy: Copy, now: Time) {
        let mut shard = self.shard(&proof).lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= PER_SHARD {
            let generation = copy.generation;
            shard.retain(|_, copy| copy.holds(generation, now));
            if shard.len() >= PER_SHARD {
                shard.clear();
            }
        }
        shard.insert(proof, copy);
    }

    fn shard(&self, proof: &Proof) -> &Mutex<HashMap<Proof, Copy>> {
        let (Proof::Cookie(hash) | Proof::Key(hash) | Proof::Access { hash, .. }) = proof;
        &self.shards[usize::from(hash[0]) % SHARDS]
    }
}

impl Copy {
    fn holds(&self, generation: u64, now: Time) -> bool {
        // A clock that was set back makes a copy old, not young.
        self.generation == generation && self.at <= now && now.since(self.at) < OLDEST && now < self.until
    }
}

/// Asks the database, and says when the credentials end by themselves.
async fn look(store: &Store, proof: &Proof, now: Time) -> Result<Option<(Identity, Time)>, StoreError> {
    Ok(match proof {
        Proof::Cookie(hash) => {
            store.session_authority(hash, now).await?.map(|found| signed_in(found, Time::from_millis(i64::MAX)))
        }
        Proof::Key(hash) => store.key_authority(hash, now).await?.map(|found| {
            let until = found.key.expires_at.unwrap_or(Time::from_millis(i64::MAX));
            let Bearer { key, user, authority } = found;
            (
                Identity { authority, user, session: None, key: Some(key), renew: None, standing: Standing::default() },
                until,
            )
        }),
        Proof::Access { until, .. } if *until <= now => None,
        Proof::Access { session, user, until, .. } => {
            let found = store.token_authority(*session, now).await?;
            found.filter(|found| found.user.id == *user).map(|found| signed_in(found, *until))
        }
    })
}

fn signed_in(found: SignedIn, until: Time) -> (Identity, Time) {
    let SignedIn { session, user, authority, is_outdated, rights } = found;
    let until = until.min(session.expires_at);
    let renew = (is_outdated && session.kind == SessionKind::Browser).then_some(rights);
    (Identity { authority, user, session: Some(session), key: None, renew, standing: Standing::default() }, until)
}
