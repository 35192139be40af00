//! Search: in which form words are kept, what is found in which order, and how far somebody sees.
//!
//! Pure. The store keeps [`Doc::entries`] of every thing in an ordered index and reads ranges of it; [`Query::place`] says the
//! same about one document without any index, for what is in memory and for tests. What a [`Sight`] leaves out is not even
//! looked at, so a search tells nothing about others, not by its answers and not by the time it takes.

mod doc;
mod query;
mod sight;
mod text;

pub use doc::{Doc, Key, Shelf, prefix_end};
pub use query::{Class, Place, Query, QueryError};
pub use sight::{Sight, Thing, may_read};

use crate::authz::Kind;
use serde::{Deserialize, Serialize};

/// What can be searched for. A new noun has one line here, one in the store's list of nouns, and one in `paths`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Workload,
    Node,
    Template,
    Member,
    Team,
    User,
    Workspace,
    Key,
    Event,
}

impl What {
    /// Everything.
    pub const ALL: [What; 9] = [
        What::Workload,
        What::Node,
        What::Template,
        What::Member,
        What::Team,
        What::User,
        What::Workspace,
        What::Key,
        What::Event,
    ];
    /// The shelf that they are on; events are on many.
    pub const fn shelf(self) -> Option<Shelf> {
        Some(match self {
            What::Workload => Shelf::Things(Kind::Workload),
            What::Node => Shelf::Things(Kind::Node),
            What::Template => Shelf::Things(Kind::Template),
            What::Member => Shelf::Things(Kind::Member),
            What::Team => Shelf::Teams,
            What::User => Shelf::Things(Kind::User),
            What::Workspace => Shelf::Things(Kind::Workspace),
            What::Key => Shelf::Things(Kind::Key),
            What::Event => return None,
        })
    }
}
