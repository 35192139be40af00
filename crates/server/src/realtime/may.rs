//! Who may see which event: whoever may read events there, and the thing that it is about.

use ostler_model::authz::{Authority, Kind, Resource, VerbKind, decide};
use ostler_model::event::{Event, Fact};
use ostler_model::job::Job;
use ostler_model::key::Key;
use ostler_model::matches::{Bot, Match};
use ostler_model::node::Node;
use ostler_model::user::User;
use ostler_model::workload::Workload;
use ostler_model::workspace::{Member, Workspace};
use ostler_model::{UserId, WorkspaceId};
use std::marker::PhantomData;

/// The thing that an event is about, as far as policy looks at it. It may not exist any more.
struct About<R> {
    id: String,
    workspace: Option<WorkspaceId>,
    owner: Option<UserId>,
    is_shared: bool,
    about: Option<String>,
    of: PhantomData<fn() -> R>,
}

impl<R: Resource> Resource for About<R> {
    const KIND: Kind = R::KIND;
    fn id(&self) -> String {
        self.id.clone()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
    fn owner(&self) -> Option<UserId> {
        self.owner
    }
    fn is_shared(&self) -> bool {
        self.is_shared
    }
    fn about(&self) -> Option<String> {
        self.about.clone()
    }
}

/// True when these rights reach this event.
pub fn may_see(who: &Authority, event: &Event) -> bool {
    let is_allowed = match event.fact.topic() {
        Kind::Workload => reads::<Workload>(who, event),
        Kind::Node => reads::<Node>(who, event),
        Kind::Match => reads::<Match>(who, event),
        Kind::Bot => reads::<Bot>(who, event),
        Kind::Job => reads::<Job>(who, event),
        Kind::Workspace => reads::<Workspace>(who, event),
        Kind::Member => reads::<Member>(who, event),
        Kind::User => reads::<User>(who, event),
        Kind::Key => reads::<Key>(who, event),
        // No fact is about these.
        Kind::Platform | Kind::Session | Kind::Template | Kind::Event | Kind::Audit => false,
    };
    is_allowed && reads::<Event>(who, event)
}

fn reads<R: Resource>(who: &Authority, event: &Event) -> bool {
    let owner = match &event.fact {
        Fact::UserChanged { id } => Some(*id),
        Fact::KeyChanged { owner } => Some(*owner),
        Fact::MemberChanged { user } => Some(*user),
        _ => None,
    };
    let about = About::<R> {
        id: event.fact.subject(),
        workspace: event.workspace,
        owner,
        // Nodes without a workspace are shared by the platform, and so is the news of them.
        is_shared: event.workspace.is_none() && event.fact.topic() == Kind::Node,
        about: match &event.fact {
            Fact::JobChanged { target, .. } => target.clone(),
            _ => None,
        },
        of: PhantomData,
    };
    decide(who, &about, VerbKind::Read).is_ok()
}

/// True when this event may change what somebody with these rights may do.
pub fn touches_rights(who: &Authority, event: &Event) -> bool {
    match &event.fact {
        Fact::MemberChanged { user } | Fact::UserChanged { id: user } | Fact::KeyChanged { owner: user } => {
            who.user() == Some(*user)
        }
        Fact::WorkspaceChanged { .. } | Fact::RoleChanged { .. } | Fact::TeamChanged { .. } => true,
        _ => false,
    }
}
