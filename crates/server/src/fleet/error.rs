//! Why a node did not answer.

use http::StatusCode;
use ostler_model::{Foreign, NodeId};

/// Why a request to a node has no answer, or not the wanted one.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// It has no link. The request was not sent.
    #[error("the node {0} is away")]
    Away(NodeId),
    /// It did not answer in time. The request may or may not have been carried out.
    #[error("the node {0} did not answer in time")]
    Late(NodeId),
    /// The link broke after the request was sent, or in the middle of the answer. It may or may not have been carried out.
    #[error("the link to the node {node} broke: {}", Foreign(why))]
    Cut { node: NodeId, why: String },
    /// The node answered with an error.
    #[error("the node {node} answered {status}: {}", Foreign(message))]
    Refused { node: NodeId, status: StatusCode, message: String },
    /// The node answered something that cannot be read.
    #[error("the node {node} answered something unreadable: {}", Foreign(why))]
    Unreadable { node: NodeId, why: String },
}

impl FleetError {
    /// True when the same may work in a moment: answer 503 and `Retry-After`.
    pub fn is_away(&self) -> bool {
        matches!(self, FleetError::Away(_) | FleetError::Late(_) | FleetError::Cut { .. })
    }
}
