//! How a node signs its requests: what is signed, and the header that carries it.
//!
//! `Authorization: Ostler-Node 2.<node>.<unix ms>.<nonce>.<authority>.<lease>.<boot>.<signature>`, where the signature is
//! Ed25519 over [`Signed::message`]. The authority is the host, and the port if it has one, that the agent has dialled; it
//! and the installation are signed, so what is shown to one server is worthless at another. The cryptography itself is not
//! here: the agent signs, the server verifies.
//!
//! Agents of protocol 1 send `Ostler-Node <node>.<unix ms>.<nonce>.<signature>` and name neither.

use super::AUTH_SCHEME;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ostler_model::node::Lease;
use ostler_model::node::lease::Boot;
use ostler_model::{InstallationId, NodeId, Time};

/// A signature is accepted when it is at most this much older or newer than the server's clock.
pub const FRESH_MS: u64 = 90_000;
/// The longest authority: a host name of 253 characters with its port.
const AUTHORITY_MOST: usize = 260;

/// What a signed request claims. Nothing of it is true before the signature has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub node: NodeId,
    pub at: Time,
    /// Makes each header different; the server accepts each only once, and signs it in its answer.
    pub nonce: [u8; 16],
    /// Absent in protocol 1.
    pub dialled: Option<Dialled>,
    pub signature: [u8; 64],
}

/// What agents sign since protocol 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialled {
    /// The host, and port if there is one, of the URL that the agent dials.
    pub authority: String,
    /// The lease that the agent was handed last.
    pub lease: Option<Lease>,
    /// The agent's process.
    pub boot: Boot,
}

impl Signed {
    /// The bytes that are signed. The first line keeps signatures made for anything else from being accepted here.
    pub fn message(&self, method: &str, path: &str, installation: InstallationId) -> Vec<u8> {
        let (node, ms, nonce) = (self.node, self.at.as_millis(), BASE64.encode(self.nonce));
        match &self.dialled {
            None => format!("ostler-node-1\n{method}\n{path}\n{node}\n{ms}\n{nonce}"),
            Some(Dialled { authority, lease, boot }) => format!(
                "ostler-node-2\n{method}\n{path}\n{installation}\n{authority}\n{node}\n{ms}\n{nonce}\n{}\n{}",
                lease_text(*lease),
                BASE64.encode(boot)
            ),
        }
        .into_bytes()
    }
    /// The value of the `Authorization` header.
    pub fn header(&self) -> String {
        let (node, ms) = (self.node, self.at.as_millis());
        let (nonce, signature) = (BASE64.encode(self.nonce), BASE64.encode(self.signature));
        match &self.dialled {
            None => format!("{AUTH_SCHEME} {node}.{ms}.{nonce}.{signature}"),
            Some(Dialled { authority, lease, boot }) => format!(
                "{AUTH_SCHEME} 2.{node}.{ms}.{nonce}.{}.{}.{}.{signature}",
                BASE64.encode(authority),
                lease_text(*lease),
                BASE64.encode(boot)
            ),
        }
    }
    /// Reads the header's value. `None` when it has another scheme or is malformed.
    pub fn parse(header: &str) -> Option<Signed> {
        let rest = header.strip_prefix(AUTH_SCHEME)?.strip_prefix(' ')?;
        let parts: Vec<&str> = rest.split('.').take(9).collect();
        let (node, at, nonce, dialled, signature) = match parts[..] {
            [node, at, nonce, signature] => (node, at, nonce, None, signature),
            ["2", node, at, nonce, authority, lease, boot, signature] => {
                let authority = String::from_utf8(BASE64.decode(authority).ok()?).ok()?;
                let is_plain = authority.len() <= AUTHORITY_MOST && authority.bytes().all(|b| b.is_ascii_graphic());
                let lease = if lease == "-" { None } else { Some(lease.parse().ok()?) };
                let boot = BASE64.decode(boot).ok()?.try_into().ok()?;
                let dialled = Some(Dialled { authority, lease, boot }).filter(|_| is_plain)?;
                (node, at, nonce, Some(dialled), signature)
            }
            _ => return None,
        };
        Some(Signed {
            node: node.parse().ok()?,
            at: Time::from_millis(at.parse().ok()?),
            nonce: BASE64.decode(nonce).ok()?.try_into().ok()?,
            dialled,
            signature: BASE64.decode(signature).ok()?.try_into().ok()?,
        })
    }
}

pub(super) fn lease_text(lease: Option<Lease>) -> String {
    lease.map_or_else(|| "-".to_owned(), |lease| lease.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::{Id as _, Millis};

    fn signed() -> Signed {
        let node = NodeId::from_parts(Time::from_millis(1_700_000_000_000), 7);
        let lease = Some(Lease { number: 3, nonce: [5; 16] });
        let dialled = Some(Dialled { authority: "ostler.example.org:8443".to_owned(), lease, boot: [8; 16] });
        Signed { node, at: Time::from_millis(1_767_225_600_123), nonce: [3; 16], dialled, signature: [9; 64] }
    }

    #[test]
    fn the_header_reads_back_as_itself() {
        for signed in [signed(), Signed { dialled: None, ..signed() }] {
            assert_eq!(Signed::parse(&signed.header()), Some(signed));
        }
    }

    #[test]
    fn nothing_malformed_is_read() {
        let header = signed().header();
        let odd = |authority: &str| {
            let dialled = Some(Dialled { authority: authority.to_owned(), lease: None, boot: [8; 16] });
            Signed { dialled, ..signed() }.header()
        };
        for wrong in [
            String::new(),
            AUTH_SCHEME.to_owned(),
            header.replace("Ostler-Node", "Bearer"),
            header.replacen('.', "", 1),
            format!("{header}.x"),
            header[..header.len() - 1].to_owned(),
            header.replace("nd_", "wl_"),
            header.replace(" 2.", " 3."),
            header.replace(".3-", ".3+"),
            odd("a b"),
            odd("a\nb"),
            odd(&"a".repeat(300)),
        ] {
            assert_eq!(Signed::parse(&wrong), None, "{wrong} must not be read");
        }
    }

    #[test]
    fn s5_each_part_changes_what_is_signed() {
        let (base, node) = (signed(), NodeId::from_parts(Time::ZERO, 8));
        let (own, other) = (InstallationId::from_parts(Time::ZERO, 1), InstallationId::from_parts(Time::ZERO, 2));
        let message = base.message("GET", "/a", own);
        let dialled = |change: fn(&mut Dialled)| {
            let mut dialled = base.dialled.clone().unwrap();
            change(&mut dialled);
            Signed { dialled: Some(dialled), ..base.clone() }.message("GET", "/a", own)
        };
        for different in [
            base.message("POST", "/a", own),
            base.message("GET", "/b", own),
            base.message("GET", "/a", other),
            Signed { node, ..base.clone() }.message("GET", "/a", own),
            Signed { at: base.at + Millis(1), ..base.clone() }.message("GET", "/a", own),
            Signed { nonce: [4; 16], ..base.clone() }.message("GET", "/a", own),
            Signed { dialled: None, ..base.clone() }.message("GET", "/a", own),
            dialled(|d| d.authority = "ostler.example.com:8443".to_owned()),
            dialled(|d| d.lease = None),
            dialled(|d| d.boot = [9; 16]),
        ] {
            assert_ne!(message, different);
        }
    }
}
