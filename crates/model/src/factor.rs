//! Second factors: what somebody proves besides a password, and who demands it.
//!
//! Pure rules only. Codes and signatures are checked in the server; what was used up is remembered in the store.

use crate::authz::{Kind, Resource};
use crate::{FactorId, Label, Millis, Time, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};

/// What kind of proof a factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// An authenticator app: a new code every half minute.
    Totp,
    /// A passkey: a key that never leaves the device or its keychain.
    Passkey,
}

impl FactorKind {
    /// The stable spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            FactorKind::Totp => "totp",
            FactorKind::Passkey => "passkey",
        }
    }
}

/// One second factor of a person. What it is checked with is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    pub id: FactorId,
    pub user: UserId,
    pub kind: FactorKind,
    pub label: Label,
    pub created_at: Time,
    pub last_used_at: Option<Time>,
}

impl Resource for Factor {
    const KIND: Kind = Kind::User;
    fn id(&self) -> String {
        self.id.to_string()
    }
    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }
    fn owner(&self) -> Option<UserId> {
        Some(self.user)
    }
}

/// Everybody on the platform, or everybody in one workspace, has to have a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    pub since: Time,
    /// How long somebody without one may go on.
    pub grace: Millis,
}

impl Requirement {
    /// When somebody who came under it at this time must have a factor.
    pub fn due(self, subject_since: Time) -> Time {
        self.since.max(subject_since) + self.grace
    }
}

/// A requirement that somebody is under, with their own deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The workspace that demands it; `None` for the whole platform.
    pub workspace: Option<WorkspaceId>,
    pub due: Time,
}

/// What is demanded of somebody, and whether they have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub has_factor: bool,
    pub demands: Vec<Demand>,
}

impl Standing {
    /// True when nothing but setting up a factor is allowed any more.
    pub fn is_locked(&self, now: Time) -> bool {
        self.overdue(now).any(|workspace| workspace.is_none())
    }
    /// True when this workspace is closed until there is a factor.
    pub fn is_closed(&self, workspace: WorkspaceId, now: Time) -> bool {
        self.overdue(now).any(|demanded_by| demanded_by == Some(workspace))
    }
    /// True when somebody demands a factor of this person.
    pub fn is_demanded(&self) -> bool {
        !self.demands.is_empty()
    }
    /// The next moment at which something closes by itself.
    pub fn next_change(&self, now: Time) -> Option<Time> {
        if self.has_factor {
            return None;
        }
        self.demands.iter().map(|demand| demand.due).filter(|due| *due > now).min()
    }

    fn overdue(&self, now: Time) -> impl Iterator<Item = Option<WorkspaceId>> + '_ {
        self.demands.iter().filter(move |demand| !self.has_factor && demand.due <= now).map(|demand| demand.workspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id as _;

    #[test]
    fn grace_counts_from_whatever_came_last() {
        let requirement = Requirement { since: Time::from_millis(1000), grace: Millis(500) };
        assert_eq!(requirement.due(Time::from_millis(10)), Time::from_millis(1500));
        assert_eq!(requirement.due(Time::from_millis(4000)), Time::from_millis(4500));
    }

    #[test]
    fn a_workspaces_demand_closes_that_workspace_and_nothing_else() {
        let [own, other] = [1, 2].map(|n| WorkspaceId::from_parts(Time::ZERO, n));
        let due = Time::from_millis(100);
        let mut standing = Standing { has_factor: false, demands: vec![Demand { workspace: Some(own), due }] };
        assert!(!standing.is_closed(own, Time::from_millis(99)) && standing.is_closed(own, due));
        assert!(!standing.is_closed(other, due) && !standing.is_locked(due));
        assert_eq!(standing.next_change(Time::ZERO), Some(due));
        assert_eq!(standing.next_change(due), None);
        standing.demands.push(Demand { workspace: None, due: Time::from_millis(200) });
        assert!(!standing.is_locked(due) && standing.is_locked(Time::from_millis(200)));
        standing.has_factor = true;
        assert!(!standing.is_locked(Time::from_millis(200)) && !standing.is_closed(own, due));
    }
}
