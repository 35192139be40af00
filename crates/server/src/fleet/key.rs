//! What shows nodes that this server is their control plane: the installation's key for links.
//!
//! Nodes pin its public half when they join, so it is made once and stays the same; the private half is sealed like every secret
//! of the database. It signs nothing but [`Statement`]s, each about one request.

use crate::auth::signing_key;
use anyhow::Context as _;
use http::{HeaderMap, header};
use ostler_model::node::Lease;
use ostler_model::{InstallationId, Time};
use ostler_runtime::{Clock, Ids};
use ostler_store::Store;
use ostler_store::token::Purpose;
use ostler_wire::link::proof::{About, For, ServerKey, Statement, Way, authority, is_loopback};
use ostler_wire::link::sign::Signed;
use ostler_wire::link::{PROTOCOL, UPGRADE};
use ring::signature::Ed25519KeyPair;
use std::sync::Arc;

/// The installation's key for links, and the names under which it may be dialled.
#[derive(Debug, Clone)]
pub struct LinkKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pair: Ed25519KeyPair,
    public: ServerKey,
    installation: InstallationId,
    authorities: Vec<String>,
}

impl LinkKey {
    /// The key; the first start makes it. `urls` are those under which nodes dial.
    pub async fn load(
        store: &Store,
        (ids, clock): (&Ids, &Clock),
        installation: InstallationId,
        urls: &[String],
    ) -> anyhow::Result<Self> {
        let (_, pair, keys) = signing_key(store, ids, Purpose::Link, clock.now()).await?;
        let public = keys.first().and_then(|key| <[u8; 32]>::try_from(key.public.as_slice()).ok());
        let public = ServerKey(public.context("the stored key for links has not 32 bytes")?);
        let authorities = urls.iter().filter_map(|url| authority(url)).collect();
        Ok(Self(Arc::new(Inner { pair, public, installation, authorities })))
    }
    /// What nodes pin.
    pub fn public(&self) -> ServerKey {
        self.0.public
    }
    /// Which installation this is.
    pub fn installation(&self) -> InstallationId {
        self.0.installation
    }
    /// Whether an agent that dials this has dialled this server: by a name of its own, or on the loopback, which each machine has
    /// for itself.
    pub fn is_own(&self, authority: &str) -> bool {
        is_loopback(authority) || self.0.authorities.iter().any(|own| own == authority)
    }
    /// The names under which it is dialled, for messages.
    pub(super) fn names(&self) -> String {
        self.0.authorities.join(", ")
    }
    /// Signs an answer to this request. `None` for agents that do not ask for it.
    pub fn prove(&self, what: For, signed: &Signed, saw: Way, (lease, at): (Option<Lease>, Time)) -> Option<String> {
        let dialled = signed.dialled.as_ref()?;
        let Inner { pair, public, installation, .. } = &*self.0;
        let about = About { node: signed.node, authority: &dialled.authority, nonce: &signed.nonce };
        let mut statement = Statement {
            installation: *installation,
            key: *public,
            protocol: PROTOCOL,
            at,
            saw,
            lease,
            signature: [0; 64],
        };
        let signature = pair.sign(&statement.message(what, about));
        statement.signature = signature.as_ref().try_into().ok()?;
        Some(statement.text())
    }
}

/// The upgrade that a request asks for, as it arrived.
pub fn way(headers: &HeaderMap) -> Way {
    match headers.get(header::UPGRADE).and_then(|value| value.to_str().ok()) {
        Some(value) if value.eq_ignore_ascii_case(UPGRADE) => Way::Bare,
        Some(value) if value.eq_ignore_ascii_case("websocket") => Way::WebSocket,
        _ => Way::None,
    }
}

/// What a request says of itself, before anything of it has been verified.
pub fn signed(headers: &HeaderMap) -> Option<Signed> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(Signed::parse)
}
