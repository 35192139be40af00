//! How strong a key may be: never stronger than its owner, and never stronger than the key that makes or changes it.

use super::Key;
use crate::authz::{Authority, Capability, CapabilitySet, Kind, Scope, VerbKind};
use crate::network;

/// Why a key may not be as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// Whoever may delete a key of somebody else must not thereby get its power.
    #[error("only its owner does this to a key, and not with a weaker key")]
    NotYours,
    /// Things of others and things that nobody has are answered alike.
    #[error("there is nothing with the id {} that you can see", .0.join(", "))]
    Unknown(Vec<String>),
    #[error("this is not within your own reach")]
    Scope,
    #[error("you do not hold {} yourself", words(*.0))]
    Capabilities(CapabilitySet),
    #[error("the key that you use ends earlier; name a time before that")]
    Expires,
    #[error("the key that you use is bound to networks; name some of them")]
    Networks,
    #[error("the key that you use is good for {0} a minute; name no more")]
    Rate(u32),
}

impl Beyond {
    /// The field that has to be another, unless nothing would help.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Beyond::NotYours => None,
            Beyond::Unknown(_) | Beyond::Scope => Some("scope"),
            Beyond::Capabilities(_) => Some("capabilities"),
            Beyond::Expires => Some("expires_at"),
            Beyond::Networks => Some("networks"),
            Beyond::Rate(_) => Some("requests_per_minute"),
        }
    }
}

/// Refuses to touch a key for whoever is not its owner, or uses a key that is weaker in any way.
pub fn covers(who: &Authority, by: Option<&Key>, key: &Key) -> Result<(), Beyond> {
    let is_owner = who.user() == Some(key.owner);
    let is_as_strong = who
        .limit
        .as_ref()
        .is_none_or(|limit| key.capabilities.within(limit.capabilities) && is_within(&key.scope, &limit.scope));
    if is_owner && is_as_strong && lasts_within(by, key).is_ok() { Ok(()) } else { Err(Beyond::NotYours) }
}

/// Refuses capabilities that this actor does not hold anywhere in the key's scope, and scopes that are out of its reach.
pub fn holds(who: &Authority, key: &Key) -> Result<(), Beyond> {
    let most = most(who, &key.scope).ok_or(Beyond::Scope)?;
    let more: CapabilitySet = key.capabilities.iter().filter(|capability| !most.allows(*capability)).collect();
    if more == CapabilitySet::NONE { Ok(()) } else { Err(Beyond::Capabilities(more)) }
}

/// A key makes no key that lives longer than itself, works from where it does not, or asks more often: whoever found it for
/// an hour in one network would otherwise have it for ever and everywhere.
pub fn lasts_within(by: Option<&Key>, key: &Key) -> Result<(), Beyond> {
    let Some(by) = by else { return Ok(()) };
    if by.expires_at.is_some_and(|most| key.expires_at.is_none_or(|at| at > most)) {
        return Err(Beyond::Expires);
    }
    if !network::all_within(&key.networks, &by.networks) {
        return Err(Beyond::Networks);
    }
    match by.requests_per_minute {
        Some(most) if key.requests_per_minute.is_none_or(|wanted| wanted > most) => Err(Beyond::Rate(most)),
        Some(_) | None => Ok(()),
    }
}

/// What anybody may do with what is their own: account, sessions, keys.
fn personal() -> CapabilitySet {
    [Kind::User, Kind::Session, Kind::Key]
        .into_iter()
        .flat_map(|kind| [VerbKind::Read, VerbKind::Write].map(|verb| Capability::new(kind, verb)))
        .collect()
}

/// The most that a key with this scope could hold if this actor made it. `None` when the scope is out of the actor's reach.
fn most(who: &Authority, scope: &Scope) -> Option<CapabilitySet> {
    let held = match scope {
        _ if who.is_platform_admin => CapabilitySet::everything(),
        // What is held on single things counts in full: the key is held to these things each time it is used.
        Scope::Workspace(id) => who.member_of(*id)?.allowed_somewhere(),
        Scope::All => who.memberships.iter().fold(personal(), |all, m| all.or(m.allowed_somewhere())),
        Scope::Only(ids) => who
            .memberships
            .iter()
            .fold(personal(), |all, m| ids.iter().fold(all.or(m.capabilities), |all, id| all.or(m.allowed_on(id)))),
    };
    match &who.limit {
        None => Some(held),
        Some(limit) => is_within(scope, &limit.scope).then(|| held.and(limit.capabilities)),
    }
}

fn is_within(inner: &Scope, outer: &Scope) -> bool {
    match (inner, outer) {
        (_, Scope::All) => true,
        (Scope::Workspace(a), Scope::Workspace(b)) => a == b,
        (Scope::Only(a), Scope::Only(b)) => a.iter().all(|id| b.contains(id)),
        (Scope::All | Scope::Only(_), Scope::Workspace(_)) | (Scope::All | Scope::Workspace(_), Scope::Only(_)) => {
            false
        }
    }
}

fn words(set: CapabilitySet) -> String {
    set.iter().map(|capability| capability.to_string()).collect::<Vec<_>>().join(", ")
}
