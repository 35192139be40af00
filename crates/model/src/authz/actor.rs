//! Actors, and the rights they have at this moment.

use super::{CapabilitySet, Kind, Role, RoleRef};
use crate::team::TeamReach;
use crate::{BotId, KeyId, NodeId, RequestId, UserId, WorkspaceId};

/// Who acts, as audit and events remember it. The label is kept because the thing itself may be deleted later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub kind: ActorKind,
    pub label: String,
}

/// The kinds of actor. Each request has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// Nobody has signed in.
    Anonymous,
    User(UserId),
    Key {
        id: KeyId,
        owner: UserId,
    },
    Node(NodeId),
    /// A program that makes matches; `None` is the platform's own, whose key is in the configuration.
    Bot(Option<BotId>),
    System(SystemReason),
}

impl ActorKind {
    /// The kind's stable spelling, as audit shows it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            ActorKind::Anonymous => "anonymous",
            ActorKind::User(_) => "user",
            ActorKind::Key { .. } => "apikey",
            ActorKind::Node(_) => "node",
            ActorKind::Bot(_) => "bot",
            ActorKind::System(_) => "system",
        }
    }
    /// The actor's id, when it has one.
    pub fn id(&self) -> Option<String> {
        match self {
            ActorKind::Anonymous => None,
            ActorKind::User(id) => Some(id.to_string()),
            ActorKind::Key { id, .. } => Some(id.to_string()),
            ActorKind::Node(id) => Some(id.to_string()),
            ActorKind::Bot(id) => id.map(|id| id.to_string()),
            ActorKind::System(reason) => Some(reason.as_str().to_owned()),
        }
    }
}

/// Why the platform itself acts. Each reason holds exactly the rights listed in [`SystemReason::capabilities`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemReason {
    /// First run: creating the first admin and workspace.
    Setup,
    /// A job acts on what its creator was allowed to ask for.
    Job,
    /// A reconciler brings rows and nodes together.
    Reconcile,
    /// Expired rows are removed.
    Retention,
    /// Sign-in and sign-out change sessions before there is an actor.
    SignIn,
}

impl SystemReason {
    /// Every reason.
    pub const ALL: [SystemReason; 5] = [
        SystemReason::Setup,
        SystemReason::Job,
        SystemReason::Reconcile,
        SystemReason::Retention,
        SystemReason::SignIn,
    ];

    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            SystemReason::Setup => "setup",
            SystemReason::Job => "job",
            SystemReason::Reconcile => "reconcile",
            SystemReason::Retention => "retention",
            SystemReason::SignIn => "sign-in",
        }
    }

    /// Exactly what may be done for this reason, in any workspace.
    pub fn capabilities(self) -> CapabilitySet {
        use super::{Capability as C, VerbKind as V};
        let pairs: &[(Kind, V)] = match self {
            SystemReason::Setup => &[
                (Kind::Platform, V::Write),
                (Kind::User, V::Write),
                (Kind::Workspace, V::Write),
                (Kind::Member, V::Write),
                (Kind::Session, V::Write),
                (Kind::Node, V::Write),
                (Kind::Workload, V::Write),
            ],
            SystemReason::Job => &[
                (Kind::Job, V::Operate),
                (Kind::Workload, V::Operate),
                (Kind::Workload, V::Write),
                (Kind::Node, V::Read),
            ],
            SystemReason::Reconcile => &[
                (Kind::Node, V::Report),
                (Kind::Workload, V::Report),
                (Kind::Node, V::Read),
                (Kind::Workload, V::Read),
                (Kind::Match, V::Report),
            ],
            SystemReason::Retention => {
                &[(Kind::Event, V::Write), (Kind::Job, V::Write), (Kind::Session, V::Write), (Kind::Audit, V::Write)]
            }
            SystemReason::SignIn => &[(Kind::Session, V::Write), (Kind::User, V::Read)],
        };
        pairs.iter().map(|(k, v)| C::new(*k, *v)).collect()
    }
}

/// A membership as policy sees it: what it allows at this moment, whatever that comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub workspace: WorkspaceId,
    /// What the person is called there. Decides nothing.
    pub role: RoleRef,
    /// What is allowed on everything in the workspace: by the role, and by teams whose role holds everywhere.
    pub capabilities: CapabilitySet,
    /// What teams allow beyond that, on single things. One entry per thing.
    pub on: Vec<OnThing>,
}

