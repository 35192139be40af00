//! What must happen, from the declared access and the model's policy. Knows nothing of handlers.

use super::world::World;
use ostler_model::authz::{
    Actor, ActorKind, Authority, CapabilitySet, Denied, Kind, Limit, Membership, Resource, Role, RoleRef, Scope,
    VerbKind, decide,
};
use ostler_model::team::TeamReach;
use ostler_model::{Id as _, KeyId, NodeId, RoleId, Time, UserId, WorkspaceId, role};
use ostler_server::http::{Access, Endpoint, Found, Presence};

/// How a request must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    /// Access is given; what comes of it is not this test's business.
    Pass,
    Unauthorized,
    Lack,
    Hide,
    /// A key has the right to it, and it is only for people.
    Person,
    /// The state of the workspace forbids it, and the answer says so.
    Archived,
}

/// What is done to an archived workspace itself. Whatever else changes something in it is refused.
const EVEN_ARCHIVED: [&str; 2] = ["workspace.restore", "workspace.delete"];

/// What a decision looks at.
struct Facts {
    id: String,
    workspace: Option<WorkspaceId>,
    owner: Option<UserId>,
    is_shared: bool,
    about: Option<String>,
    is_partial: bool,
}

struct Thing<const K: usize>(Facts);

impl<const K: usize> Resource for Thing<K> {
    const KIND: Kind = Kind::ALL[K];
    fn id(&self) -> String {
        self.0.id.clone()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.0.workspace
    }
    fn owner(&self) -> Option<UserId> {
        self.0.owner
    }
    fn is_shared(&self) -> bool {
        self.0.is_shared
    }
    fn about(&self) -> Option<String> {
        self.0.about.clone()
    }
    fn is_partial(&self) -> bool {
        self.0.is_partial
    }
}

/// The caller's rights, written down from how the world was built.
pub(super) fn authority(world: &World, caller: &str, weak_in: Option<Kind>) -> Option<Authority> {
    let role = |role| vec![Membership::built_in(world.workspace, role)];
    let elsewhere = vec![Membership::built_in(world.theirs, Role::Owner)];
    let in_team = |workload: &str, node: Option<NodeId>| {
        let mut membership = Membership::built_in(world.workspace, Role::Viewer);
        membership.add(&TeamReach::Only(vec![workload.to_owned()]), Role::Member.capabilities());
        if let Some(node) = node {
            membership.add(&TeamReach::Only(vec![node.to_string()]), Role::Admin.capabilities());
        }
        vec![membership]
    };
    let custom = || {
        let held = ["workload:operate", "job:read"].map(|word| word.parse().expect("a capability"));
        let role = RoleRef::Custom(RoleId::from_parts(Time::ZERO, 1));
        vec![Membership::new(world.workspace, role, role::effective(held))]
    };
    let (who, memberships, is_admin) = match caller {
        "strangr" => ("strangr", elsewhere, false),
        "viewer" => ("viewer", role(Role::Viewer), false),
        "member" => ("member", role(Role::Member), false),
        "admin" => ("admin", role(Role::Admin), false),
        "custom" => ("custom", custom(), false),
        "teamed" => ("teamed", in_team(&world.names["workload"], Some(world.node)), false),
        "teamoff" => ("teamoff", in_team(&world.names["other"], None), false),
        "owner" | "archive" | "key" | "weakkey" | "farkey" | "wskey" | "onekey" => ("owner", role(Role::Owner), false),
        "root" => ("root", Vec::new(), true),
        _ => return None,
    };
    let owner = world.people[who].0;
    let everything = CapabilitySet::everything();
    let limit = match caller {
        "key" => Some(Limit { capabilities: everything, scope: Scope::All }),
        "farkey" => Some(Limit { capabilities: everything, scope: Scope::Workspace(world.theirs) }),
        "wskey" => Some(Limit { capabilities: everything, scope: Scope::Workspace(world.workspace) }),
        "onekey" => {
            let scope = Scope::Only(vec![world.names["workload"].clone()]);
            Some(Limit { capabilities: everything, scope })
        }
        "weakkey" => {
            let capabilities = everything.iter().filter(|c| Some(c.kind) != weak_in).collect();
            Some(Limit { capabilities, scope: Scope::All })
        }
        _ => None,
    };
    let kind = match limit {
        Some(_) => ActorKind::Key { id: KeyId::from_parts(Time::ZERO, 1), owner },
        None => ActorKind::User(owner),
    };
    Some(Authority { actor: Actor { kind, label: caller.to_owned() }, is_platform_admin: is_admin, memberships, limit })
}

