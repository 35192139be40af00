//! What somebody behind an open stream or socket may do *now*.
//!
//! A request is decided on once, but a stream stays open for hours: who was signed out, thrown out or given less must not go
//! on reading. So the credentials that opened it are asked for before anything is sent, which costs nothing while nobody's
//! rights change, and a quiet stream wakes when they do.

use crate::app::App;
use crate::auth::{self, Identity, Proof};
use http::HeaderMap;
use ostler_model::Millis;
use ostler_model::authz::Authority;
use ostler_store::StoreError;
use std::sync::Arc;
use tokio::sync::watch;

/// A quiet stream looks at its credentials this often, whatever happens: they may end by themselves, or at another server.
pub const FRESH: Millis = Millis(700);

/// The credentials of an open stream.
pub struct Standing {
    app: App,
    proof: Proof,
    identity: Option<Arc<Identity>>,
    rights: watch::Receiver<u64>,
}

impl Standing {
    /// For the headers of the request that opened the stream. `None` without usable credentials.
    pub async fn new(app: &App, headers: &HeaderMap) -> Option<Self> {
        let rights = app.store.rights_watch();
        let proof = auth::presented(app, headers).await.ok().flatten()?;
        Some(Self { app: app.clone(), proof, identity: None, rights })
    }

    /// The rights of this moment; `None` when the credentials are not valid any more. When the database cannot be asked the
    /// answer is an error: nobody is let through on old rights.
    pub async fn now(&mut self) -> Result<Option<&Authority>, StoreError> {
        self.rights.borrow_and_update();
        let now = self.app.clock.now();
        self.identity = self.app.known.find(&self.app.store, &self.proof, now).await?;
        Ok(self.identity.as_ref().map(|identity| &identity.authority))
    }

    /// The same, after looking for what other servers have changed.
    pub async fn look(&mut self) -> Result<Option<&Authority>, StoreError> {
        if self.app.store.is_shared() {
            self.app.store.rights_poll().await?;
        }
        self.now().await
    }

    /// Returns when it is time to ask again: somebody's rights have changed, or a moment has passed.
    pub async fn moved(&mut self) {
        let sleep = self.app.clock.sleep(FRESH);
        tokio::select! {
            changed = self.rights.changed() => if changed.is_err() {
                // The store is gone, and with it everything there was to read.
                self.app.clock.sleep(FRESH).await;
            },
            () = sleep => {}
        }
    }
}
