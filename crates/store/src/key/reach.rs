//! Who makes or changes a key, and what they reach: read in the transaction that makes or changes it, for the proof that they
//! may is from a moment ago.
//!
//! A thing of somebody else is answered exactly like one that does not exist: a key's scope is not for finding out which ids
//! there are.

use crate::db::conn::Conn;
use crate::db::error::{Result, Rule};
use crate::db::row::Row;
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::{bot, job, matches, node, role, session, team, user, workload, workspace};
use ostler_model::authz::{ActorKind, Authority, Grant, Limit, Resource, Scope, Verb, VerbKind, decide};
use ostler_model::key::{self, Beyond, Key};
use ostler_model::matches::GameId;
use ostler_model::{BotId, Id as _, JobId, KeyId, NodeId, RoleId, SessionId, TeamId, UserId, WorkloadId, WorkspaceId};

/// Whoever makes or changes a key.
pub(super) struct Maker {
    /// `None` is the platform itself: what it names has to exist, and nothing more.
    who: Option<Authority>,
    /// The key that they do it with.
    by: Option<Key>,
}

impl Maker {
    /// As they are in this transaction.
    pub(super) async fn of<R: Resource, V: Verb>(tx: &mut Tx, grant: &Grant<R, V>) -> Result<Self> {
        let (person, id) = match grant.actor().kind {
            ActorKind::System(_) => return Ok(Maker { who: None, by: None }),
            ActorKind::User(person) => (person, None),
            ActorKind::Key { id, owner } => (owner, Some(id)),
            ActorKind::Anonymous | ActorKind::Node(_) | ActorKind::Bot(_) => return Err(Rule::AboveOwnRole.into()),
        };
        let (_, mut who) = crate::held::authority(tx, person).await?.ok_or(Rule::AboveOwnRole)?;
        let mut by = None;
        if let Some(id) = id {
            let row = tx.opt("SELECT * FROM api_key WHERE id = $1", args![id]).await?.ok_or(Rule::AboveOwnRole)?;
            let key = super::from_row(&row)?;
            who.actor = grant.actor().clone();
            who.limit = Some(Limit { capabilities: key.capabilities, scope: key.scope.clone() });
            by = Some(key);
        }
        Ok(Maker { who: Some(who), by })
    }
    /// Refuses to change a key of somebody else, or one that is stronger.
    pub(super) fn covers(&self, key: &Key) -> Result<()> {
        let Some(who) = &self.who else { return Ok(()) };
        Ok(key::covers(who, self.by.as_ref(), key)?)
    }
    /// Refuses what they do not hold themselves.
    pub(super) fn holds(&self, key: &Key) -> Result<()> {
        let Some(who) = &self.who else { return Ok(()) };
        Ok(key::holds(who, key)?)
    }
    /// Refuses what binds less than the key that they use.
    pub(super) fn lasts(&self, key: &Key) -> Result<()> {
        Ok(key::lasts_within(self.by.as_ref(), key)?)
    }
    /// Refuses ids of what does not exist and of what they cannot see. Templates are no rows, and everybody sees them.
    pub(super) async fn reaches(&self, db: &mut Conn, scope: &Scope, templates: &[String]) -> Result<()> {
        let mut unknown = Vec::new();
        match scope {
            Scope::All => {}
            Scope::Workspace(id) => {
                let is_there = db.opt("SELECT id FROM workspace WHERE id = $1", args![id]).await?.is_some();
                if !is_there || !self.is_in(*id) {
                    unknown.push(id.to_string());
                }
            }
            Scope::Only(ids) => {
                for id in ids {
                    if !templates.contains(id) && !self.sees(db, id).await? {
                        unknown.push(id.clone());
                    }
                }
            }
        }
        if unknown.is_empty() { Ok(()) } else { Err(Beyond::Unknown(unknown).into()) }
    }

    fn is_in(&self, workspace: WorkspaceId) -> bool {
        let Some(who) = &self.who else { return true };
        let is_let = match who.limit.as_ref().map(|limit| &limit.scope) {
            None | Some(Scope::All) => true,
            Some(Scope::Workspace(id)) => *id == workspace,
            Some(Scope::Only(_)) => false,
        };
        is_let && (who.is_platform_admin || who.member_of(workspace).is_some())
    }

    async fn sees(&self, db: &mut Conn, id: &str) -> Result<bool> {
        let table = id.split_once('_').and_then(|(prefix, _)| THINGS.iter().find(|thing| thing.0 == prefix));
        let Some((_, table, see)) = table.or_else(|| id.parse::<GameId>().is_ok().then_some(&MATCH)) else {
            return Ok(false);
        };
        let row = db.opt(format!("SELECT * FROM {table} WHERE id = $1"), args![id]).await?;
        let Some(row) = row else { return Ok(false) };
        if see(self, &row)? {
            return Ok(true);
        }
        if *table != "users" {
            return Ok(false);
        }
        // People are seen by those who are in a workspace with them.
        let rows = db.all(format!("{} WHERE m.user_id = $1", workspace::MEMBER), args![id]).await?;
        for row in &rows {
            if self.may_see(&workspace::member(row)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn may_see<R: Resource>(&self, what: &R) -> bool {
        self.who.as_ref().is_none_or(|who| decide(who, what, VerbKind::Read).is_ok())
    }
}

/// What a key can be confined to: what its ids begin with, its table, and whether somebody may see one.
type Thing = (&'static str, &'static str, fn(&Maker, &Row) -> Result<bool>);

const THINGS: [Thing; 10] = [
    (WorkloadId::PREFIX, "workload", |who, row| Ok(who.may_see(&workload::from_row(row)?))),
    (NodeId::PREFIX, "node", |who, row| Ok(who.may_see(&node::from_row(row)?))),
    (WorkspaceId::PREFIX, "workspace", |who, row| Ok(who.may_see(&workspace::from_row(row)?))),
    (JobId::PREFIX, "job", |who, row| Ok(who.may_see(&job::from_row(row)?))),
    (BotId::PREFIX, "bot", |who, row| Ok(who.may_see(&bot::from_row(row)?))),
    (RoleId::PREFIX, "role", |who, row| Ok(who.may_see(&role::from_row(row)?))),
    (TeamId::PREFIX, "team", |who, row| Ok(who.may_see(&team::bare(row)?))),
    (UserId::PREFIX, "users", |who, row| Ok(who.may_see(&user::from_row(row)?))),
    (KeyId::PREFIX, "api_key", |who, row| Ok(who.may_see(&super::from_row(row)?))),
    (SessionId::PREFIX, "session", |who, row| Ok(who.may_see(&session::from_row(row)?))),
];
/// Ids of matches begin with nothing.
const MATCH: Thing = ("", "game_match", |who, row| Ok(who.may_see(&matches::from_row(row)?)));
