//! Whether a request was signed by the node that it names, just now, and is seen for the first time.

use super::key::LinkKey;
use ostler_model::node::Node;
use ostler_model::{Millis, NodeId, Time};
use ostler_store::{Store, StoreError};
use ostler_wire::link::sign::{FRESH_MS, Signed};
use ring::signature::{ED25519, UnparsedPublicKey};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Signatures of one node that are remembered. An honest node dials a few times a minute.
const REMEMBERED_PER_NODE: usize = 512;
/// Nodes at which forgotten ones are swept out.
const SWEEP_AT: usize = 1024;

/// Why a signature is not accepted. The caller is told none of this, only 401; the log is. Only a node that has proven itself is
/// told that it has dialled another name.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the signature is malformed")]
    Malformed,
    #[error("the signature's time is {0} ms away from this server's")]
    NotFresh(u64),
    #[error("the node is unknown, or the signature is not its own")]
    Wrong,
    #[error("the signature has been used already")]
    Replayed,
    #[error("the agent has dialled {dialled}, and this control plane is called {names}")]
    Elsewhere { dialled: String, names: String },
    #[error("the node signs too many requests")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Nonces of one node with the time until which each is remembered, oldest first.
type Seen = VecDeque<(Time, [u8; 16])>;

/// Verifies nodes' signatures and remembers them, so that none is accepted twice.
#[derive(Debug, Default)]
pub struct Verifier {
    seen: Mutex<HashMap<NodeId, Seen>>,
}

impl Verifier {
    /// The node that signed this request. The same work is done for nodes that do not exist.
    pub async fn verify(
        &self,
        store: &Store,
        now: Time,
        method: &str,
        path: &str,
        (header, key): (&str, &LinkKey),
    ) -> Result<Node, Refused> {
        let signed = Signed::parse(header).ok_or(Refused::Malformed)?;
        let away = now.as_millis().abs_diff(signed.at.as_millis());
        if away > FRESH_MS {
            return Err(Refused::NotFresh(away));
        }
        let node = store.node_find(signed.node).await?;
        let public = node.as_ref().map_or(NOBODY.as_slice(), |n| n.public_key.as_slice());
        let bytes = signed.message(method, path, key.installation());
        let is_genuine = UnparsedPublicKey::new(&ED25519, public).verify(&bytes, &signed.signature).is_ok();
        let node = node.filter(|_| is_genuine).ok_or(Refused::Wrong)?;
        if let Some(dialled) = signed.dialled.as_ref().filter(|dialled| !key.is_own(&dialled.authority)) {
            return Err(Refused::Elsewhere { dialled: dialled.authority.clone(), names: key.names() });
        }
        // Last, so that only the node itself can fill its own memory.
        self.remember(&signed, now)?;
        Ok(node)
    }

    fn remember(&self, signed: &Signed, now: Time) -> Result<(), Refused> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SWEEP_AT && !seen.contains_key(&signed.node) {
            seen.retain(|_, own| own.back().is_some_and(|(until, _)| *until > now));
        }
        let own = seen.entry(signed.node).or_default();
        while own.front().is_some_and(|(until, _)| *until <= now) {
            own.pop_front();
        }
        if own.iter().any(|(_, nonce)| *nonce == signed.nonce) {
            return Err(Refused::Replayed);
        }
        if own.len() >= REMEMBERED_PER_NODE {
            return Err(Refused::TooMany);
        }
        // A signature from the future stays fresh for the longest: twice the span from now.
        own.push_back((now + Millis(2 * FRESH_MS + 1), signed.nonce));
        Ok(())
    }
}

/// A valid public key whose private half nobody has: the basepoint of the curve.
const NOBODY: [u8; 32] = {
    let mut key = [0x66; 32];
    key[0] = 0x58;
    key
};
