//! The decision, and the proof that it was made.

use super::{Actor, ActorKind, Authority, Capability, Kind, Membership, Origin, Scope, Verb, VerbKind};
use crate::{BotId, UserId, WorkspaceId};
use std::marker::PhantomData;
use std::sync::Arc;

/// Something access is decided on.
pub trait Resource: Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;
    /// Its id, as text.
    fn id(&self) -> String;
    /// The workspace it belongs to; `None` for what belongs to the platform.
    fn workspace(&self) -> Option<WorkspaceId>;
    /// The person it belongs to, for what is personal.
    fn owner(&self) -> Option<UserId> {
        None
    }
    /// The bot that made it, for matches.
    fn bot(&self) -> Option<BotId> {
        None
    }
    /// Everybody who has signed in may see it (shared nodes, built-in templates).
    fn is_shared(&self) -> bool {
        false
    }
    /// The id of the thing that this is about: who holds something on that one holds it on this (the jobs of a workload).
    fn about(&self) -> Option<String> {
        None
    }
    /// True for what may be read by whoever may read any part of it, and is then shown to them in part. Only [`Within`].
    fn is_partial(&self) -> bool {
        false
    }
}

/// All things of one kind in a workspace: what lists read and creations write to.
#[derive(Debug, Clone, Copy)]
pub struct Collection<R> {
    workspace: Option<WorkspaceId>,
    of: PhantomData<fn() -> R>,
}

impl<R: Resource> Collection<R> {
    /// Those of one workspace.
    pub fn of(workspace: WorkspaceId) -> Self {
        Self { workspace: Some(workspace), of: PhantomData }
    }
    /// Those of the platform itself.
    pub fn platform() -> Self {
        Self { workspace: None, of: PhantomData }
    }
    /// The workspace, unless it is the platform's collection.
    pub fn workspace_id(&self) -> Option<WorkspaceId> {
        self.workspace
    }
}

impl<R: Resource> Resource for Collection<R> {
    const KIND: Kind = R::KIND;
    fn id(&self) -> String {
        self.workspace.map_or_else(|| "platform".to_owned(), |w| w.to_string())
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
}

/// Those things of one kind in a workspace that somebody may read. Unlike a [`Collection`] it is open to whoever may read but
/// one of them, so whatever reads it has to keep to [`Within::only`] and
/// [`Within::scope`].
#[derive(Debug, Clone, Copy)]
pub struct Within<R> {
    workspace: WorkspaceId,
    of: PhantomData<fn() -> R>,
}

impl<R: Resource> Within<R> {
    /// Those of one workspace.
    pub fn of(workspace: WorkspaceId) -> Self {
        Self { workspace, of: PhantomData }
    }
    /// The workspace.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.workspace
    }
    /// The ids of the things of the workspace that may be read, or that what may be read is about. `None` for all of them.
    pub fn only(&self, who: &Authority) -> Option<Vec<String>> {
        let read = Capability::new(R::KIND, VerbKind::Read);
        let member = who.member_of(self.workspace).filter(|member| !member.capabilities.allows(read));
        let ids = |member: &Membership| {
            member.on.iter().filter(|on| on.capabilities.allows(read)).map(|on| on.id.clone()).collect()
        };
        if who.is_platform_admin { None } else { member.map(ids) }
    }
    /// The ids that a key is confined to, whatever else may be read and also for what is shared. `None` for all.
    pub fn scope<'a>(&self, who: &'a Authority) -> Option<&'a [String]> {
        match who.limit.as_ref().map(|limit| &limit.scope) {
            Some(Scope::Only(ids)) => Some(ids),
            None | Some(Scope::All | Scope::Workspace(_)) => None,
        }
    }
}

impl<R: Resource> Resource for Within<R> {
    const KIND: Kind = R::KIND;
    fn id(&self) -> String {
        self.workspace.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace)
    }
    fn is_partial(&self) -> bool {
        true
    }
}

