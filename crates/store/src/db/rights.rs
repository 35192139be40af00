//! Has anybody's right changed? One number that moves with every change that may take a right away or give one.
//!
//! Whoever keeps rights in memory keeps the number that it read *before* it asked the database, and trusts its copy only
//! while the number is still the same. The number moves after the commit and before the change's caller has its answer, so
//! a revocation that was answered is never outrun by an older copy. The rule is turned round on purpose: every change
//! moves the number, except those listed here, so a new kind of right cannot be forgotten.
//!
//! Other servers on the same database are noticed by a counter row, written in the same transaction as the change.

use super::error::Result;
use super::store::{Store, read};
use super::value::args;
use ostler_model::{Millis, Time};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// After a commit of which nobody knows how it ended, it may still come to pass. Longer than any statement lives.
const UNSURE: Millis = Millis::secs(30);

/// Changes of these nouns never touch who may do what: they are the things that rights are about.
const NEUTRAL_NOUNS: [&str; 9] =
    ["search_", "workload_", "match_", "job_", "node_", "event_", "idempotency_", "throttle_", "mail_"];

/// Single changes that leave all rights as they are, or only begin or note something.
const NEUTRAL: [&str; 26] = [
    "disk_probe",
    "audit_refused",
    "audit_done",
    "audit_checkpoint",
    "audit_trim",
    // A new session or token takes nothing from anybody, and nobody had a copy of it.
    "session_create",
    "session_touch",
    "token_create",
    "token_rotate",
    "key_touch",
    "bot_touch",
    // Asking for a new password gives nobody anything, and links that are over open nothing.
    "reset_ask",
    "reset_begin",
    "invite_expire",
    "setting_note",
    // What has expired is refused by its own time.
    "session_expire",
    "token_expire",
    "secret_put",
    "user_rehash",
    // Using a factor up, and what is between two steps of signing in, gives and takes nothing.
    "factor_totp_begin",
    "factor_challenge_create",
    "factor_challenge_attempt",
    "factor_codes_replace",
    "factor_expire",
    "session_prove",
    "ticket_spend",
];

/// The number, and what was last read of the other servers' counter.
pub(crate) struct Rights {
    generation: watch::Sender<u64>,
    shared: Mutex<Option<u64>>,
    /// Until then no copies are to be kept, in milliseconds.
    unsure_until: AtomicI64,
}

impl Rights {
    pub(crate) fn new() -> Self {
        Self { generation: watch::Sender::new(0), shared: Mutex::new(None), unsure_until: AtomicI64::new(0) }
    }
    pub(crate) fn moved(&self) {
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }
}

/// True when a change of this name cannot alter what anybody may do.
pub(crate) fn is_neutral(doing: &str) -> bool {
    NEUTRAL.contains(&doing) || NEUTRAL_NOUNS.iter().any(|noun| doing.starts_with(noun))
}

/// Moves the number when dropped: also when the committing caller went away and nobody knows how it ended.
pub(crate) struct Moving<'a> {
    pub(crate) rights: Option<&'a Rights>,
    pub(crate) now: Time,
    /// The commit has been answered, one way or the other.
    pub(crate) is_sure: bool,
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        let Some(rights) = self.rights else { return };
        if !self.is_sure {
            rights.unsure_until.fetch_max((self.now + UNSURE).as_millis(), Ordering::SeqCst);
        }
        rights.moved();
    }
}

impl Store {
    /// The number that moves when somebody's rights may have changed. Read it before asking for rights that are to be kept.
    ///
    /// `None` while a change may still happen behind everybody's back: then nothing is to be kept, nor what was kept used.
    pub fn rights(&self, now: Time) -> Option<u64> {
        let rights = self.rights_state();
        let generation = *rights.generation.borrow();
        (now.as_millis() >= rights.unsure_until.load(Ordering::SeqCst)).then_some(generation)
    }
    /// Wakes whoever waits for the number to move.
    pub fn rights_watch(&self) -> watch::Receiver<u64> {
        self.rights_state().generation.subscribe()
    }
    /// True when other servers may change the same database: then [`Store::rights_poll`] has to be called now and then.
    pub fn is_shared(&self) -> bool {
        self.backend() == "postgres"
    }
    /// Notices changes of rights that other servers have made.
    pub async fn rights_poll(&self) -> Result<()> {
        let now: u64 = read!(self, "rights_poll", |db| {
            db.one("SELECT value FROM counter WHERE name = 'rights'", args![]).await?.get("value")
        })?;
        let before = self.rights_state().shared.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        if before != Some(now) {
            self.rights_state().moved();
        }
        Ok(())
    }
}
