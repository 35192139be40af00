//! Before anything is run: does the control plane take this process for the node?
//!
//! A copy of an agent's state must not run what the original runs. So an agent asks before it starts what its journal names;
//! when the control plane is away it starts all the same, since games outlive control planes.

use super::dial::Dial;
use super::knock::{Knocker, Told};
use super::lease::Leases;
use crate::identity::Identity;
use http::StatusCode;
use ostler_runtime::{Clock, Ids};
use ostler_wire::link::proof::{ServerKey, Way, authority, is_loopback};
use std::sync::atomic::AtomicI64;

/// What the control plane says to it.
#[derive(Debug)]
pub enum Claimed {
    /// It is the node. For a node that joined before control planes had keys, the key that is to be pinned now.
    Yes { pin: Option<ServerKey> },
    /// Another machine is the node now; the sentence says what to do.
    Copied(String),
    /// This server is not obeyed, or does not know the node.
    Refused(String),
    /// Nothing answers.
    Away(String),
}

/// Asks for the node's lease, without a link.
pub async fn claim(identity: &Identity, leases: &Leases, dial: &dyn Dial, (clock, ids): (&Clock, &Ids)) -> Claimed {
    let member = &identity.member;
    let is_plain = authority(&member.url).is_some_and(|authority| is_loopback(&authority));
    if member.server_key.is_none() && is_plain {
        return Claimed::Refused(format!(
            "this node joined {} with an older release and has not pinned its key, and without TLS nothing else proves who \
             answers there: make a join token (ostler node invite) and run, with what stands after its dot: \
             ostler agent pin KEY",
            member.url
        ));
    }
    let ahead_ms = AtomicI64::new(0);
    let knocker = Knocker {
        dial,
        clock,
        ids,
        key: &identity.key,
        url: &member.url,
        node: member.node,
        installation: Some(member.installation),
        pinned: member.server_key,
        leases,
        ahead_ms: &ahead_ms,
    };
    let mut is_corrected = false;
    loop {
        let reached = match knocker.knock(Way::None).await {
            Ok(reached) => reached,
            Err(why) => return Claimed::Away(why),
        };
        match knocker.correct_clock(&reached) {
            Ok(true) if !is_corrected => {
                is_corrected = true;
                continue;
            }
            Ok(_) => {}
            Err(why) => return Claimed::Refused(why),
        }
        let status = reached.answer.status;
        if let Ok(statement) = &reached.statement
            && status == StatusCode::UPGRADE_REQUIRED
        {
            statement.lease.and_then(|lease| leases.store(lease));
            return Claimed::Yes { pin: Some(statement.key).filter(|_| member.server_key.is_none()) };
        }
        return match reached.told(Way::None, &member.url) {
            Told::Refused(StatusCode::CONFLICT, why) => Claimed::Copied(why),
            Told::Refused(status, why) if status.is_server_error() => Claimed::Away(why),
            Told::Refused(_, why) | Told::Unproven(why) => Claimed::Refused(why),
            Told::NoUpgrade(why) | Told::Away(why) => Claimed::Away(why),
        };
    }
}
