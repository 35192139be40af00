//! How strong a key may be. Pure.

use crate::http::{Error, Result};
use ostler_model::authz::{Authority, Capability, CapabilitySet, Kind, Scope, VerbKind};
use ostler_model::key::Key;
use ostler_model::{Network, Time, network};

/// What anybody may do with what is their own: account, sessions, keys.
fn personal() -> CapabilitySet {
    [Kind::User, Kind::Session, Kind::Key]
        .into_iter()
        .flat_map(|kind| [VerbKind::Read, VerbKind::Write].map(|verb| Capability::new(kind, verb)))
        .collect()
}

/// The most that a key with this scope could hold if this actor made it. `None` when the scope is out of the actor's reach.
pub(super) fn most(who: &Authority, scope: &Scope) -> Option<CapabilitySet> {
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

/// True when the actor, who may be a key itself, is at least as strong as this key: only then may it see the key's new secret.
pub(super) fn covers(who: &Authority, key: &Key) -> bool {
    let is_owner = who.user() == Some(key.owner);
    let is_as_strong = who
        .limit
        .as_ref()
        .is_none_or(|limit| key.capabilities.within(limit.capabilities) && is_within(&key.scope, &limit.scope));
    is_owner && is_as_strong
}

/// A key makes no key that lives longer than itself, works from where it does not, or asks more often: whoever found it for
/// an hour in one network would otherwise have it for ever and everywhere.
pub(super) fn lasts_within(
    maker: Option<&Key>,
    (networks, expires_at, per_minute): (&[Network], Option<Time>, Option<u32>),
) -> Result<()> {
    let Some(maker) = maker else { return Ok(()) };
    if maker.expires_at.is_some_and(|most| expires_at.is_none_or(|at| at > most)) {
        return Err(Error::field("expires_at", "the key that you use ends earlier; name a time before that"));
    }
    if !network::all_within(networks, &maker.networks) {
        return Err(Error::field("networks", "the key that you use is bound to networks; name some of them"));
    }
    if let Some(most) = maker.requests_per_minute.filter(|most| per_minute.is_none_or(|wanted| wanted > *most)) {
        let message = format!("the key that you use is good for {most} a minute; name no more");
        return Err(Error::field("requests_per_minute", message));
    }
    Ok(())
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
