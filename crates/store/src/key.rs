//! API keys. The secret itself is never here, only its SHA-256.

mod reach;

use crate::db::error::{Result, Rule, StoreError};
use crate::db::page::Select;
use crate::db::redact::Told;
use crate::db::row::{Row, unreadable};
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
use crate::db::value::args;
use crate::held::memberships;
use ostler_model::authz::{
    Actor, ActorKind, Authority, Capability, CapabilitySet, Grant, Limit, Resource as _, Scope, Write,
};
use ostler_model::event::Fact;
use ostler_model::key::Key;
use ostler_model::user::{State, User};
use ostler_model::{KeyId, Label, Network, Time, UserId, WorkspaceId};
use reach::Maker;
use serde_json::json;

/// What to change; what is `None` stays. The secret always does.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub label: Option<Label>,
    pub capabilities: Option<CapabilitySet>,
    pub scope: Option<Scope>,
    pub networks: Option<Vec<Network>>,
    /// `Some(None)` lets it live for ever.
    pub expires_at: Option<Option<Time>>,
    /// `Some(None)` lets it ask as often as anybody.
    pub requests_per_minute: Option<Option<u32>>,
}

/// A key that was found by its secret, and the rights it has now: its owner's, narrowed by its own.
#[derive(Debug, Clone)]
pub struct Bearer {
    pub key: Key,
    pub user: User,
    pub authority: Authority,
}

