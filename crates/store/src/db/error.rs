//! What can go wrong, in the words of the domain.

use ostler_model::bounds::workload::{
    WORKSPACE_PORTS_ON_SHARED_NODE, WORKSPACE_SHARED_CPU_MILLIS, WORKSPACE_SHARED_MEMORY, WORKSPACE_WORKLOADS,
};
use ostler_model::key::Beyond;
use std::fmt;

/// The crate's result.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store did not do it. Whenever a change fails with one of these, nothing of it remains, except as said at `Unsure`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row.
    #[error("{kind} {id} does not exist")]
    Missing { kind: &'static str, id: String },
    /// Something unique is in use.
    #[error("{0} is already taken")]
    Taken(Constraint),
    /// A rule forbids it in the present state.
    #[error("{0}")]
    Refused(Rule),
    /// A key would be stronger than whoever makes or changes it.
    #[error("{0}")]
    Beyond(Beyond),
    /// Too many at once, or a short loss of connection that outlived the retries. Trying again is right.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// No room for more.
    #[error("the database's disk is full")]
    Full(#[source] sqlx::Error),
    /// The deadline of the operation passed.
    #[error("the database did not answer in time while {doing}")]
    Late { doing: &'static str },
    /// The connection was lost while committing: the change may or may not have been kept.
    #[error("the connection to the database was lost while {doing} was being committed")]
    Unsure {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// The database cannot be used by this program, for the stated reason.
    #[error("{0}")]
    Unusable(String),
    /// A stored secret cannot be opened: the master key is not the one it was sealed with, or the row was tampered with.
    #[error("the secret {id} cannot be opened with the configured master key")]
    Sealed { id: String },
    /// Anything else.
    #[error("the database failed while {doing}")]
    Failed {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
}

/// What must be unique, as people know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Constraint {
    UserEmail,
    WorkspaceSlug,
    Member,
    KeyLabel,
    BotName,
    NodeName,
    NodeKey,
    WorkloadName,
    Port,
    RoleName,
    TeamName,
    TeamMember,
    /// An id or a secret that exists already: the caller made it twice.
    Id,
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Constraint::UserEmail => "the e-mail address",
            Constraint::WorkspaceSlug => "the workspace's short name",
            Constraint::Member => "the membership",
            Constraint::KeyLabel => "the key's label",
            Constraint::BotName => "the bot's name",
            Constraint::NodeName => "the node's name",
            Constraint::NodeKey => "the node's key",
            Constraint::WorkloadName => "the workload's name",
            Constraint::Port => "the port",
            Constraint::RoleName => "the role's name",
            Constraint::TeamName => "the team's name",
            Constraint::TeamMember => "the place in the team",
            Constraint::Id => "the id",
        })
    }
}

