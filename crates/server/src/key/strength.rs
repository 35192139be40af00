//! How strong a key may be. Pure.

use ostler_model::authz::{Authority, Capability, CapabilitySet, Kind, Scope, VerbKind};
use ostler_model::key::Key;

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
        Scope::Workspace(id) => who.role_in(*id)?.capabilities(),
        Scope::All | Scope::Only(_) => who.memberships.iter().fold(personal(), |all, m| all.or(m.role.capabilities())),
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
