//! The link to the control plane: dialled from here, served from here.
//!
//! The agent dials `GET /api/v1/agent/link`, upgrades, and then serves HTTP/2 on the connection with the router that it was
//! given; it never listens. Nothing is served before the server has proven, by the key that this node pinned when it joined,
//! that it is its control plane. Several links at once are allowed. A link that breaks is dialled again with jitter and back-off;
//! what was under way on it is the caller's to repeat, which desired snapshots and numbered streams make harmless.
//! What this room does not know: what the routes do.

mod claim;
pub mod dial;
mod keep;
pub(crate) mod knock;
mod lease;
mod proof;
mod serve;

pub use claim::{Claimed, claim};
pub use dial::{Dial, HttpDial};
pub use keep::{Config, Links, State, start};
pub use lease::Leases;
pub use proof::{Challenge, Wrong};

use crate::identity::Membership;
use ostler_model::node::Facts;
use ostler_wire::link::{Hello, HelloAnswer, agree};

/// What the agent says of itself in its answer to `POST /hello`.
#[derive(Debug, Clone)]
pub struct Me {
    pub facts: Facts,
    pub desired_seq: u64,
    pub agent_boot: String,
}

/// The answer to `POST /hello`, or a sentence that says why this server is not obeyed.
pub fn hello(member: &Membership, hello: &Hello, me: Me) -> Result<HelloAnswer, String> {
    if hello.installation != member.installation {
        return Err(format!(
            "this node belongs to installation {}, not to {}",
            member.installation, hello.installation
        ));
    }
    if hello.node != member.node {
        return Err(format!("this is node {}, not {}", member.node, hello.node));
    }
    let protocol = agree(hello)?;
    Ok(HelloAnswer { protocol, facts: me.facts, desired_seq: me.desired_seq, agent_boot: me.agent_boot })
}