/// Rules that hold whatever else happens at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rule {
    #[error("a workspace keeps at least one owner")]
    LastOwner,
    #[error("the platform keeps at least one active admin")]
    LastAdmin,
    #[error("nobody gives or takes what they do not hold themselves")]
    AboveOwnRole,
    #[error("somebody still has this role; say which one they get instead")]
    RoleInUse,
    #[error("a workspace has at most 50 roles of its own")]
    TooManyRoles,
    #[error("a workspace has at most 100 teams")]
    TooManyTeams,
    #[error("a team has at most 500 members")]
    TooManyInTeam,
    #[error("it is installed already")]
    Installed,
    #[error("the setup secret is wrong")]
    SetupSecret,
    #[error("the join token is unknown, used or expired")]
    JoinToken,
    #[error("the node still runs workloads")]
    NodeInUse,
    #[error("the workspace still has nodes or workloads")]
    WorkspaceInUse,
    #[error("the workspace is archived: it can be read, and nothing in it changes until it is restored")]
    Archived,
    #[error("the workspace is not archived")]
    NotArchived,
    #[error("something in the workspace runs or is under way; stop it, or let it end, first")]
    WorkspaceBusy,
    #[error("the confirmation is not the short name of the workspace")]
    Unconfirmed,
    #[error("the node has no free ports left")]
    NoFreePort,
    #[error(
        "every worker of matches has its host: those below matches.in_process are the server's own, the others up to \
         matches.workers are hosted by workloads"
    )]
    NoFreeWorker,
    #[error("the node is not open to this workspace")]
    ForeignNode,
    #[error("the workload is on a node already")]
    Placed,
    #[error("the workload is being deleted")]
    Deleting,
    #[error("the job's lease was lost to another worker")]
    Fenced,
    #[error("the job has ended")]
    JobEnded,
    #[error("only a person who is active can have this")]
    NotActive,
    #[error("there were too many attempts")]
    Throttled,
    #[error("the password was changed meanwhile")]
    PasswordChanged,
    #[error("the invitation is unknown, used, withdrawn or expired")]
    Invite,
    #[error("this address has an account already: sign in to accept")]
    AcceptSignedIn,
    #[error("this invitation is for another address than yours")]
    NotYourInvite,
    #[error("no account here has proved that this address is its own")]
    Unproven,
    #[error("this account at the provider belongs to another person here")]
    IdentityTaken,
    #[error("your account is linked to another account at this provider")]
    IdentityLinked,
    #[error("this is your last way to sign in")]
    LastWayIn,
    #[error("the link to set a new password is unknown, used or expired")]
    Reset,
    #[error("this person has accepted already")]
    Accepted,
    #[error("this address has an account already")]
    HasAccount,
    #[error("a person who was invited becomes active by accepting")]
    NotAccepted,
    #[error("something still refers to this person")]
    UserInUse,
    /// A code, a signature, a ticket or a challenge that does not count, or no longer.
    #[error("this is not right, or was used already")]
    FactorUsed,
    #[error("a second factor is demanded of you; add another one before you remove the last")]
    FactorDemanded,
    #[error("there is no second factor yet")]
    NoFactor,
    #[error("the node has not enough free memory or processor time")]
    NodeFull,
    #[error("the node does not isolate processes as its owner demands")]
    NotIsolated,
    #[error("the workspace has as many workloads as it may have ({WORKSPACE_WORKLOADS})")]
    TooManyWorkloads,
    #[error(
        "the workspace may reserve at most {} GiB of memory and {} processors on the platform's nodes, all together",
        WORKSPACE_SHARED_MEMORY >> 30,
        WORKSPACE_SHARED_CPU_MILLIS / 1000
    )]
    TooMuchShared,
    #[error("the workspace may hold at most {WORKSPACE_PORTS_ON_SHARED_NODE} ports of one of the platform's nodes")]
    TooManyPorts,
    /// A foreign key: what it refers to is gone, or what is to go is still referred to.
    #[error("something that it belongs to was deleted, or still needs it")]
    Linked,
}

impl StoreError {
    /// The missing thing, by its noun and id.
    pub(crate) fn missing(kind: &'static str, id: impl fmt::Display) -> Self {
        StoreError::Missing { kind, id: id.to_string() }
    }
    /// True when doing the same again may succeed and cannot do it twice.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self, StoreError::Busy(_))
    }
}

impl From<Rule> for StoreError {
    fn from(rule: Rule) -> Self {
        StoreError::Refused(rule)
    }
}

impl From<Beyond> for StoreError {
    fn from(beyond: Beyond) -> Self {
        StoreError::Beyond(beyond)
    }
}

/// Sorts a driver's error into the kinds above.
pub(crate) fn classify(doing: &'static str, source: sqlx::Error) -> StoreError {
    match &source {
        sqlx::Error::Database(error) => match of_postgres(&**error) {
            Some(kind) => kind.into_error(doing, source),
            None => StoreError::Failed { doing, source },
        },
        sqlx::Error::AnyDriverError(error) => match error.downcast_ref().and_then(of_sqlite) {
            Some(kind) => kind.into_error(doing, source),
            None => StoreError::Failed { doing, source },
        },
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => StoreError::Busy(source),
        _ => StoreError::Failed { doing, source },
    }
}

