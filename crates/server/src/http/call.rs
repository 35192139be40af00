//! One request: what is known about it before its input is read, and who makes it.

use super::error::{Error, Result};
use super::registry::Endpoint;
use crate::app::App;
use axum::extract::RawPathParams;
use http::HeaderMap;
use ostler_model::authz::{ActorKind, Authority, Origin};
use ostler_model::factor::Standing;
use ostler_model::key::Key;
use ostler_model::matches::Bot;
use ostler_model::user::{Session, User};
use ostler_model::{RequestId, WorkspaceId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Who makes the request, with the rights of this moment.
#[derive(Debug)]
pub struct Caller {
    pub authority: Authority,
    pub origin: Arc<Origin>,
    /// The person: signed in, or the owner of the key. Absent for nodes.
    pub user: Option<User>,
    /// The browser session, when there is one.
    pub session: Option<Session>,
    /// The API key, when it is one.
    pub key: Option<Key>,
    /// What second factor is demanded of the person.
    pub standing: Standing,
}

/// A request on its way to its handler.
pub struct Call {
    pub app: App,
    pub endpoint: Arc<Endpoint>,
    pub request_id: RequestId,
    pub origin: Arc<Origin>,
    /// It came over TLS.
    pub is_secure: bool,
    /// It came by a worker's prefix, `/wN`.
    pub worker: Option<u32>,
    pub params: Vec<(Arc<str>, String)>,
    /// `?workspace=`, which belongs to the proof and not to the input.
    pub workspace_query: Option<String>,
    /// The named bot that asks, when one does.
    pub bot: Option<Arc<Bot>>,
    /// Set by authentication; stays empty for public endpoints.
    pub caller: Option<Arc<Caller>>,
    /// A new cookie for the answer, when authentication has made one.
    pub cookie: Option<HeaderMap>,
    /// How near the key is to a limit of its own, when it has one.
    pub standing: Option<super::rate::Standing>,
    /// What a refusal would be about.
    pub about: Arc<About>,
}

/// What an attempt was about, for the audit trail, should it be refused.
#[derive(Debug, Default)]
pub struct About {
    subject: OnceLock<String>,
    workspace: OnceLock<WorkspaceId>,
    is_settled: AtomicBool,
}

impl About {
    /// Whom or what it concerns: an address, an id; never a secret. The first one counts.
    pub fn subject(&self, text: &str) {
        let _ = self.subject.set(text.chars().filter(|c| !c.is_control()).take(254).collect());
    }
    /// The workspace whose trail it belongs into, of which the caller may know.
    pub fn workspace(&self, id: WorkspaceId) {
        let _ = self.workspace.set(id);
    }
    /// The refusal is in the trail already.
    pub fn settle(&self) {
        self.is_settled.store(true, Ordering::SeqCst);
    }
    /// What was said so far; `None` when there is nothing left to write.
    pub fn told(&self) -> Option<(Option<&str>, Option<WorkspaceId>)> {
        let is_settled = self.is_settled.load(Ordering::SeqCst);
        (!is_settled).then(|| (self.subject.get().map(String::as_str), self.workspace.get().copied()))
    }
}

impl Call {
    /// A parameter of the path.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| &**n == name).map(|(_, value)| value.as_str())
    }
    /// The caller, when it is a person or a key.
    pub fn person(&self) -> Result<Arc<Caller>> {
        let caller = self.caller.clone().ok_or(Error::SignIn)?;
        match caller.authority.actor.kind {
            ActorKind::User(_) | ActorKind::Key { .. } => Ok(caller),
            ActorKind::Node(_) | ActorKind::Bot(_) | ActorKind::System(_) => Err(Error::Credentials),
            ActorKind::Anonymous => Err(Error::SignIn),
        }
    }
}

/// The path's parameters as text.
pub(super) fn params(raw: &RawPathParams) -> Vec<(Arc<str>, String)> {
    raw.iter().map(|(name, value)| (Arc::from(name), value.to_owned())).collect()
}

/// What the front door learnt about a request; travels with it as an extension.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub request_id: RequestId,
    pub origin: Arc<Origin>,
    /// Where it came from, as far as trusted hops say.
    pub client: std::net::IpAddr,
    /// It came over TLS, here or at a trusted proxy.
    pub is_secure: bool,
    /// It came by a worker's prefix, `/wN`.
    pub worker: Option<u32>,
}
