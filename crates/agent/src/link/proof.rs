//! Whether what answers is the control plane that this node joined.

use http::HeaderMap;
use ostler_model::{InstallationId, NodeId};
use ostler_wire::link::proof::{About, For, HEADER, ServerKey, Statement};
use ring::signature::{ED25519, UnparsedPublicKey};

/// What one request has asked: the server's signature must be about exactly this.
#[derive(Debug, Clone)]
pub struct Challenge {
    pub node: NodeId,
    pub authority: String,
    pub nonce: [u8; 16],
    /// `None` while joining: the key alone says which it is.
    pub installation: Option<InstallationId>,
    /// `None` for a node that joined an older release over TLS; the key is pinned then.
    pub pinned: Option<ServerKey>,
}

/// Why the server is not obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error(
        "the server at {0} does not prove that it is this node's control plane: it is another one, or of an older release \
         than this agent (upgrade the control plane first)"
    )]
    Missing(String),
    #[error("the server at {0} says something unreadable about itself")]
    Malformed(String),
    #[error("this node belongs to installation {own}, not to {theirs}, whose server answers at {authority}")]
    Installation { authority: String, own: InstallationId, theirs: InstallationId },
    #[error(
        "the server at {0} does not hold the key that this node pinned when it joined. If the control plane was set up again \
         without its database, delete the node there and join again; if another program answers at this address, end it first"
    )]
    Key(String),
    #[error("the server at {0} repeats an answer that was for another request, or shows a key that it does not hold")]
    Signature(String),
}

impl Challenge {
    /// The server's statement in the headers of an answer that is no link.
    pub(crate) fn answer(&self, headers: &HeaderMap) -> Result<Statement, Wrong> {
        let text = headers.get(HEADER).and_then(|value| value.to_str().ok());
        self.verify(For::Answer, text)
    }
    /// Verifies what the server says about this request.
    pub fn verify(&self, what: For, text: Option<&str>) -> Result<Statement, Wrong> {
        let authority = || self.authority.clone();
        let text = text.ok_or_else(|| Wrong::Missing(authority()))?;
        let statement = Statement::parse(text).ok_or_else(|| Wrong::Malformed(authority()))?;
        if self.pinned.is_some_and(|pinned| pinned != statement.key) {
            return Err(Wrong::Key(authority()));
        }
        let about = About { node: self.node, authority: &self.authority, nonce: &self.nonce };
        let key = UnparsedPublicKey::new(&ED25519, &statement.key.0);
        let signed = key.verify(&statement.message(what, about), &statement.signature);
        signed.map_err(|_| Wrong::Signature(authority()))?;
        match self.installation {
            Some(own) if own != statement.installation => {
                Err(Wrong::Installation { authority: authority(), own, theirs: statement.installation })
            }
            _ => Ok(statement),
        }
    }
}