/// What both databases can say, each in its own way.
enum Kind {
    Taken(Constraint),
    Linked,
    Busy,
    Full,
    Late,
}

impl Kind {
    fn into_error(self, doing: &'static str, source: sqlx::Error) -> StoreError {
        match self {
            Kind::Taken(constraint) => StoreError::Taken(constraint),
            Kind::Linked => StoreError::Refused(Rule::Linked),
            Kind::Busy => StoreError::Busy(source),
            Kind::Full => StoreError::Full(source),
            Kind::Late => StoreError::Late { doing },
        }
    }
}

fn of_postgres(error: &dyn sqlx::error::DatabaseError) -> Option<Kind> {
    if error.is_unique_violation() {
        let name = error.constraint().unwrap_or_default();
        return Some(Kind::Taken(taken(|(postgres, _, _)| *postgres == name)));
    }
    if error.is_foreign_key_violation() {
        return Some(Kind::Linked);
    }
    match &*error.code()? {
        // Serialisation failure, deadlock, lock not available, too many connections, shutting down or starting up,
        // connection trouble.
        "40001" | "40P01" | "55P03" | "53300" | "57P01" | "57P02" | "57P03" | "08000" | "08001" | "08003" | "08004"
        | "08006" => Some(Kind::Busy),
        "53100" => Some(Kind::Full),
        _ => None,
    }
}

fn of_sqlite(error: &rusqlite::Error) -> Option<Kind> {
    use rusqlite::ffi;
    let rusqlite::Error::SqliteFailure(code, message) = error else { return None };
    match code.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            let columns = message.as_deref().and_then(|text| text.rsplit_once(": ")).map_or("", |(_, columns)| columns);
            Some(Kind::Taken(taken(|(_, sqlite, _)| *sqlite == columns)))
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Some(Kind::Linked),
        // The lower byte of an extended code is its primary one.
        code => match code & 0xff {
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Some(Kind::Busy),
            ffi::SQLITE_FULL => Some(Kind::Full),
            ffi::SQLITE_INTERRUPT => Some(Kind::Late),
            _ => None,
        },
    }
}

/// True when the error leaves open whether a commit took place.
pub(crate) fn is_cut(source: &sqlx::Error) -> bool {
    match source {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(e) => e.code().is_some_and(|c| c.starts_with("08") || c.starts_with("57P")),
        _ => false,
    }
}

/// PostgreSQL names the index, SQLite the columns; both lead to the same constraint.
const NAMES: &[(&str, &str, Constraint)] = &[
    ("users_email", "users.email", Constraint::UserEmail),
    ("workspace_slug", "workspace.slug", Constraint::WorkspaceSlug),
    ("member_pkey", "member.workspace_id, member.user_id", Constraint::Member),
    ("api_key_label", "api_key.user_id, api_key.label", Constraint::KeyLabel),
    ("bot_name", "bot.workspace_id, bot.name", Constraint::BotName),
    ("node_name", "node.home, node.name", Constraint::NodeName),
    ("node_public_key", "node.public_key", Constraint::NodeKey),
    ("workload_name", "workload.workspace_id, workload.name_key", Constraint::WorkloadName),
    ("role_name", "role.workspace_id, role.name_key", Constraint::RoleName),
    ("team_name", "team.workspace_id, team.name_key", Constraint::TeamName),
    ("team_member_pkey", "team_member.team_id, team_member.user_id", Constraint::TeamMember),
    ("port_pkey", "port.node_id, port.port", Constraint::Port),
];

fn taken(is_it: impl Fn(&&(&str, &str, Constraint)) -> bool) -> Constraint {
    // Every other unique thing is an id or a secret's hash.
    NAMES.iter().find(is_it).map_or(Constraint::Id, |(_, _, constraint)| *constraint)
}