/// How this request must end.
pub(super) fn must(world: &World, endpoint: &Endpoint, caller: &str, is_absent: bool) -> Must {
    let (capability, found) = match endpoint.access {
        Access::Public => return Must::Pass,
        Access::NodeLink => return if caller == "node" { Must::Pass } else { Must::Unauthorized },
        // The callers of the matrix are no bots; `matches` tries those.
        Access::Bot => return Must::Unauthorized,
        Access::SignedIn => {
            return if authority(world, caller, None).is_some() { Must::Pass } else { Must::Unauthorized };
        }
        Access::Allowed { capability, found } => (capability, found),
    };
    let Some(who) = authority(world, caller, Some(capability.kind)) else { return Must::Unauthorized };
    if who.limit.as_ref().is_some_and(|limit| !limit.capabilities.allows(capability)) {
        return Must::Lack;
    }
    if is_absent {
        return Must::Hide;
    }
    // Without a workspace in the request and without a membership there is nothing to guess from; the matrix always says it.
    let facts = facts(world, endpoint, found, &who);
    let is_within = facts.workspace == Some(world.workspace);
    let is_change = capability.verb != VerbKind::Read;
    match by_kind(&who, capability.kind, facts, capability.verb) {
        Ok(()) if caller == "archive" && is_within && is_change && !EVEN_ARCHIVED.contains(&&*endpoint.action()) => {
            Must::Archived
        }
        Ok(()) if endpoint.presence != Presence::Any && who.limit.is_some() => Must::Person,
        Ok(()) => Must::Pass,
        Err(Denied::SignIn) => Must::Unauthorized,
        Err(Denied::Lacks(_)) => Must::Lack,
        Err(Denied::Hidden) => Must::Hide,
    }
}

fn facts(world: &World, endpoint: &Endpoint, found: Found, who: &Authority) -> Facts {
    let own =
        |id: String, owner| Facts { id, workspace: None, owner, is_shared: false, about: None, is_partial: false };
    let in_workspace = |id: String| Facts { workspace: Some(world.workspace), ..own(id, None) };
    match found {
        Found::InWorkspace => in_workspace(world.workspace.to_string()),
        Found::PartlyInWorkspace => Facts { is_partial: true, ..in_workspace(world.workspace.to_string()) },
        Found::OnPlatform => own("platform".into(), None),
        Found::Own if endpoint.params().any(|p| p == "user") => own(world.member.to_string(), Some(world.member)),
        Found::Own => own(who.user().map(|u| u.to_string()).unwrap_or_default(), who.user()),
        Found::Param(name @ ("session" | "key")) => own(world.param(endpoint.noun, name, false), Some(world.member)),
        // As admins of the platform deal with them: being oneself gives no right to it.
        Found::Param("user") if endpoint.noun == "user" => own(world.member.to_string(), None),
        Found::Param(name @ "factor") => own(world.param(endpoint.noun, name, false), Some(world.member)),
        Found::Param(name @ "provider") => own(world.param(endpoint.noun, name, false), None),
        Found::Param("template") => Facts { is_shared: true, ..own("process".into(), None) },
        Found::Param("job") => {
            let about = Some(world.names["workload"].clone());
            Facts { about, ..in_workspace(world.param(endpoint.noun, "job", false)) }
        }
        Found::Param(name) => in_workspace(world.param(endpoint.noun, name, false)),
    }
}

fn by_kind(who: &Authority, kind: Kind, facts: Facts, verb: VerbKind) -> Result<(), Denied> {
    let at = Kind::ALL.iter().position(|k| *k == kind).expect("every kind is listed");
    match at {
        0 => decide(who, &Thing::<0>(facts), verb),
        1 => decide(who, &Thing::<1>(facts), verb),
        2 => decide(who, &Thing::<2>(facts), verb),
        3 => decide(who, &Thing::<3>(facts), verb),
        4 => decide(who, &Thing::<4>(facts), verb),
        5 => decide(who, &Thing::<5>(facts), verb),
        6 => decide(who, &Thing::<6>(facts), verb),
        7 => decide(who, &Thing::<7>(facts), verb),
        8 => decide(who, &Thing::<8>(facts), verb),
        9 => decide(who, &Thing::<9>(facts), verb),
        10 => decide(who, &Thing::<10>(facts), verb),
        11 => decide(who, &Thing::<11>(facts), verb),
        12 => decide(who, &Thing::<12>(facts), verb),
        13 => decide(who, &Thing::<13>(facts), verb),
        _ => panic!("a kind was added; add its line here"),
    }
}
