//! What server and agent say to each other over the link.
//!
//! The agent dials `GET /api/v1/agent/link` and upgrades, to a bare connection or, where a proxy passes nothing else, to a
//! WebSocket whose binary messages carry the same bytes; from then on *it* serves HTTP/2 on the connection and the server
//! is the client. Both prove themselves first: the agent in [`sign`], the server in [`proof`]. Routes that the agent serves (never on a port of its own):
//!
//! | route | body → answer |
//! |---|---|
//! | `POST /hello` | [`Hello`] → [`HelloAnswer`] |
//! | `GET /health`, `GET /ready` | → 200 |
//! | `GET /status` | → [`Status`] |
//! | `PUT /desired` | [`Snapshot`] or [`Change`] (tagged) → [`DesiredAnswer`] |
//! | `GET /observed` | → lines of JSON, one [`Observation`] each, never ending |
//! | `GET /stats` | → lines of [`crate::stats::NodeStats`], every two seconds, until closed |
//! | `GET /workloads/{id}/stats` | → lines of [`crate::stats::WorkloadStats`] |
//! | `GET /workloads/{id}/console?after=SEQ&follow=BOOL` | → lines of [`crate::console::ConsoleLine`] |
//! | `POST /workloads/{id}/console` | [`crate::console::ConsoleCommand`] → 204 |
//! | `CONNECT /workloads/{id}/ports/{port}`, protocol [`FORWARD`] | bytes to and from a TCP port of what runs, by its name |
//!
//! Unknown fields are tolerated here (unlike in the API), so that N and N−1 understand each other.

pub mod proof;
pub mod sign;
pub mod tuning;

use ostler_model::node::Facts;
use ostler_model::workload::{Desired, Report};
use ostler_model::{InstallationId, NodeId, Time, WorkloadId};
use serde::{Deserialize, Serialize};

/// The protocol spoken by this build. Since 2 both sides prove themselves, and nodes have leases.
pub const PROTOCOL: u32 = 2;
/// The oldest that this build's server still understands. Its agent obeys no server that does not prove itself.
pub const PROTOCOL_OLDEST: u32 = 1;
/// The `Upgrade` token.
pub const UPGRADE: &str = "ostler-link";
/// The protocol of an extended CONNECT that leads to a port of a workload.
pub const FORWARD: &str = "ostler-forward";
/// The scheme of the `Authorization` header with which a node signs its requests.
pub const AUTH_SCHEME: &str = "Ostler-Node";

/// The server's first request on a new link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    pub installation: InstallationId,
    pub node: NodeId,
    /// Protocols that the server speaks, newest and oldest.
    pub newest: u32,
    pub oldest: u32,
    pub server_version: String,
    pub now: Time,
    /// [`proof::Statement`] about this link. Absent for agents of protocol 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HelloAnswer {
    /// The newest protocol that both speak.
    pub protocol: u32,
    pub facts: Facts,
    /// The `desired_seq` that the agent has stored.
    pub desired_seq: u64,
    /// Changes with every start of the agent process.
    pub agent_boot: String,
}

/// The newest protocol of both, or a sentence for the operator of the side that is too old.
pub fn agree(hello: &Hello) -> Result<u32, String> {
    agree_between((PROTOCOL_OLDEST, PROTOCOL), (hello.oldest, hello.newest))
}

fn agree_between(agent: (u32, u32), server: (u32, u32)) -> Result<u32, String> {
    let newest = agent.1.min(server.1);
    if newest >= agent.0.max(server.0) {
        return Ok(newest);
    }
    let old = if agent.1 < server.0 { "upgrade the agent" } else { "upgrade the server" };
    Err(format!(
        "the server speaks protocols {} to {}, the agent {} to {}: {old}",
        server.0, server.1, agent.0, agent.1
    ))
}

/// What the server wants of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(
    clippy::large_enum_variant,
    reason = "made once per message and serialised at once; a box would only add noise"
)]
pub enum Want {
    Snapshot(Snapshot),
    Change(Change),
}

/// Everything that this node shall run. What is not in it shall not be here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub installation: InstallationId,
    pub seq: u64,
    pub workloads: Vec<Desired>,
}

/// One workload changed. Applies only on top of `after`; else the agent asks for a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub installation: InstallationId,
    pub after: u64,
    pub seq: u64,
    pub workload: Desired,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DesiredAnswer {
    /// Stored on disk; it will be converged.
    Accepted { seq: u64 },
    /// The agent has a different base: send a snapshot.
    NeedSnapshot { have: u64 },
    /// Older than what the agent has. Somebody restored an old backup, or two servers believe they own this node.
    Stale { have: u64 },
    /// The agent belongs to another installation.
    Foreign { installation: InstallationId },
}

/// One line of the observed stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Observation {
    /// A workload's full report. On connect one for each workload, then one per change.
    Workload { id: WorkloadId, report: Report },
    /// All reports of the connect have been sent.
    Synced { seq: u64 },
    /// Facts about the node changed.
    Facts { facts: Facts },
    /// Nothing happened for a while; the agent is alive.
    Beat { at: Time },
}

/// The agent in one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub started_at: Time,
    pub desired_seq: u64,
    pub workloads: usize,
    pub links: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_agree_on_the_older_protocol_and_strangers_are_told_who_is_too_old() {
        for (agent, server, expected) in [
            ((1, 1), (1, 1), Ok(1)),
            ((1, 2), (2, 3), Ok(2)),
            ((2, 3), (1, 2), Ok(2)),
            ((2, 3), (2, 3), Ok(3)),
            ((1, 2), (3, 4), Err("upgrade the agent")),
            ((3, 4), (1, 2), Err("upgrade the server")),
        ] {
            let agreed = agree_between(agent, server);
            match expected {
                Ok(protocol) => assert_eq!(agreed, Ok(protocol)),
                Err(advice) => assert!(agreed.unwrap_err().ends_with(advice)),
            }
        }
    }
}
