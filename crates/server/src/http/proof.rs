//! Proofs: what a handler takes to show that its caller may. The proof's constant is the endpoint's declared access.

use super::call::{About, Call, Caller};
use super::error::{Error, Result};
use crate::app::App;
use ostler_model::authz::{
    ActorKind, Authority, Capability, Denied, Grant, Kind, Origin, Resource, Scope, Verb, VerbKind,
};
use ostler_model::authz::{Collection, Platform, Within, authorize};
use ostler_model::user::{Session, User};
use ostler_model::workspace::Workspace;
use ostler_model::{Name, NodeId, UserId, WorkspaceId, workload};
use ostler_store::Reach;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

/// Who may, as declared by the handler's proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, also without credentials.
    Public,
    /// Every person and every API key.
    SignedIn,
    /// Nodes, and nobody else.
    NodeLink,
    /// Bots that make matches, and nobody else.
    Bot,
    /// Whoever the policy allows this on this kind of thing.
    Allowed { capability: Capability, found: Found },
}

/// Where the thing is that access is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Named by this parameter of the path.
    Param(&'static str),
    /// All things of the kind in a workspace: `{workspace}`, else `?workspace=`, else the actor's first one.
    InWorkspace,
    /// The same, but open to whoever may read any of them, and then shown in part.
    PartlyInWorkspace,
    /// All things of the kind on the platform, or the platform itself.
    OnPlatform,
    /// The caller's own account, or the one that the path names.
    Own,
}

/// Who has to be behind a request. What decides who a person is (credentials, links, providers, mail, the public address,
/// rules about second factors) wants a person, because a key or an old cookie could make itself stronger by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// An API key will do.
    Any,
    /// A person in a session of theirs.
    InPerson,
    /// A person whose session has lately shown who is behind it.
    Confirmed,
}

impl Presence {
    /// For documents; `None` when there is nothing to say.
    pub const fn words(self) -> Option<&'static str> {
        match self {
            Presence::Any => None,
            Presence::InPerson => Some("Only in person: API keys are refused."),
            Presence::Confirmed => Some(
                "Only in person, in a session that has lately shown who is behind it (`POST /api/v1/auth/confirm`): API keys are refused.",
            ),
        }
    }
}

/// Something a handler takes to show that its caller may.
pub trait Proof: Sized + Send + 'static {
    /// The declared access.
    const ACCESS: Access;
    /// Who has to be there, besides having the right to it.
    const PRESENCE: Presence = Presence::Any;
    /// Decides.
    fn prove(call: &Call) -> impl Future<Output = Result<Self>> + Send;
}

/// Everybody may. Credentials are not even looked at.
#[derive(Debug, Clone)]
pub struct Public {
    pub origin: Arc<Origin>,
    /// It came over TLS.
    pub is_secure: bool,
    /// Tells the audit trail what it was about, should it be refused.
    pub about: Arc<About>,
}

impl Proof for Public {
    const ACCESS: Access = Access::Public;
    async fn prove(call: &Call) -> Result<Self> {
        Ok(Self { origin: call.origin.clone(), is_secure: call.is_secure, about: call.about.clone() })
    }
}

/// A person or an API key, whatever their rights. What it then reads is filtered by these.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub caller: Arc<Caller>,
}

impl Proof for SignedIn {
    const ACCESS: Access = Access::SignedIn;
    async fn prove(call: &Call) -> Result<Self> {
        Ok(Self { caller: call.person()? })
    }
}

/// A node, proven by its signature.
#[derive(Debug, Clone)]
pub struct NodeLink {
    pub node: NodeId,
    pub caller: Arc<Caller>,
}

impl Proof for NodeLink {
    const ACCESS: Access = Access::NodeLink;
    async fn prove(call: &Call) -> Result<Self> {
        let caller = call.caller.clone().ok_or(Error::SignIn)?;
        match caller.authority.actor.kind {
            ActorKind::Node(node) => Ok(Self { node, caller }),
            _ => Err(Error::Credentials),
        }
    }
}

/// The thing itself, and the grant of one verb on it.
#[derive(Debug, Clone)]
pub struct Allowed<R, V> {
    pub resource: R,
    pub grant: Grant<R, V>,
    pub caller: Arc<Caller>,
}

