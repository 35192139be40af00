//! The nouns that can be searched for: how to read one, and what it is found by.

use crate::db::error::Result;
use crate::db::row::Row;
use ostler_model::authz::{Kind, Resource as _};
use ostler_model::event::Fact;
use ostler_model::search::{Doc, Shelf};
use ostler_model::{Label, WorkspaceId};

/// One searchable noun.
pub(super) struct Noun {
    pub(super) shelf: Shelf,
    /// Reads all of them.
    pub(super) from: &'static str,
    /// The column that facts name them by: of several with one value, all are looked at when it is named.
    pub(super) cause: &'static str,
    /// What is found, and by what.
    pub(super) doc: fn(&Row) -> Result<Doc>,
}

/// All of them. A new noun has its line here, and in [`touched`] its facts.
pub(super) const NOUNS: &[Noun] = &[
    Noun { shelf: Shelf::Things(Kind::Workload), from: "SELECT * FROM workload", cause: "id", doc: workload },
    Noun { shelf: Shelf::Things(Kind::Node), from: "SELECT * FROM node", cause: "id", doc: node },
    Noun { shelf: Shelf::Things(Kind::Member), from: crate::workspace::MEMBER, cause: "m.user_id", doc: member },
    Noun { shelf: Shelf::Teams, from: "SELECT * FROM team", cause: "id", doc: team },
    Noun { shelf: Shelf::Things(Kind::User), from: "SELECT * FROM users", cause: "id", doc: user },
    Noun { shelf: Shelf::Things(Kind::Workspace), from: "SELECT * FROM workspace", cause: "id", doc: workspace },
    Noun { shelf: Shelf::Things(Kind::Key), from: "SELECT * FROM api_key", cause: "user_id", doc: key },
];

/// The nouns that a fact may have changed; the fact's subject is their cause. Whatever changes a name, makes or ends
/// something tells a fact, so the index follows without being told by each change.
pub(super) fn touched(fact: &Fact) -> &'static [Shelf] {
    match fact {
        Fact::WorkloadCreated { .. } | Fact::WorkloadDesired { .. } | Fact::WorkloadDeleted { .. } => {
            &[Shelf::Things(Kind::Workload)]
        }
        Fact::NodeJoined { .. } | Fact::NodeChanged { .. } | Fact::NodeDeleted { .. } => &[Shelf::Things(Kind::Node)],
        Fact::WorkspaceChanged { .. } => &[Shelf::Things(Kind::Workspace)],
        Fact::MemberChanged { .. } => &[Shelf::Things(Kind::Member)],
        Fact::TeamChanged { .. } => &[Shelf::Teams],
        Fact::UserChanged { .. } => &[Shelf::Things(Kind::User), Shelf::Things(Kind::Member), Shelf::Things(Kind::Key)],
        Fact::KeyChanged { .. } => &[Shelf::Things(Kind::Key)],
        // How something is doing changes nothing that it is found by.
        Fact::WorkloadObserved { .. }
        | Fact::NodeOnline { .. }
        | Fact::NodeOffline { .. }
        | Fact::JobChanged { .. }
        | Fact::RoleChanged { .. } => &[],
        // Their lists are short; they are not in the index.
        Fact::MatchChanged { .. } | Fact::BotChanged { .. } => &[],
    }
}

/// Where the thing that a fact is about would be.
pub(super) fn about(fact: &Fact) -> Shelf {
    match fact {
        Fact::TeamChanged { .. } => Shelf::Teams,
        fact => Shelf::Things(fact.topic()),
    }
}

fn workload(row: &Row) -> Result<Doc> {
    let it = crate::workload::from_row(row)?;
    let doc = Doc::thing(Kind::Workload, Some(it.workspace), it.id, it.name.as_str());
    Ok(doc.about(format!("{} · {}", it.kind.as_str(), it.spec.template)))
}

fn node(row: &Row) -> Result<Doc> {
    let it = crate::node::from_row(row)?;
    let about = [it.facts.hostname.as_str(), it.facts.os.as_str()];
    let about: Vec<&str> = about.into_iter().filter(|text| !text.is_empty()).collect();
    let doc = Doc::thing(Kind::Node, it.workspace, it.id, it.name.as_str());
    Ok(doc.about(about.join(" · ")).by(it.facts.address))
}

fn member(row: &Row) -> Result<Doc> {
    let it = crate::workspace::member(row)?;
    Ok(Doc::thing(Kind::Member, Some(it.workspace), it.user, it.name.as_str()).about(it.email.to_string()))
}

fn team(row: &Row) -> Result<Doc> {
    let it = crate::team::bare(row)?;
    Ok(Doc::team(it.workspace, it.id, it.name.as_str()).about(it.description))
}

fn user(row: &Row) -> Result<Doc> {
    let it = crate::user::from_row(row)?;
    Ok(Doc::thing(Kind::User, None, it.id, it.name.as_str()).about(it.email.to_string()))
}

fn workspace(row: &Row) -> Result<Doc> {
    let (id, name): (WorkspaceId, Label) = (row.get("id")?, row.get("name")?);
    Ok(Doc::thing(Kind::Workspace, Some(id), id, name.as_str()).about(row.get::<String>("slug")?))
}

fn key(row: &Row) -> Result<Doc> {
    let it = crate::key::from_row(row)?;
    let doc = Doc::thing(Kind::Key, it.workspace(), it.id, it.label.as_str());
    Ok(doc.about(it.prefix).owned_by(it.owner))
}
