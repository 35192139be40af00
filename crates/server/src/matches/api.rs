//! Endpoints for people: they manage matches as the platform does, and play none by it.

use super::adminbot::{Kept, download, keep, make};
use super::ask::{self, ask, door};
use super::proof::is_of_platform;
use crate::app::App;
use crate::http::{
    Allowed, Created, Download, Error, Json, NoContent, Query, Result, SignedIn, View, allow, page, paging,
};
use http::Method;
use ostler_model::authz::{Collection, Operate, Read, Write};
use ostler_model::matches::{Maker, Match, Phase, builtin};
use ostler_store::matches::Filter;
use ostler_wire::Page;
use ostler_wire::matches::GameInfo;
use ostler_wire::matches_api::{
    MatchCreate, MatchDetail, MatchKick, MatchPause, MatchQuery, MatchStart, MatchState, MatchUpdate, MatchView,
    TitleView, Titles,
};
use serde_json::{Map, Value, json};

/// List the games that matches can be made of, with the schemas of their configurations.
pub async fn titles(_: App, _: SignedIn, _: ()) -> Result<View<Titles>> {
    let items = builtin()
        .into_iter()
        .map(|title| TitleView {
            id: title.id,
            name: title.name,
            turn_ms: title.turn_ms,
            min_players: title.min_players,
            max_players: title.max_players,
            cleared_when_omitted: title.cleared_when_omitted,
            defaults: title.defaults,
            config_schema: title.config_schema,
            intent_schema: title.intent_schema,
        })
        .collect();
    Ok(View(Titles { items }))
}

/// List the matches of a workspace, newest first. Platform admins also see those that the platform's own bot made.
pub async fn list(
    app: App,
    all: Allowed<Collection<Match>, Read>,
    Query(query): Query<MatchQuery>,
) -> Result<View<Page<MatchView>>> {
    let paging = paging(query.limit, query.cursor.as_deref())?;
    let filter = Filter {
        workspace: all.resource.workspace_id(),
        with_platform: is_of_platform(&all.caller.authority),
        bot: None,
        is_over: query.state.map(|state| state == MatchState::Archived),
    };
    Ok(View(page(app.store.match_list(&filter, &paging).await?, view)))
}

/// Make a private match in a workspace.
pub async fn create(
    app: App,
    all: Allowed<Collection<Match>, Write>,
    Json(new): Json<MatchCreate>,
) -> Result<Created<MatchDetail>> {
    let user = all.caller.authority.user().ok_or(Error::SignIn)?;
    let made_by = all.caller.authority.actor.label.clone();
    let maker = (all.resource.workspace_id(), Maker::User(user), made_by);
    let (created, row) = make(&app, None, &new.title, &new.config, maker).await.map_err(in_fields)?;
    keep(&app, allow(&all.caller, &row).map_err(Error::from), &row).await?;
    Ok(Created(MatchDetail { summary: view(row), info: Some(created.info), stats: None }))
}

/// What is wrong with a configuration is a field of this API's body.
fn in_fields(error: Error) -> Error {
    match error {
        Error::Worker { code: "invalid_config" | "only_private" | "invalid_body", message, .. } => {
            Error::field("config", message)
        }
        Error::Worker { code: "unknown_title", message, .. } => Error::field("title", message),
        other => other,
    }
}

/// Read a match, with what its worker says of it now.
pub async fn get(app: App, of: Allowed<Match, Read>, _: ()) -> Result<View<MatchDetail>> {
    let (mut info, mut stats) = (None, None);
    if of.resource.phase != Phase::Finished
        && let Some(door) = app.matches.door(of.resource.worker)
    {
        let path = format!("/game/{}", of.resource.id);
        info = known(ask(&app, &door, Method::GET, &path, None).await)?;
        stats = known(ask(&app, &door, Method::GET, &format!("{path}/stats"), None).await)?;
    }
    Ok(View(MatchDetail { summary: view(of.resource), info, stats }))
}

