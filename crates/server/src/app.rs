//! The application: what every handler and loop is given.

use crate::audit::{Budget, Notary};
use crate::auth::{Known, Passwords, Seen, Signer};
use crate::config::Config;
use crate::fleet::{Fleet, LinkKey, Verifier};
use crate::http::Rates;
use crate::job::Engine;
use crate::mail::Post;
use crate::matches::Matches;
use crate::oidc::Journeys;
use crate::realtime::Bus;
use crate::reconcile::Reconciler;
use crate::setting::Settings;
use crate::template::Catalog;
use crate::workload::Lowering;
use ostler_model::{BootId, InstallationId, Time};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_store::Store;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What [`App`] leads to.
pub struct Inner {
    pub store: Store,
    pub clock: Clock,
    pub ids: Ids,
    pub spawn: Spawn,
    pub config: Config,
    /// What is said where, and what of it holds.
    pub settings: Settings,
    /// Writes letters for the outbox, and wakes who sends them.
    pub post: Post,
    pub installation: InstallationId,
    pub boot: BootId,
    pub started_at: Time,
    pub bus: Bus,
    pub fleet: Fleet,
    pub verifier: Verifier,
    /// What shows nodes that this is their control plane.
    pub link_key: LinkKey,
    pub jobs: Engine,
    pub reconciler: Reconciler,
    pub templates: Catalog,
    pub lowering: Lowering,
    /// The workers of matches, and what is kept in memory about bots.
    pub matches: Matches,
    pub rates: Rates,
    /// What sign-ins by providers share.
    pub journeys: Journeys,
    pub passwords: Passwords,
    /// Whose credentials are whose, while nobody's rights change.
    pub known: Known,
    /// Makes and checks access tokens.
    pub signer: Signer,
    /// Signs checkpoints of the audit trail.
    pub notary: Notary,
    /// How many refused attempts of the unknown are written down.
    pub refusals: Budget,
    /// Last uses of sessions and keys.
    pub seen: Seen,
    /// Ends first when the server stops: streams and sockets end, requests finish.
    pub drain: CancellationToken,
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.installation)
    }
}

impl App {
    /// Puts the parts together.
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}
