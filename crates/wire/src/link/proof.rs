//! How the control plane shows a node that it holds the installation's key: what is signed, and how it travels.
//!
//! A node's request carries a fresh nonce. The control plane signs that nonce together with the installation, the node, the
//! authority that the agent has dialled, its time and the protocol: in the header [`HEADER`] of an answer that is no link,
//! and in the [`Hello`](super::Hello) of one that is. The agent has pinned the public key when it joined. The cryptography
//! itself is not here.

use super::sign::lease_text;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ostler_model::node::Lease;
use ostler_model::{InstallationId, NodeId, Time};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The header of answers that are no link.
pub const HEADER: &str = "ostler-server";
/// The header of the agent's answer to the hello: the number of the lease that it has stored.
pub const STORED_HEADER: &str = "ostler-lease";

/// The public half of the installation's key. As short as a fingerprint of it would be, so it stands for itself.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerKey(pub [u8; 32]);

/// It is not 43 characters of base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a control plane's key has 43 letters, digits, dashes and underscores")]
pub struct ServerKeyError;

impl fmt::Display for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}
impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerKey({self})")
    }
}
impl FromStr for ServerKey {
    type Err = ServerKeyError;
    fn from_str(text: &str) -> Result<Self, ServerKeyError> {
        let bytes = BASE64.decode(text).map_err(|_| ServerKeyError)?;
        Ok(Self(bytes.try_into().map_err(|_| ServerKeyError)?))
    }
}
impl TryFrom<String> for ServerKey {
    type Error = ServerKeyError;
    fn try_from(text: String) -> Result<Self, ServerKeyError> {
        text.parse()
    }
}
impl From<ServerKey> for String {
    fn from(key: ServerKey) -> String {
        key.to_string()
    }
}

/// What a link can be asked for with, as it arrived at the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// No upgrade arrived.
    None,
    /// `Upgrade: ostler-link`: HTTP/2 on the bare connection.
    Bare,
    /// `Upgrade: websocket`: HTTP/2 in binary messages.
    WebSocket,
}

impl Way {
    const ALL: [Way; 3] = [Way::None, Way::Bare, Way::WebSocket];
    /// As it is signed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Way::None => "none",
            Way::Bare => super::UPGRADE,
            Way::WebSocket => "websocket",
        }
    }
}

/// What the signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A link that begins.
    Link,
    /// An answer that is no link.
    Answer,
}

/// What the control plane says and signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub installation: InstallationId,
    pub key: ServerKey,
    pub protocol: u32,
    pub at: Time,
    /// The upgrade that arrived.
    pub saw: Way,
    /// The node's lease from now on.
    pub lease: Option<Lease>,
    pub signature: [u8; 64],
}

/// Of the request that is answered.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    pub node: NodeId,
    pub authority: &'a str,
    pub nonce: &'a [u8; 16],
}

impl Statement {
    /// The bytes that are signed.
    pub fn message(&self, what: For, about: About<'_>) -> Vec<u8> {
        let what = match what {
            For::Link => "link",
            For::Answer => "answer",
        };
        let (About { node, authority, nonce }, Statement { installation, protocol, saw, lease, .. }) = (about, self);
        let (nonce, ms, saw) = (BASE64.encode(nonce), self.at.as_millis(), saw.as_str());
        format!(
            "ostler-server-2\n{what}\n{installation}\n{authority}\n{node}\n{nonce}\n{protocol}\n{ms}\n{saw}\n{}",
            lease_text(*lease)
        )
        .into_bytes()
    }
    /// As it travels.
    pub fn text(&self) -> String {
        let (ms, saw, lease) = (self.at.as_millis(), self.saw.as_str(), lease_text(self.lease));
        let signature = BASE64.encode(self.signature);
        format!("{}.{}.{}.{ms}.{saw}.{lease}.{signature}", self.installation, self.key, self.protocol)
    }
    /// Reads what travelled. `None` when it is malformed.
    pub fn parse(text: &str) -> Option<Statement> {
        let parts: Vec<&str> = text.split('.').take(8).collect();
        let [installation, key, protocol, ms, saw, lease, signature] = parts[..] else { return None };
        Some(Statement {
            installation: installation.parse().ok()?,
            key: key.parse().ok()?,
            protocol: protocol.parse().ok()?,
            at: Time::from_millis(ms.parse().ok()?),
            saw: Way::ALL.into_iter().find(|way| way.as_str() == saw)?,
            lease: if lease == "-" { None } else { Some(lease.parse().ok()?) },
            signature: BASE64.decode(signature).ok()?.try_into().ok()?,
        })
    }
}