/// What the worker said, if it still has the match and answers at all.
fn known<T>(said: Result<T>) -> Result<Option<T>> {
    match said {
        Ok(said) => Ok(Some(said)),
        Err(Error::NotFound | Error::Unavailable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Change a lobby's configuration. What is left out stays, except `hostCheats`: omitted means CLEARED.
pub async fn update(app: App, of: Allowed<Match, Write>, Json(input): Json<MatchUpdate>) -> Result<View<MatchDetail>> {
    let intent = json!({ "type": "update_game_config", "config": input.config });
    let fields: Vec<&String> = input.config.keys().collect();
    let info = tell(&app, &of.resource, intent).await.map_err(in_fields)?;
    let details = json!({ "fields": fields });
    app.store.audit_done(&of.grant, "match.update", Some(details), app.clock.now()).await?;
    done(of.resource, info)
}

/// Set the start of a lobby, or clear it.
pub async fn start(app: App, of: Allowed<Match, Operate>, Json(input): Json<MatchStart>) -> Result<View<MatchDetail>> {
    live(&of.resource)?;
    let path = format!("/game/{}", of.resource.id);
    let now: Result<GameInfo> = ask(&app, &door(&app, of.resource.worker)?, Method::GET, &path, None).await;
    let mut info = now.map_err(over)?;
    if !input.is_set && of.resource.phase == Phase::Active {
        return Err(Error::conflict("already_started", "the match has started; there is no start to take back"));
    }
    // The worker's intent toggles; who presses a button twice must not thereby take it back.
    if info.starts_at.is_some() != input.is_set {
        info = tell(&app, &of.resource, json!({ "type": "toggle_game_start_timer" })).await?;
    }
    let details = json!({ "is_set": input.is_set });
    app.store.audit_done(&of.grant, "match.start", Some(details), app.clock.now()).await?;
    done(of.resource, info)
}

/// Pause a running match, or let it go on.
pub async fn pause(app: App, of: Allowed<Match, Operate>, Json(input): Json<MatchPause>) -> Result<View<MatchDetail>> {
    let info = tell(&app, &of.resource, json!({ "type": "toggle_pause", "paused": input.paused })).await?;
    let details = json!({ "paused": input.paused });
    app.store.audit_done(&of.grant, "match.pause", Some(details), app.clock.now()).await?;
    done(of.resource, info)
}

/// Put a player out of a match, for good.
pub async fn kick(app: App, of: Allowed<Match, Operate>, Json(input): Json<MatchKick>) -> Result<View<MatchDetail>> {
    let info = tell(&app, &of.resource, json!({ "type": "kick_player", "targetClientID": input.client })).await?;
    let details = json!({ "client": input.client });
    app.store.audit_done(&of.grant, "match.kick", Some(details), app.clock.now()).await?;
    done(of.resource, info)
}

/// End a match. It is archived.
pub async fn end(app: App, of: Allowed<Match, Write>, _: ()) -> Result<NoContent> {
    live(&of.resource)?;
    let (door, path) = (door(&app, of.resource.worker)?, format!("/game/{}", of.resource.id));
    let _: Value = ask(&app, &door, Method::DELETE, &path, None).await.map_err(over)?;
    app.matches.changed.notify_one();
    app.store.audit_done(&of.grant, "match.end", None, app.clock.now()).await?;
    Ok(NoContent)
}

/// Download a finished match: configuration, names, every turn, winner.
pub async fn archive(app: App, of: Allowed<Match, Read>, _: ()) -> Result<Download<Kept>> {
    if of.resource.phase != Phase::Finished {
        return Err(Error::conflict("not_finished", "the match is not over yet"));
    }
    download(&app, &of.resource).await?.ok_or_else(no_archive)
}

/// It is over, and nobody can say how it went.
pub(super) fn no_archive() -> Error {
    Error::Gone { code: "no_archive", message: "its worker has no archive of this match".to_owned() }
}

async fn tell(app: &App, of: &Match, intent: Value) -> Result<GameInfo> {
    live(of)?;
    let intent: Map<String, Value> = match intent {
        Value::Object(intent) => intent,
        _ => Map::new(),
    };
    ask::intent(app, of.worker, of.id, &intent).await.map_err(over)
}

fn live(of: &Match) -> Result<()> {
    if of.phase == Phase::Finished { Err(over(Error::NotFound)) } else { Ok(()) }
}

/// The caller may know of it; that its worker does not any more means that it is over.
fn over(error: Error) -> Error {
    match error {
        Error::NotFound => Error::conflict("match_over", "the match is over"),
        other => other,
    }
}

fn done(of: Match, info: GameInfo) -> Result<View<MatchDetail>> {
    Ok(View(MatchDetail { summary: view(of), info: Some(info), stats: None }))
}

pub(super) fn view(one: Match) -> MatchView {
    MatchView {
        id: one.id,
        workspace: one.workspace,
        title: one.title,
        made_by: one.made_by,
        worker_index: one.worker,
        worker_path: format!("w{}", one.worker),
        phase: one.phase,
        players: one.players,
        turns: one.turns,
        created_at: one.created_at,
        started_at: one.started_at,
        ended_at: one.ended_at,
        lost: one.lost,
    }
}
