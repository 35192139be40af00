//! Endpoints about bots: who may make matches by a key of their own.

use super::key::{mint, shown};
use crate::app::App;
use crate::auth::hash_token;
use crate::http::{Allowed, Error, Json, NoContent, Once, Query, Result, Routes, View, page, window};
use crate::limits;
use ostler_model::authz::{Collection, Read, Write};
use ostler_model::matches::{Bot, builtin};
use ostler_wire::Page;
use ostler_wire::bot::{BotCreate, BotCreated, BotView};
use ostler_wire::page::PageQuery;

/// The room's endpoints about bots.
pub(super) fn routes() -> Routes {
    Routes::new("bot")
        .get("/api/v1/bots", list)
        .get("/api/v1/workspaces/{workspace}/bots", list)
        .post("/api/v1/bots", create)
        .post("/api/v1/workspaces/{workspace}/bots", create)
        .get("/api/v1/bots/{bot}", get)
        .delete("/api/v1/bots/{bot}", delete)
        .post("/api/v1/bots/{bot}/rotate", rotate)
}

/// List a workspace's bots, newest first.
pub async fn list(
    app: App,
    all: Allowed<Collection<Bot>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<BotView>>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let bots = app.store.bot_list(workspace).await?;
    Ok(View(page(window(bots, &query, |bot| bot.id.to_string())?, view)))
}

/// Make a bot: a program that makes and manages matches by a key of its own. It sees the matches that it has made, and no others.
///
/// The key is in this answer and nowhere else.
pub async fn create(
    app: App,
    all: Allowed<Collection<Bot>, Write>,
    Json(input): Json<BotCreate>,
) -> Result<Once<BotCreated>> {
    let workspace = all.resource.workspace_id().ok_or(Error::NotFound)?;
    let known: Vec<String> = builtin().into_iter().map(|title| title.id).collect();
    if let Some(unknown) = input.titles.iter().find(|title| !known.contains(title)) {
        return Err(Error::field("titles", format!("{unknown} is none of {}", known.join(", "))));
    }
    if app.store.bot_list(workspace).await?.len() >= limits::BOTS_PER_WORKSPACE {
        let message = format!("there are {} bots; delete one that is not used any more", limits::BOTS_PER_WORKSPACE);
        return Err(Error::conflict("too_many_bots", message));
    }
    let (secret, now) = (mint(&app), app.clock.now());
    let bot = Bot {
        id: app.ids.next(),
        workspace,
        name: input.name,
        prefix: shown(&secret),
        titles: input.titles,
        per_minute: input.per_minute,
        created_at: now,
        last_used_at: None,
    };
    let bot = app.store.bot_create(&all.grant, &bot, &hash_token(&secret), now).await?;
    app.matches.note_named(true);
    Ok(Once(BotCreated { bot: view(bot), secret }))
}

/// Read about a bot.
pub async fn get(_: App, bot: Allowed<Bot, Read>, _: ()) -> Result<View<BotView>> {
    Ok(View(view(bot.resource)))
}

/// Delete a bot. Its key ends at once; the matches that it made go on.
pub async fn delete(app: App, bot: Allowed<Bot, Write>, _: ()) -> Result<NoContent> {
    app.store.bot_delete(&bot.grant, app.clock.now()).await?;
    app.matches.forget(bot.resource.id);
    app.matches.note_named(app.store.bot_any().await?);
    Ok(NoContent)
}

/// Give a bot a new key. The old one ends at once.
pub async fn rotate(app: App, bot: Allowed<Bot, Write>, _: ()) -> Result<Once<BotCreated>> {
    let secret = mint(&app);
    let bot = app.store.bot_rotate(&bot.grant, &shown(&secret), &hash_token(&secret), app.clock.now()).await?;
    Ok(Once(BotCreated { bot: view(bot), secret }))
}

fn view(bot: Bot) -> BotView {
    BotView {
        id: bot.id,
        workspace: bot.workspace,
        name: bot.name.to_string(),
        prefix: bot.prefix,
        titles: bot.titles,
        per_minute: bot.per_minute,
        created_at: bot.created_at,
        last_used_at: bot.last_used_at,
    }
}
