//! How a node signs its requests: what is signed, and the header that carries it.
//!
//! `Authorization: Ostler-Node <node>.<unix ms>.<nonce>.<signature>`, where the signature is Ed25519 over [`message`]. The
//! cryptography itself is not here: the agent signs, the server verifies.

use super::AUTH_SCHEME;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ostler_model::{NodeId, Time};

/// A signature is accepted when it is at most this much older or newer than the server's clock.
pub const FRESH_MS: u64 = 90_000;

/// What a signed request claims. Nothing of it is true before the signature has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub node: NodeId,
    pub at: Time,
    /// Makes each header different; the server accepts each only once.
    pub nonce: [u8; 16],
    pub signature: [u8; 64],
}

/// The bytes that are signed. The first line keeps signatures made for anything else from being accepted here.
pub fn message(method: &str, path: &str, node: NodeId, at: Time, nonce: &[u8; 16]) -> Vec<u8> {
    format!("ostler-node-1\n{method}\n{path}\n{node}\n{}\n{}", at.as_millis(), BASE64.encode(nonce)).into_bytes()
}

impl Signed {
    /// The value of the `Authorization` header.
    pub fn header(&self) -> String {
        let (nonce, signature) = (BASE64.encode(self.nonce), BASE64.encode(self.signature));
        format!("{AUTH_SCHEME} {}.{}.{nonce}.{signature}", self.node, self.at.as_millis())
    }
    /// Reads the header's value. `None` when it has another scheme or is malformed.
    pub fn parse(header: &str) -> Option<Signed> {
        let rest = header.strip_prefix(AUTH_SCHEME)?.strip_prefix(' ')?;
        let mut parts = rest.split('.');
        let (node, at, nonce, signature) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Signed {
            node: node.parse().ok()?,
            at: Time::from_millis(at.parse().ok()?),
            nonce: BASE64.decode(nonce).ok()?.try_into().ok()?,
            signature: BASE64.decode(signature).ok()?.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::Id as _;

    fn signed() -> Signed {
        let node = NodeId::from_parts(Time::from_millis(1_700_000_000_000), 7);
        Signed { node, at: Time::from_millis(1_767_225_600_123), nonce: [3; 16], signature: [9; 64] }
    }

    #[test]
    fn the_header_reads_back_as_itself() {
        assert_eq!(Signed::parse(&signed().header()), Some(signed()));
    }

    #[test]
    fn nothing_malformed_is_read() {
        let header = signed().header();
        for wrong in [
            String::new(),
            AUTH_SCHEME.to_owned(),
            header.replace("Ostler-Node", "Bearer"),
            header.replacen('.', "", 1),
            format!("{header}.x"),
            header[..header.len() - 1].to_owned(),
            header.replace("nd_", "wl_"),
        ] {
            assert_eq!(Signed::parse(&wrong), None, "{wrong} must not be read");
        }
    }

    #[test]
    fn each_part_changes_what_is_signed() {
        let Signed { node, at, nonce, .. } = signed();
        let base = message("GET", "/a", node, at, &nonce);
        let other_node = NodeId::from_parts(Time::ZERO, 8);
        for other in [
            message("POST", "/a", node, at, &nonce),
            message("GET", "/b", node, at, &nonce),
            message("GET", "/a", other_node, at, &nonce),
            message("GET", "/a", node, at + ostler_model::Millis(1), &nonce),
            message("GET", "/a", node, at, &[4; 16]),
        ] {
            assert_ne!(base, other);
        }
    }
}