impl<R: Load, V: Verb> Allowed<R, V> {
    async fn decide(call: &Call) -> Result<Self> {
        let caller = call.person()?;
        let wanted = Capability::new(R::KIND, V::VERB);
        // Before anything is looked up, so that a weak key learns nothing about ids, not even by the time it takes.
        if caller.authority.limit.as_ref().is_some_and(|limit| !limit.capabilities.allows(wanted)) {
            return Err(Error::Lacks(wanted));
        }
        let find = Lookup { call, who: &caller.authority };
        let resource = R::load(&call.app, &find).await?.ok_or(Error::NotFound)?;
        // A member to whom it is closed for want of a second factor knows it anyway, and has to learn what to do.
        let is_closed = |workspace| caller.standing.is_closed(workspace, call.app.clock.now());
        let is_closed = !caller.authority.is_platform_admin && resource.workspace().is_some_and(is_closed);
        let grant = authorize(&caller.authority, &resource, &caller.origin).inspect_err(|denied| {
            // Who may know of the workspace is written into its own trail; others must not be able to fill it.
            if let (Denied::Lacks(_), Some(workspace)) = (denied, resource.workspace()) {
                call.about.workspace(workspace);
            }
        });
        let grant = match grant {
            Err(Denied::Hidden) if is_closed => return Err(crate::factor::needed()),
            decided => decided?,
        };
        Ok(Self { resource, grant, caller })
    }
    /// Refuses what would change something in an archived workspace. The database decides once more at the end, for those
    /// who archive at the same time; this is for the sake of a quick answer and of what does not end in the database.
    async fn is_open(&self, call: &Call) -> Result<()> {
        let Some(id) = self.resource.workspace().filter(|_| !matches!(V::VERB, VerbKind::Read | VerbKind::Report))
        else {
            return Ok(());
        };
        match call.app.store.workspace_find(id).await? {
            Some(workspace) if workspace.archived_at.is_some() => Err(crate::workspace::archived()),
            _ => Ok(()),
        }
    }
}

impl<R: Load, V: Verb> Proof for Allowed<R, V> {
    const ACCESS: Access = Access::Allowed { capability: Capability::new(R::KIND, V::VERB), found: R::FOUND };
    async fn prove(call: &Call) -> Result<Self> {
        let allowed = Self::decide(call).await?;
        allowed.is_open(call).await?;
        Ok(allowed)
    }
}

/// The same, in archived workspaces too. For what is done to the workspace itself and for what only takes power away; the
/// store's own list of these has the last word.
#[derive(Debug, Clone)]
pub struct EvenArchived<R, V>(pub Allowed<R, V>);

impl<R: Load, V: Verb> Proof for EvenArchived<R, V> {
    const ACCESS: Access = Allowed::<R, V>::ACCESS;
    async fn prove(call: &Call) -> Result<Self> {
        Allowed::decide(call).await.map(Self)
    }
}

/// The same proof, for a person in a session of theirs.
#[derive(Debug, Clone)]
pub struct InPerson<P> {
    pub session: Session,
    proof: P,
}

/// The same proof, for a person whose session has lately shown who is behind it.
#[derive(Debug, Clone)]
pub struct Confirmed<P> {
    pub session: Session,
    proof: P,
}

macro_rules! presence {
    ($name:ident, $check:path) => {
        impl<P> std::ops::Deref for $name<P> {
            type Target = P;
            fn deref(&self) -> &P {
                &self.proof
            }
        }
        impl<P: Proof> Proof for $name<P> {
            const ACCESS: Access = P::ACCESS;
            const PRESENCE: Presence = Presence::$name;
            // Rights come first: who may not do it at all learns nothing else.
            async fn prove(call: &Call) -> Result<Self> {
                let proof = P::prove(call).await?;
                let session = $check(&call.app, &*call.person()?).await?;
                Ok(Self { session, proof })
            }
        }
    };
}
presence!(InPerson, crate::factor::in_person);
presence!(Confirmed, crate::factor::confirmed);

/// How a resource is found by what the request says. Implemented in the room of its noun.
pub trait Load: Resource + Sized {
    /// Where its name is.
    const FOUND: Found;
    /// Finds it. `None` when there is none: the answer is then the same as when it is somebody else's. Decides nothing.
    fn load(app: &App, find: &Lookup<'_>) -> impl Future<Output = Result<Option<Self>>> + Send;
}

/// What a [`Load`] may look at.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    call: &'a Call,
    who: &'a Authority,
}