impl Store {
    /// Creates a key of the person that the grant is for. It is no stronger than who makes it, and reaches only what they see.
    pub async fn key_create(
        &self,
        grant: &Grant<User, Write>,
        key: &Key,
        token_hash: &[u8],
        templates: &[String],
        at: Time,
    ) -> Result<Key> {
        if key.owner.to_string() != grant.id() {
            return Err(StoreError::missing("user", key.owner));
        }
        change!(self, "key_create", at, |tx| {
            let row = tx.opt("SELECT state FROM users WHERE id = $1", args![key.owner]).await?;
            let row = row.ok_or_else(|| StoreError::missing("user", key.owner))?;
            if crate::user::state(&row, "state")? != State::Active {
                return Err(Rule::NotActive.into());
            }
            let maker = Maker::of(tx, grant).await?;
            maker.reaches(tx, &key.scope, templates).await?;
            maker.holds(key)?;
            maker.lasts(key)?;
            let (scope, workspace, only) = scope_columns(&key.scope);
            tx.exec(
                "INSERT INTO api_key (id, user_id, label, prefix, token_hash, capabilities, scope, workspace_id, only_ids,
                     created_at, expires_at, networks, requests_per_minute)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                args![
                    key.id,
                    key.owner,
                    key.label,
                    key.prefix,
                    token_hash,
                    capabilities_text(key.capabilities),
                    scope,
                    workspace,
                    only,
                    key.created_at,
                    key.expires_at,
                    networks_text(&key.networks),
                    key.requests_per_minute
                ],
            )
            .await?;
            tx.event(grant, None, Fact::KeyChanged { owner: key.owner });
            tx.audit_in(grant, workspace, "key.create", key.id, Told::made(&told(key)));
            Ok(key.clone())
        })
    }
    /// What a secret may do now: one query. `None` when unknown, expired, or its owner may not sign in.
    pub async fn key_authority(&self, token_hash: &[u8], now: Time) -> Result<Option<Bearer>> {
        read!(self, "key_authority", |db| {
            let rows = db
                .all(
                    "SELECT k.id AS key_id, k.label, k.prefix, k.capabilities, k.scope, k.workspace_id AS key_workspace,
                            k.only_ids, k.created_at AS key_created_at, k.expires_at, k.networks, k.requests_per_minute,
                            k.last_used_at, k.last_used_from, u.id, u.email, u.name, u.state, u.is_platform_admin,
                            u.email_verified_at, u.default_workspace_id, u.created_at, m.workspace_id, m.role, m.role_id,
                            r.capabilities AS role_capabilities
                     FROM api_key k JOIN users u ON u.id = k.user_id LEFT JOIN member m ON m.user_id = u.id
                          LEFT JOIN role r ON r.id = m.role_id
                     WHERE k.token_hash = $1 AND (k.expires_at IS NULL OR k.expires_at > $2) AND u.state = 'active'",
                    args![token_hash, now],
                )
                .await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let user = crate::user::from_row(row)?;
            let key = Key {
                id: row.get("key_id")?,
                owner: user.id,
                created_at: row.get("key_created_at")?,
                scope: scope(row, "key_workspace")?,
                ..partial(row)?
            };
            let authority = Authority {
                actor: Actor {
                    kind: ActorKind::Key { id: key.id, owner: user.id },
                    label: format!("apikey:{}", key.label),
                },
                is_platform_admin: user.is_platform_admin,
                memberships: memberships(db, &rows, user.id).await?,
                limit: Some(Limit { capabilities: key.capabilities, scope: key.scope.clone() }),
            };
            Ok(Some(Bearer { key, user, authority }))
        })
    }
    /// A key by id, if there is one.
    pub async fn key_find(&self, id: KeyId) -> Result<Option<Key>> {
        read!(self, "key_find", |db| {
            let row = db.opt("SELECT * FROM api_key WHERE id = $1", args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// A person's keys, newest first; at most the page limit.
    pub async fn key_list(&self, owner: UserId) -> Result<Vec<Key>> {
        read!(self, "key_list", |db| {
            let mut select = Select::new("SELECT * FROM api_key");
            select.when("user_id = ?", owner);
            let (sql, values) = select.end(" ORDER BY id DESC LIMIT ?", crate::PAGE_MOST);
            db.all(sql, values).await?.iter().map(from_row).collect()
        })
    }
    /// The keys of anybody that are confined to this workspace, newest first; at most the page limit.
    pub async fn key_list_in(&self, workspace: WorkspaceId) -> Result<Vec<Key>> {
        read!(self, "key_list_in", |db| {
            let mut select = Select::new("SELECT * FROM api_key");
            select.when("workspace_id = ?", workspace);
            let (sql, values) = select.end(" ORDER BY id DESC LIMIT ?", crate::PAGE_MOST);
            db.all(sql, values).await?.iter().map(from_row).collect()
        })
    }
    /// Changes what a key may do, for its owner. It holds from the next request on. What is not said is not looked at again.
    ///
    /// `templates` are those of the scope's ids that are names of templates, which everybody sees.
    pub async fn key_update(
        &self,
        grant: &Grant<Key, Write>,
        change: &Change,
        templates: &[String],
        at: Time,
    ) -> Result<Key> {
        change!(self, "key_update", at, |tx| {
            let (before, maker) = locked(tx, grant).await?;
            let after = change.applied(&before);
            if change.scope.is_some() {
                maker.reaches(tx, &after.scope, templates).await?;
            }
            if change.scope.is_some() || change.capabilities.is_some() {
                maker.holds(&after)?;
            }
            maker.lasts(&after)?;
            let (scope, workspace, only) = scope_columns(&after.scope);
            tx.exec(
                "UPDATE api_key SET label = $2, capabilities = $3, scope = $4, workspace_id = $5, only_ids = $6, networks = $7,
                     expires_at = $8, requests_per_minute = $9 WHERE id = $1",
                args![
                    after.id,
                    after.label,
                    capabilities_text(after.capabilities),
                    scope,
                    workspace,
                    only,
                    networks_text(&after.networks),
                    after.expires_at,
                    after.requests_per_minute
                ],
            )
            .await?;
            tx.event(grant, None, Fact::KeyChanged { owner: after.owner });
            // The workspace that it is confined to from now on is told, and if there is none, the one that it was confined to.
            let told_in = workspace.or(before.workspace());
            tx.audit_in(grant, told_in, "key.update", after.id, Told::changed(&told(&before), &told(&after)));
            Ok(after)
        })
    }
    /// Replaces a key's secret, for its owner; the old one ends at once.
    pub async fn key_rotate(
        &self,
        grant: &Grant<Key, Write>,
        prefix: &str,
        token_hash: &[u8],
        at: Time,
    ) -> Result<Key> {
        change!(self, "key_rotate", at, |tx| {
            let (before, _) = locked(tx, grant).await?;
            let row = tx
                .opt(
                    "UPDATE api_key SET prefix = $2, token_hash = $3 WHERE id = $1 RETURNING *",
                    args![grant.id(), prefix, token_hash],
                )
                .await?;
            let key = from_row(&row.ok_or_else(|| StoreError::missing("key", grant.id()))?)?;
            tx.event(grant, None, Fact::KeyChanged { owner: key.owner });
            tx.audit(grant, "key.rotate", key.id, Told::changed(&told(&before), &told(&key)));
            Ok(key)
        })
    }
    /// Ends a key.
    pub async fn key_delete(&self, grant: &Grant<Key, Write>, at: Time) -> Result<()> {
        change!(self, "key_delete", at, |tx| {
            let row = tx.opt("DELETE FROM api_key WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let key = from_row(&row.ok_or_else(|| StoreError::missing("key", grant.id()))?)?;
            tx.event(grant, None, Fact::KeyChanged { owner: key.owner });
            tx.audit(grant, "key.delete", key.id, Told::gone(&told(&key)));
            Ok(())
        })
    }
    /// Notes when and from where keys were last used. Called now and then with many at once.
    pub async fn key_touch(&self, used: &[(KeyId, Time, Option<String>)], at: Time) -> Result<()> {
        change!(self, "key_touch", at, |tx| {
            for (id, used_at, from) in used {
                tx.exec(
                    "UPDATE api_key SET last_used_at = $2, last_used_from = $3
                     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
                    args![id, used_at, from],
                )
                .await?;
            }
            Ok(())
        })
    }
}

impl Change {
    fn applied(&self, before: &Key) -> Key {
        Key {
            label: self.label.clone().unwrap_or_else(|| before.label.clone()),
            capabilities: self.capabilities.unwrap_or(before.capabilities),
            scope: self.scope.clone().unwrap_or_else(|| before.scope.clone()),
            networks: self.networks.clone().unwrap_or_else(|| before.networks.clone()),
            expires_at: self.expires_at.unwrap_or(before.expires_at),
            requests_per_minute: self.requests_per_minute.unwrap_or(before.requests_per_minute),
            ..before.clone()
        }
    }
}

/// The grant's key as it is now, with no other change of it under way, and who changes it, who may.
async fn locked(tx: &mut Tx, grant: &Grant<Key, Write>) -> Result<(Key, Maker)> {
    let row = tx.opt("UPDATE api_key SET label = label WHERE id = $1 RETURNING *", args![grant.id()]).await?;
    let key = from_row(&row.ok_or_else(|| StoreError::missing("key", grant.id()))?)?;
    let maker = Maker::of(tx, grant).await?;
    maker.covers(&key)?;
    Ok((key, maker))
}

/// What the audit trail says about a key. Its beginning tells which secret it is about, and nothing of the secret.
fn told(key: &Key) -> serde_json::Value {
    let capabilities: Vec<Capability> = key.capabilities.iter().collect();
    let (scope, workspace, only) = scope_columns(&key.scope);
    json!({
        "label": key.label, "owner": key.owner, "begins": key.prefix, "capabilities": capabilities, "scope": scope,
        "workspace": workspace, "only": only, "networks": key.networks, "expires_at": key.expires_at,
        "requests_per_minute": key.requests_per_minute,
    })
}

fn capabilities_text(set: CapabilitySet) -> String {
    let list: Vec<String> = set.iter().map(|c| c.to_string()).collect();
    serde_json::to_string(&list).expect("a list of words is JSON")
}

fn networks_text(networks: &[Network]) -> String {
    serde_json::to_string(networks).expect("a list of words is JSON")
}

fn scope_columns(scope: &Scope) -> (&'static str, Option<WorkspaceId>, String) {
    let none = || "[]".to_owned();
    match scope {
        Scope::All => ("all", None, none()),
        Scope::Workspace(id) => ("workspace", Some(*id), none()),
        Scope::Only(ids) => ("only", None, serde_json::to_string(ids).expect("a list of words is JSON")),
    }
}

fn scope(row: &Row, workspace: &str) -> Result<Scope> {
    match row.get::<String>("scope")?.as_str() {
        "all" => Ok(Scope::All),
        "workspace" => Ok(Scope::Workspace(row.get(workspace)?)),
        "only" => Ok(Scope::Only(row.json("only_ids")?)),
        _ => Err(unreadable("scope")),
    }
}

pub(crate) fn from_row(row: &Row) -> Result<Key> {
    Ok(Key {
        id: row.get("id")?,
        owner: row.get("user_id")?,
        created_at: row.get("created_at")?,
        scope: scope(row, "workspace_id")?,
        ..partial(row)?
    })
}

/// The columns that have the same name in every query; the caller fills in the rest.
fn partial(row: &Row) -> Result<Key> {
    // A capability that this version does not know grants nothing.
    let words: Vec<String> = row.json("capabilities")?;
    Ok(Key {
        id: ostler_model::Id::from_parts(Time::ZERO, 0),
        owner: ostler_model::Id::from_parts(Time::ZERO, 0),
        label: row.get("label")?,
        prefix: row.get("prefix")?,
        capabilities: words.iter().filter_map(|word| word.parse::<Capability>().ok()).collect(),
        scope: Scope::Only(Vec::new()),
        // A list that cannot be read must not let everybody in.
        networks: row.json("networks")?,
        requests_per_minute: row.get("requests_per_minute")?,
        created_at: Time::ZERO,
        expires_at: row.get("expires_at")?,
        last_used_at: row.get("last_used_at")?,
        last_used_from: row.get("last_used_from")?,
    })
}
