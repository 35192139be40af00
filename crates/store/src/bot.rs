//! Bots that make matches. Their keys are never here, only their SHA-256.

use crate::db::error::{Result, StoreError};
use crate::db::page::Select;
use crate::db::redact::Told;
use crate::db::row::Row;
use crate::db::store::{Store, change, read};
use crate::db::value::args;
use ostler_model::authz::{Collection, Grant, Write};
use ostler_model::event::Fact;
use ostler_model::matches::Bot;
use ostler_model::{BotId, Time, WorkspaceId};
use serde_json::json;

impl Store {
    /// Makes a bot in the grant's workspace.
    pub async fn bot_create(
        &self,
        grant: &Grant<Collection<Bot>, Write>,
        bot: &Bot,
        token_hash: &[u8],
        at: Time,
    ) -> Result<Bot> {
        if grant.workspace() != Some(bot.workspace) {
            return Err(StoreError::missing("workspace", bot.workspace));
        }
        change!(self, "bot_create", at, |tx| {
            tx.exec(
                "INSERT INTO bot (id, workspace_id, name, prefix, token_hash, titles, per_minute, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                args![
                    bot.id,
                    bot.workspace,
                    bot.name,
                    bot.prefix,
                    token_hash,
                    serde_json::to_string(&bot.titles).expect("a list of words is JSON"),
                    bot.per_minute,
                    bot.created_at
                ],
            )
            .await?;
            tx.event(grant, Some(bot.workspace), Fact::BotChanged { id: bot.id });
            tx.audit(grant, "bot.create", bot.id, Told::made(&told(bot)));
            Ok(bot.clone())
        })
    }
    /// The bot that a key belongs to.
    pub async fn bot_by_key(&self, token_hash: &[u8]) -> Result<Option<Bot>> {
        read!(self, "bot_by_key", |db| {
            let row = db.opt("SELECT * FROM bot WHERE token_hash = $1", args![token_hash]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// Whether there is any bot at all.
    pub async fn bot_any(&self) -> Result<bool> {
        read!(self, "bot_any", |db| { Ok(db.opt("SELECT 1 AS found FROM bot LIMIT 1", args![]).await?.is_some()) })
    }
    /// A bot by id, if there is one.
    pub async fn bot_find(&self, id: BotId) -> Result<Option<Bot>> {
        read!(self, "bot_find", |db| {
            let row = db.opt("SELECT * FROM bot WHERE id = $1", args![id]).await?;
            row.as_ref().map(from_row).transpose()
        })
    }
    /// A workspace's bots, newest first; at most the page limit.
    pub async fn bot_list(&self, workspace: WorkspaceId) -> Result<Vec<Bot>> {
        read!(self, "bot_list", |db| {
            let mut select = Select::new("SELECT * FROM bot");
            select.when("workspace_id = ?", workspace);
            let (sql, values) = select.end(" ORDER BY id DESC LIMIT ?", crate::PAGE_MOST);
            db.all(sql, values).await?.iter().map(from_row).collect()
        })
    }
    /// Replaces a bot's key; the old one ends at once.
    pub async fn bot_rotate(
        &self,
        grant: &Grant<Bot, Write>,
        prefix: &str,
        token_hash: &[u8],
        at: Time,
    ) -> Result<Bot> {
        change!(self, "bot_rotate", at, |tx| {
            let missing = || StoreError::missing("bot", grant.id());
            let before = tx.opt("UPDATE bot SET name = name WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let before = from_row(&before.ok_or_else(missing)?)?;
            let row = tx
                .opt(
                    "UPDATE bot SET prefix = $2, token_hash = $3 WHERE id = $1 RETURNING *",
                    args![grant.id(), prefix, token_hash],
                )
                .await?;
            let bot = from_row(&row.ok_or_else(missing)?)?;
            tx.event(grant, grant.workspace(), Fact::BotChanged { id: bot.id });
            tx.audit(
                grant,
                "bot.rotate",
                bot.id,
                Told::changed(&told(&before), &told(&bot)).with("name", bot.name.clone()),
            );
            Ok(bot)
        })
    }
    /// Ends a bot. The matches that it made stay.
    pub async fn bot_delete(&self, grant: &Grant<Bot, Write>, at: Time) -> Result<()> {
        change!(self, "bot_delete", at, |tx| {
            let row = tx.opt("DELETE FROM bot WHERE id = $1 RETURNING *", args![grant.id()]).await?;
            let bot = from_row(&row.ok_or_else(|| StoreError::missing("bot", grant.id()))?)?;
            tx.event(grant, grant.workspace(), Fact::BotChanged { id: bot.id });
            tx.audit(grant, "bot.delete", bot.id, Told::gone(&told(&bot)));
            Ok(())
        })
    }
    /// Notes that a bot's key was used. Called at most once a minute for each.
    pub async fn bot_touch(&self, id: BotId, at: Time) -> Result<()> {
        change!(self, "bot_touch", at, |tx| {
            tx.exec("UPDATE bot SET last_used_at = $2 WHERE id = $1", args![id, at]).await?;
            Ok(())
        })
    }
}

/// What the audit trail says about a bot. Its beginning tells which key it is about, and nothing of the key.
fn told(bot: &Bot) -> serde_json::Value {
    json!({ "name": bot.name, "titles": bot.titles, "per_minute": bot.per_minute, "begins": bot.prefix })
}

pub(crate) fn from_row(row: &Row) -> Result<Bot> {
    Ok(Bot {
        id: row.get("id")?,
        workspace: row.get("workspace_id")?,
        name: row.get("name")?,
        prefix: row.get("prefix")?,
        titles: row.json("titles")?,
        per_minute: row.get("per_minute")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}