impl<'a> Lookup<'a> {
    /// A parameter of the path.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.call.param(name)
    }
    /// A parameter of the path, read as an id; a text that is none names nothing.
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.param(name)?.parse().ok()
    }
    /// The kind of workload that the path's family is for.
    pub fn family(&self) -> Option<workload::Kind> {
        self.call.endpoint.family
    }
    /// Who asks.
    pub fn who(&self) -> &'a Authority {
        self.who
    }
    /// The workspace that the request is about: `{workspace}` or `?workspace=` (an id or a short name), else the actor's first.
    pub async fn workspace(&self, app: &App) -> Result<Option<WorkspaceId>> {
        let named = self.param("workspace").or(self.call.workspace_query.as_deref());
        match named {
            Some(text) => Ok(find_workspace(app, text).await?.map(|workspace| workspace.id)),
            None => self.default_workspace().map(Some),
        }
    }

    /// A key's own workspace, else the one that the person has chosen, else the one they are in for longest.
    fn default_workspace(&self) -> Result<WorkspaceId> {
        let who = self.who;
        if let Some(Scope::Workspace(id)) = who.limit.as_ref().map(|limit| &limit.scope) {
            return Ok(*id);
        }
        let chosen = self.call.caller.as_ref().and_then(|caller| caller.user.as_ref()?.default_workspace);
        // Who was taken out of it has not chosen anything any more.
        if let Some(id) = chosen.filter(|id| who.is_platform_admin || who.role_in(*id).is_some()) {
            return Ok(id);
        }
        who.memberships
            .iter()
            .map(|membership| membership.workspace)
            .min()
            .ok_or_else(|| Error::field("workspace", "say which workspace: you are a member of none"))
    }
}

/// A workspace by id or short name. Decides nothing.
pub(crate) async fn find_workspace(app: &App, text: &str) -> Result<Option<Workspace>> {
    if let Ok(id) = text.parse::<WorkspaceId>() {
        return Ok(app.store.workspace_find(id).await?);
    }
    match text.parse::<Name>() {
        Ok(slug) => Ok(app.store.workspace_by_slug(&slug).await?),
        Err(_) => Ok(None),
    }
}

/// A noun that has lists.
pub trait Collected: Resource {
    /// True for what belongs to the platform and not to workspaces.
    const IS_ON_PLATFORM: bool = false;
    /// True for what is still there when its workspace is not: platform admins find it by the workspace's id.
    const OUTLIVES_WORKSPACE: bool = false;
}

impl<R: Collected> Load for Collection<R> {
    const FOUND: Found = if R::IS_ON_PLATFORM { Found::OnPlatform } else { Found::InWorkspace };
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        if R::IS_ON_PLATFORM {
            return Ok(Some(Collection::platform()));
        }
        let found = find.workspace(app).await?;
        if let (None, true, Some(gone)) = (found, R::OUTLIVES_WORKSPACE, find.id("workspace"))
            && find.who().is_platform_admin
            && app.store.audit_has(gone).await?
        {
            return Ok(Some(Collection::of(gone)));
        }
        Ok(found.map(Collection::of))
    }
}

impl<R: Collected> Load for Within<R> {
    const FOUND: Found = Found::PartlyInWorkspace;
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        Ok(find.workspace(app).await?.map(Within::of))
    }
}

/// How far a list looks that shows each reader what they may see.
pub fn reach_within<R: Resource, V: Verb>(all: &Allowed<Within<R>, V>) -> Reach {
    let (within, who) = (&all.resource, &all.caller.authority);
    Reach {
        workspaces: Some(vec![within.workspace_id()]),
        only: within.only(who),
        scope: within.scope(who).map(<[String]>::to_vec),
    }
}

/// All things of one kind that belong to the caller: their sessions, their keys.
#[derive(Debug, Clone, Copy)]
pub struct Mine<R> {
    pub owner: UserId,
    of: PhantomData<fn() -> R>,
}

impl<R: Resource> Resource for Mine<R> {
    const KIND: Kind = R::KIND;
    fn id(&self) -> String {
        self.owner.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }
    fn owner(&self) -> Option<UserId> {
        Some(self.owner)
    }
}

impl<R: Resource> Load for Mine<R> {
    const FOUND: Found = Found::Own;
    async fn load(_: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        Ok(find.who().user().map(|owner| Mine { owner, of: PhantomData }))
    }
}

impl Load for Platform {
    const FOUND: Found = Found::OnPlatform;
    async fn load(_: &App, _: &Lookup<'_>) -> Result<Option<Self>> {
        Ok(Some(Platform))
    }
}

impl Load for Workspace {
    const FOUND: Found = Found::Param("workspace");
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        match find.param("workspace") {
            Some(text) => find_workspace(app, text).await,
            None => Ok(None),
        }
    }
}

impl Load for User {
    const FOUND: Found = Found::Own;
    async fn load(app: &App, find: &Lookup<'_>) -> Result<Option<Self>> {
        let id = match find.param("user") {
            Some(text) => text.parse().ok(),
            None => find.who().user(),
        };
        match id {
            Some(id) => Ok(app.store.user_find(id).await?),
            None => Ok(None),
        }
    }
}

/// A decision in the middle of a handler, for things that its input names.
pub fn allow<R: Resource, V: Verb>(caller: &Caller, what: &R) -> Result<Grant<R, V>, Denied> {
    authorize(&caller.authority, what, &caller.origin)
}