/// What is allowed on one thing, and on what is about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnThing {
    pub id: String,
    pub capabilities: CapabilitySet,
}

impl Membership {
    /// With a role and nothing from teams.
    pub fn new(workspace: WorkspaceId, role: RoleRef, capabilities: CapabilitySet) -> Self {
        Self { workspace, role, capabilities, on: Vec::new() }
    }
    /// With a built-in role and nothing from teams.
    pub fn built_in(workspace: WorkspaceId, role: Role) -> Self {
        Self::new(workspace, role.into(), role.capabilities())
    }
    /// Adds what a team allows.
    pub fn add(&mut self, reach: &TeamReach, capabilities: CapabilitySet) {
        let ids = match reach {
            TeamReach::Workspace => return self.capabilities = self.capabilities.or(capabilities),
            TeamReach::Only(ids) => ids,
        };
        for id in ids {
            match self.on.binary_search_by(|thing| thing.id.cmp(id)) {
                Ok(at) => self.on[at].capabilities = self.on[at].capabilities.or(capabilities),
                Err(at) => self.on.insert(at, OnThing { id: id.clone(), capabilities }),
            }
        }
    }
    /// What is allowed on the thing with this id, and on what is about it.
    pub fn allowed_on(&self, id: &str) -> CapabilitySet {
        let more = self.on.binary_search_by(|thing| thing.id.as_str().cmp(id)).map(|at| self.on[at].capabilities);
        self.capabilities.or(more.unwrap_or_default())
    }
    /// What is allowed on anything at all: the most that a key of this person could ever use here.
    pub fn allowed_somewhere(&self) -> CapabilitySet {
        self.on.iter().fold(self.capabilities, |all, thing| all.or(thing.capabilities))
    }
}

/// What narrows an API key below its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub capabilities: CapabilitySet,
    pub scope: Scope,
}

/// Which things a key reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All that its owner reaches.
    All,
    /// All in one workspace.
    Workspace(WorkspaceId),
    /// Only the things with these ids.
    Only(Vec<String>),
}

/// An actor together with the rights it has now. Built per request from fresh rows, never stored.
#[derive(Debug, Clone)]
pub struct Authority {
    pub actor: Actor,
    pub is_platform_admin: bool,
    pub memberships: Vec<Membership>,
    /// Present for API keys: the owner's rights above, narrowed by this.
    pub limit: Option<Limit>,
}

impl Authority {
    /// Nobody.
    pub fn anonymous() -> Self {
        Self::bare(ActorKind::Anonymous, "anonymous")
    }
    /// A node, about itself.
    pub fn node(id: NodeId, label: &str) -> Self {
        Self::bare(ActorKind::Node(id), label)
    }
    /// A bot, about the matches that it has made; without an id the platform's own, about all of them.
    pub fn bot(id: Option<BotId>, label: &str) -> Self {
        Self::bare(ActorKind::Bot(id), label)
    }
    /// The platform, for a stated reason.
    pub fn system(reason: SystemReason) -> Self {
        Self::bare(ActorKind::System(reason), reason.as_str())
    }
    fn bare(kind: ActorKind, label: &str) -> Self {
        Self {
            actor: Actor { kind, label: label.to_owned() },
            is_platform_admin: false,
            memberships: Vec::new(),
            limit: None,
        }
    }
    /// The person behind the request: the user itself or a key's owner.
    pub fn user(&self) -> Option<UserId> {
        match self.actor.kind {
            ActorKind::User(id) | ActorKind::Key { owner: id, .. } => Some(id),
            ActorKind::Anonymous | ActorKind::Node(_) | ActorKind::Bot(_) | ActorKind::System(_) => None,
        }
    }
    /// The membership in a workspace, if a member.
    pub fn member_of(&self, workspace: WorkspaceId) -> Option<&Membership> {
        self.memberships.iter().find(|m| m.workspace == workspace)
    }
    /// The role in a workspace, if a member.
    pub fn role_in(&self, workspace: WorkspaceId) -> Option<RoleRef> {
        self.member_of(workspace).map(|m| m.role)
    }
}

/// Where a request came from, for audit and logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    pub request_id: Option<RequestId>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
}