/// The platform itself: settings, setup, metrics.
#[derive(Debug, Clone, Copy)]
pub struct Platform;
impl Resource for Platform {
    const KIND: Kind = Kind::Platform;
    fn id(&self) -> String {
        "platform".to_owned()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Nobody has signed in.
    SignIn,
    /// May not know that it exists: answer as if it did not.
    Hidden,
    /// May know, but lacks this capability.
    Lacks(Capability),
}

/// Proof that the policy allowed `V` on one `R`. Only [`authorize`] makes it.
pub struct Grant<R, V> {
    id: String,
    workspace: Option<WorkspaceId>,
    actor: Arc<Actor>,
    origin: Arc<Origin>,
    of: PhantomData<fn() -> (R, V)>,
}

impl<R: Resource, V: Verb> Grant<R, V> {
    /// The id of the resource that was decided on.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// Its workspace.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
    /// Who was allowed.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
    /// Where the request came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
    /// The capability that was used.
    pub fn capability(&self) -> Capability {
        Capability::new(R::KIND, V::VERB)
    }
}

impl<R, V> Clone for Grant<R, V> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            workspace: self.workspace,
            actor: self.actor.clone(),
            origin: self.origin.clone(),
            of: PhantomData,
        }
    }
}

impl<R, V> std::fmt::Debug for Grant<R, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grant({} by {})", self.id, self.actor.label)
    }
}

/// Decides, and hands out the proof.
pub fn authorize<R: Resource, V: Verb>(who: &Authority, what: &R, origin: &Arc<Origin>) -> Result<Grant<R, V>, Denied> {
    decide(who, what, V::VERB)?;
    Ok(Grant {
        id: what.id(),
        workspace: what.workspace(),
        actor: Arc::new(who.actor.clone()),
        origin: origin.clone(),
        of: PhantomData,
    })
}

/// The whole policy. Hidden when even reading is not allowed, so a foreign resource looks exactly like a missing one.
pub fn decide<R: Resource>(who: &Authority, what: &R, verb: VerbKind) -> Result<(), Denied> {
    if matches!(who.actor.kind, ActorKind::Anonymous) {
        return Err(Denied::SignIn);
    }
    let wanted = Capability::new(R::KIND, verb);
    // A key's capability is checked before anything is looked at, so a weak key learns nothing about ids.
    if let Some(limit) = &who.limit {
        if !limit.capabilities.allows(wanted) {
            return Err(Denied::Lacks(wanted));
        }
        if !in_scope(&limit.scope, what) {
            return Err(Denied::Hidden);
        }
    }
    if holds(who, what, wanted) {
        return Ok(());
    }
    if holds(who, what, Capability::new(R::KIND, VerbKind::Read)) {
        Err(Denied::Lacks(wanted))
    } else {
        Err(Denied::Hidden)
    }
}

fn in_scope<R: Resource>(scope: &Scope, what: &R) -> bool {
    match scope {
        Scope::All => true,
        Scope::Workspace(id) => what.workspace() == Some(*id) || what.is_shared(),
        Scope::Only(ids) => what.is_partial() || names(ids, what),
    }
}

fn names<R: Resource>(ids: &[String], what: &R) -> bool {
    ids.contains(&what.id()) || what.about().is_some_and(|id| ids.contains(&id))
}

fn holds<R: Resource>(who: &Authority, what: &R, wanted: Capability) -> bool {
    match who.actor.kind {
        ActorKind::Anonymous => false,
        ActorKind::System(reason) => reason.capabilities().allows(wanted),
        // A node speaks about itself only.
        ActorKind::Node(id) => R::KIND == Kind::Node && wanted.verb == VerbKind::Report && what.id() == id.to_string(),
        // A bot deals with what it has made, the platform's own with every match.
        ActorKind::Bot(id) => {
            R::KIND == Kind::Match && wanted.verb != VerbKind::Report && (id.is_none() || what.bot() == id)
        }
        ActorKind::User(_) | ActorKind::Key { .. } => {
            if wanted.verb == VerbKind::Report {
                return false;
            }
            let is_own = what.owner().is_some() && what.owner() == who.user();
            let may_see = wanted.verb == VerbKind::Read && what.is_shared();
            let by_membership =
                what.workspace().and_then(|id| who.member_of(id)).is_some_and(|member| gives(member, what, wanted));
            who.is_platform_admin || is_own || may_see || by_membership
        }
    }
}

/// What a member may do with a thing of the workspace: by their role, or by a team's on this thing or what it is about.
fn gives<R: Resource>(member: &Membership, what: &R, wanted: Capability) -> bool {
    if member.capabilities.allows(wanted) {
        return true;
    }
    if member.on.is_empty() {
        return false;
    }
    if what.is_partial() {
        return wanted.verb == VerbKind::Read && member.allowed_somewhere().allows(wanted);
    }
    member.allowed_on(&what.id()).allows(wanted) || what.about().is_some_and(|id| member.allowed_on(&id).allows(wanted))
}
