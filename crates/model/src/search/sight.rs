//! How far somebody sees, and the decision about a single result.
//!
//! Both ask [`decide`], so that whatever the policy comes to know (other roles, grants on single things) counts here too.

use super::What;
use super::doc::{Doc, Shelf};
use crate::authz::{Authority, Kind, Resource, Scope, VerbKind, decide};
use crate::team::Team;
use crate::{UserId, WorkspaceId};

/// A thing as far as policy looks at it. It may not exist any more.
#[derive(Debug, Clone)]
pub struct Thing {
    pub id: String,
    pub workspace: Option<WorkspaceId>,
    pub owner: Option<UserId>,
    pub is_shared: bool,
}

/// The thing as one of a kind that is only known while running.
struct As<const KIND: usize>(Thing);

impl<const KIND: usize> Resource for As<KIND> {
    const KIND: Kind = Kind::ALL[KIND];
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
}

/// True when these rights reach the thing.
pub fn may_read(who: &Authority, kind: Kind, thing: &Thing) -> bool {
    macro_rules! by_kind {
        ($($name:ident),*) => {
            match kind {
                $(Kind::$name => decide(who, &As::<{ Kind::$name as usize }>(thing.clone()), VerbKind::Read).is_ok(),)*
                // Nobody searches for these.
                _ => false,
            }
        };
    }
    by_kind!(Workspace, Member, User, Key, Node, Template, Workload, Job, Event)
}

/// How far somebody sees. What is not within is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// These, wherever they are.
    pub anywhere: Vec<Shelf>,
    /// These in that home.
    pub homes: Vec<(String, Vec<Shelf>)>,
    /// Of all these only the things with these ids, and news of them.
    pub only: Option<Vec<String>>,
}

/// What a workspace may hold.
const IN_WORKSPACE: [Shelf; 10] = [
    Shelf::Things(Kind::Workload),
    Shelf::Things(Kind::Node),
    Shelf::Things(Kind::Member),
    Shelf::Teams,
    Shelf::Things(Kind::Workspace),
    Shelf::News(Kind::Workload),
    Shelf::News(Kind::Node),
    Shelf::News(Kind::Job),
    Shelf::News(Kind::Workspace),
    Shelf::News(Kind::Member),
];

/// What only the platform holds.
const ON_PLATFORM: [Shelf; 3] = [Shelf::Things(Kind::User), Shelf::News(Kind::User), Shelf::News(Kind::Key)];

impl Sight {
    /// What these rights reach now, perhaps of one noun only, or in one workspace only.
    pub fn of(who: &Authority, what: Option<What>, workspace: Option<WorkspaceId>) -> Self {
        // A key for single things sees what its owner sees, of those things.
        let mut who = who.clone();
        let mut only = None;
        if let Some(limit) = &mut who.limit
            && let Scope::Only(ids) = &mut limit.scope
        {
            only = Some(std::mem::take(ids));
            limit.scope = Scope::All;
        }
        let is_wanted = |shelf: &Shelf| match shelf {
            Shelf::Things(_) | Shelf::Teams => what.is_none_or(|what| what.shelf() == Some(*shelf)),
            Shelf::News(_) => what.is_none_or(|what| what == What::Event),
        };
        let seen = |shelves: &[Shelf], thing: &Thing| -> Vec<Shelf> {
            shelves.iter().filter(|shelf| is_wanted(shelf) && shelf.is_readable(&who, thing)).copied().collect()
        };
        let none = Thing { id: String::new(), workspace: None, owner: None, is_shared: false };
        let mut sight = Sight { only, ..Sight::default() };
        if let Some(id) = workspace {
            let shelves = seen(&IN_WORKSPACE, &Thing { workspace: Some(id), ..none });
            sight.add(id.to_string(), shelves);
            return sight;
        }
        if who.is_platform_admin && who.limit.as_ref().is_none_or(|limit| matches!(limit.scope, Scope::All)) {
            sight.anywhere = seen(&[IN_WORKSPACE.as_slice(), &ON_PLATFORM].concat(), &none);
        } else {
            let mut homes: Vec<WorkspaceId> = who.memberships.iter().map(|m| m.workspace).collect();
            if let Some(Scope::Workspace(id)) = who.limit.as_ref().map(|limit| &limit.scope) {
                homes.push(*id);
            }
            homes.sort_unstable();
            homes.dedup();
            for id in homes {
                let shelves = seen(&IN_WORKSPACE, &Thing { workspace: Some(id), ..none.clone() });
                sight.add(id.to_string(), shelves);
            }
            let shared = [Shelf::Things(Kind::Node), Shelf::News(Kind::Node)];
            sight.add(Doc::PLATFORM.to_owned(), seen(&shared, &Thing { is_shared: true, ..none.clone() }));
        }
        if let Some(me) = who.user() {
            sight.add(me.to_string(), seen(&[Shelf::Things(Kind::Key)], &Thing { owner: Some(me), ..none }));
        }
        sight
    }

    fn add(&mut self, home: String, shelves: Vec<Shelf>) {
        if !shelves.is_empty() {
            self.homes.push((home, shelves));
        }
    }

    /// True when a document lies within.
    pub fn covers(&self, doc: &Doc) -> bool {
        let is_seen = self.anywhere.contains(&doc.shelf)
            || self.homes.iter().any(|(home, shelves)| *home == doc.home && shelves.contains(&doc.shelf));
        is_seen && self.only.as_ref().is_none_or(|ids| ids.contains(&doc.subject))
    }
    /// True when all of a home is seen that can be there, so that there is no need to look shelf by shelf.
    pub fn is_whole(shelves: &[Shelf], is_news: bool) -> bool {
        IN_WORKSPACE
            .iter()
            .filter(|shelf| matches!(shelf, Shelf::News(_)) == is_news)
            .all(|shelf| shelves.contains(shelf))
    }
}

impl Shelf {
    fn is_readable(self, who: &Authority, thing: &Thing) -> bool {
        match self {
            Shelf::Things(kind) => may_read(who, kind, thing),
            Shelf::Teams => may_read(who, Team::KIND, thing),
            Shelf::News(topic) => may_read(who, topic, thing) && may_read(who, Kind::Event, thing),
        }
    }
}

impl Doc {
    /// True when these rights reach it: the same decision as when it is asked for by its id.
    pub fn is_readable(&self, who: &Authority) -> bool {
        let is_shared = self.workspace.is_none()
            && matches!(self.shelf, Shelf::Things(Kind::Node | Kind::Template) | Shelf::News(Kind::Node));
        let thing = Thing { id: self.subject.clone(), workspace: self.workspace, owner: self.owner, is_shared };
        // A person as others deal with them belongs to nobody, so being oneself gives no right to it.
        let thing = match self.shelf {
            Shelf::Things(Kind::User) => Thing { owner: None, ..thing },
            _ => thing,
        };
        self.shelf.is_readable(who, &thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kinds_place_in_the_list_is_its_number() {
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{kind}");
        }
    }
}