/// The host, and port if there is one, of a URL, in the one spelling that both sides sign: lower case, no default port.
pub fn authority(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    Some(url.port().map_or(host.clone(), |port| format!("{host}:{port}")))
}

/// Whether an authority is this machine: an address of the loopback, or `localhost`.
pub fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            if !port.bytes().all(|b| b.is_ascii_digit()) {
                return false;
            }
            host
        }
        _ => authority,
    };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::Id as _;

    fn statement() -> Statement {
        Statement {
            installation: InstallationId::from_parts(Time::ZERO, 1),
            key: ServerKey([7; 32]),
            protocol: 2,
            at: Time::from_millis(1_767_225_600_123),
            saw: Way::WebSocket,
            lease: Some(Lease { number: 4, nonce: [2; 16] }),
            signature: [1; 64],
        }
    }

    #[test]
    fn a_statement_reads_back_as_itself_and_nothing_malformed_does() {
        let text = statement().text();
        assert_eq!(Statement::parse(&text), Some(statement()));
        let none = Statement { lease: None, saw: Way::None, ..statement() };
        assert_eq!(Statement::parse(&none.text()), Some(none));
        for wrong in ["", "a.b", &text[1..], &format!("{text}.x"), &text.replace("websocket", "socket")] {
            assert_eq!(Statement::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn s5_each_part_changes_what_the_server_signs() {
        let (base, node) = (statement(), NodeId::from_parts(Time::ZERO, 3));
        let about = About { node, authority: "ostler.example.org", nonce: &[3; 16] };
        let message = base.message(For::Link, about);
        for different in [
            base.message(For::Answer, about),
            base.message(For::Link, About { node: NodeId::from_parts(Time::ZERO, 4), ..about }),
            base.message(For::Link, About { authority: "ostler.example.com", ..about }),
            base.message(For::Link, About { nonce: &[4; 16], ..about }),
            Statement { installation: InstallationId::from_parts(Time::ZERO, 2), ..base.clone() }
                .message(For::Link, about),
            Statement { protocol: 3, ..base.clone() }.message(For::Link, about),
            Statement { at: Time::ZERO, ..base.clone() }.message(For::Link, about),
            Statement { saw: Way::Bare, ..base.clone() }.message(For::Link, about),
            Statement { lease: None, ..base.clone() }.message(For::Link, about),
        ] {
            assert_ne!(message, different);
        }
    }

    #[test]
    fn s5_authorities_have_one_spelling_and_only_this_machine_is_loopback() {
        for (url, spelled, is_here) in [
            ("https://Ostler.Example.org", "ostler.example.org", false),
            ("https://ostler.example.org:443/", "ostler.example.org", false),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", true),
            ("http://127.9.9.9", "127.9.9.9", true),
            ("http://localhost:80", "localhost", true),
            ("http://[::1]:8080", "[::1]:8080", true),
            ("http://[::1]", "[::1]", true),
            ("http://[::ffff:127.0.0.1]", "[::ffff:7f00:1]", true),
            ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080", false),
            ("http://10.0.0.1", "10.0.0.1", false),
            ("http://localhost.example.org", "localhost.example.org", false),
            ("http://127.0.0.1.example.org", "127.0.0.1.example.org", false),
            // Another spelling of 127.0.0.1, and one of 0.0.0.0, which some systems take for it.
            ("http://0x7f.1", "127.0.0.1", true),
            ("http://0.0.0.0", "0.0.0.0", false),
        ] {
            let authority = authority(url).unwrap();
            assert_eq!((authority.as_str(), is_loopback(&authority)), (spelled, is_here), "{url}");
        }
    }
}
