//! When sessions and keys were last used: kept in memory, written now and then, many at once.

use crate::limits::TOUCH_EVERY;
use ostler_model::{KeyId, SessionId, Time};
use ostler_store::Store;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Last uses that are not written yet.
#[derive(Debug, Default)]
pub struct Seen {
    sessions: Mutex<HashMap<SessionId, Time>>,
    keys: Mutex<HashMap<KeyId, (Time, Option<String>)>>,
}

impl Seen {
    /// A session was used. Ignored when that is already known well enough.
    pub fn session(&self, id: SessionId, known: Time, now: Time) {
        if known + TOUCH_EVERY <= now {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(id, now);
        }
    }
    /// A key was used.
    pub fn key(&self, id: KeyId, known: Option<Time>, from: Option<String>, now: Time) {
        if known.is_none_or(|known| known + TOUCH_EVERY <= now) {
            self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (now, from));
        }
    }
    /// Writes what is there. What cannot be written is dropped: the next use says it again.
    pub async fn flush(&self, store: &Store, now: Time) {
        let sessions: Vec<_> = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        let keys: Vec<_> = self.keys.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        let keys: Vec<_> = keys.into_iter().map(|(id, (at, from))| (id, at, from)).collect();
        if !sessions.is_empty()
            && let Err(error) = store.session_touch(&sessions, now).await
        {
            tracing::warn!(%error, "last uses of sessions could not be written");
        }
        if !keys.is_empty()
            && let Err(error) = store.key_touch(&keys, now).await
        {
            tracing::warn!(%error, "last uses of keys could not be written");
        }
    }
}
