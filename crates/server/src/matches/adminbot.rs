//! What bots ask, in the words and with the answers of their protocol.

use super::ask::{self, ask, door};
use super::proof::{Bot, OfBot, Open};
use crate::app::App;
use crate::http::{BodyUse, Download, Error, Incoming, Input, InputDoc, Media, NoContent, Query, Result, View, paging};
use axum::extract::Request;
use http::{Method, StatusCode};
use ostler_model::authz::{Grant, Operate, Read, Write, authorize};
use ostler_model::matches::{Config, Maker, Match, Phase};
use ostler_store::matches::Filter;
use ostler_wire::matches::{Created, GameInfo, GameStats};
use ostler_wire::matches_api::ArchiveIds;
use ostler_wire::page::PageQuery;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The title of a match whose maker names none.
const TITLE: &str = "openfront";

/// Any JSON object; nothing at all is an empty one. Whatever else it is, the request is malformed.
#[derive(Debug, Clone)]
pub struct Object(pub Map<String, Value>);

impl Input for Object {
    const BODY: BodyUse = BodyUse::None;
    fn describe(_: &mut SchemaGenerator) -> InputDoc {
        let schema = schemars::json_schema!({ "type": "object" });
        let sample = json!({ "type": "toggle_pause", "paused": true });
        InputDoc { body: Some(schema), sample: Some(sample), ..InputDoc::default() }
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        let text: &[u8] = if from.bytes.trim_ascii().is_empty() { b"{}" } else { &from.bytes };
        match crate::http::any_json(text) {
            Ok(Value::Object(fields)) => Ok(Object(fields)),
            Err(error @ Error::Invalid(_)) => Err(error),
            Ok(_) | Err(_) => Err(Error::Worker {
                status: StatusCode::BAD_REQUEST,
                code: "invalid_body",
                message: "The body must be a JSON object.".to_owned(),
            }),
        }
    }
}

/// A finished match as a file.
#[derive(Debug)]
pub struct Kept;

impl Media for Kept {
    const TYPES: &'static [&'static str] = &["application/json"];
    const UNREADY: Option<&'static str> = Some("The match is not over yet.");
}

/// Which title.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Of {
    /// `openfront` when absent.
    #[schemars(length(max = 64))]
    pub title: Option<String>,
}

/// A title and a partial configuration.
#[derive(Debug, Clone)]
pub struct NewGame {
    pub of: Of,
    pub config: Config,
}

impl Input for NewGame {
    const BODY: BodyUse = BodyUse::None;
    fn describe(generator: &mut SchemaGenerator) -> InputDoc {
        let body = Object::describe(generator);
        let sample = Some(json!({ "gameMap": "World", "startDelay": 5 }));
        InputDoc { query: Query::<Of>::describe(generator).query, sample, ..body }
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        let query = from.parts.uri.query().unwrap_or_default().to_owned();
        let of = crate::http::from_query(&query, false)?;
        Ok(Self { of, config: Object::read(from)?.0 })
    }
}

/// Make a private match, with a partial configuration over the title's defaults.
///
/// The answer says which worker owns it, and by which prefix players reach that worker.
pub async fn create_game(app: App, bot: Bot, new: NewGame) -> Result<View<Created>> {
    let title = new.of.title.unwrap_or_else(|| TITLE.to_owned());
    if bot.named.as_ref().is_some_and(|named| !named.may_make(&title)) {
        let message = format!("this bot may not make matches of {title}");
        return Err(Error::Forbidden { code: "title_not_allowed", message });
    }
    let (workspace, maker) = match &bot.named {
        Some(named) => (Some(named.workspace), Maker::Bot(named.id)),
        None => (None, Maker::Platform),
    };
    let made_by = bot.caller.authority.actor.label.clone();
    let (created, row) = make(&app, bot.worker, &title, &new.config, (workspace, maker, made_by)).await?;
    let grant: Result<Grant<Match, Write>, _> = authorize(&bot.caller.authority, &row, &bot.caller.origin);
    keep(&app, grant.map_err(Error::from), &row).await?;
    Ok(View(created))
}

/// Lets a worker make a match, and says how it will be remembered.
pub(super) async fn make(
    app: &App,
    worker: Option<u32>,
    title: &str,
    config: &Config,
    (workspace, maker, made_by): (Option<ostler_model::WorkspaceId>, Maker, String),
) -> Result<(Created, Match)> {
    let door = match worker {
        Some(index) => app.matches.named(index)?,
        None => app.matches.idlest().ok_or_else(ask::away)?,
    };
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("title", title).finish();
    let created: Created = ask(app, &door, Method::POST, &format!("/create_game?{query}"), Some(config)).await?;
    door.note_one_more();
    // A host that is not what it should be must not speak for the matches of others.
    let is_own = created.worker_index == door.index() && app.matches.owner(created.info.game_id) == door.index();
    if !is_own {
        return Err(Error::Internal(anyhow::anyhow!("worker {} made a match that is not its own", door.index())));
    }
    let row = Match {
        id: created.info.game_id,
        workspace,
        title: title.to_owned(),
        maker,
        made_by,
        worker: created.worker_index,
        phase: Phase::Lobby,
        players: 0,
        turns: 0,
        created_at: app.clock.now(),
        started_at: None,
        ended_at: None,
        lost: None,
    };
    Ok((created, row))
}

/// Remembers a match that was made. When that is not possible, nobody could ever reach it: it ends.
pub(super) async fn keep(app: &App, grant: Result<Grant<Match, Write>>, row: &Match) -> Result<()> {
    let kept = match grant {
        Ok(grant) => app.store.match_create(&grant, row, row.created_at).await.map(|_| ()).map_err(Error::from),
        Err(error) => Err(error),
    };
    if kept.is_ok() {
        app.matches.note_born(row);
    }
    if kept.is_err()
        && let Some(door) = app.matches.door(row.worker)
    {
        let ended: Result<Value> = ask(app, &door, Method::DELETE, &format!("/game/{}", row.id), None).await;
        if let Err(error) = ended {
            tracing::warn!(game = %row.id, %error, "a match that could not be remembered goes on without an owner");
        }
    }
    kept
}

/// Read a match.
pub async fn game(app: App, of: OfBot<Read>, _: ()) -> Result<View<GameInfo>> {
    read(&app, &of.resource, "").await.map(View)
}

/// Read a match's numbers.
pub async fn game_stats(app: App, of: OfBot<Read>, _: ()) -> Result<View<GameStats>> {
    read(&app, &of.resource, "/stats").await.map(View)
}

async fn read<T: serde::de::DeserializeOwned>(app: &App, of: &Match, what: &str) -> Result<T> {
    ask(app, &door(app, of.worker)?, Method::GET, &format!("/game/{}{what}", of.id), None).await
}

/// Manage a match: configure, set the start, pause, kick. The answer is how it is then.
///
/// `update_game_config` leaves what it omits as it was, except `hostCheats`: omitted means CLEARED.
pub async fn intent(app: App, of: OfBot<Operate>, Object(intent): Object) -> Result<View<GameInfo>> {
    let info = ask::intent(&app, of.resource.worker, of.resource.id, &intent).await?;
    let kind: String = intent.get("type").and_then(Value::as_str).unwrap_or_default().chars().take(64).collect();
    app.store.audit_done(&of.grant, "match.intent", Some(json!({ "type": kind })), app.clock.now()).await?;
    Ok(View(info))
}

/// End a match. It is archived.
pub async fn end_game(app: App, of: OfBot<Write>, _: ()) -> Result<NoContent> {
    let path = format!("/game/{}", of.resource.id);
    let _: Value = ask(&app, &door(&app, of.resource.worker)?, Method::DELETE, &path, None).await?;
    app.matches.changed.notify_one();
    app.store.audit_done(&of.grant, "match.end", None, app.clock.now()).await?;
    Ok(NoContent)
}

/// List the finished matches that this bot made, newest first.
pub async fn archives(app: App, bot: Bot, Query(query): Query<PageQuery>) -> Result<View<ArchiveIds>> {
    let paging = paging(query.limit, query.cursor.as_deref())?;
    let filter = Filter { is_over: Some(true), bot: Some(bot.named.as_ref().map(|bot| bot.id)), ..Filter::default() };
    let page = app.store.match_list(&filter, &paging).await?;
    Ok(View(ArchiveIds { items: page.items.iter().map(|one| one.id).collect(), next_cursor: page.next }))
}

/// Download a finished match: configuration, names, every turn, winner.
pub async fn archived(app: App, of: OfBot<Read>, _: ()) -> Result<Download<Kept>> {
    download(&app, &of.resource).await?.ok_or(Error::NotFound)
}

/// The archive, piece by piece; `None` when the worker has none.
pub(super) async fn download(app: &App, of: &Match) -> Result<Option<Download<Kept>>> {
    if of.lost.is_some() {
        return Ok(None);
    }
    let door = door(app, of.worker)?;
    let mut response = ask::send(app, &door, Method::GET, &format!("/archive/{}", of.id), None).await?;
    match response.status() {
        StatusCode::OK => {
            let name = format!("attachment; filename=\"match-{}.json\"", of.id);
            if let Ok(name) = name.parse() {
                response.headers_mut().insert(http::header::CONTENT_DISPOSITION, name);
            }
            Ok(Some(Download::new(response)))
        }
        StatusCode::NOT_FOUND => Ok(None),
        status => Err(ask::refusal(status, b"")),
    }
}

/// Read a match as its players see it. Whoever knows its id may.
pub async fn public_game(app: App, open: Open, _: ()) -> Result<View<GameInfo>> {
    let door = app.matches.named(app.matches.owner(open.id))?;
    let request = Request::builder().uri(format!("/api/game/{}", open.id)).body(axum::body::Body::empty());
    let request = request.map_err(|error| Error::Internal(error.into()))?;
    ask::whole(&app, door.as_player(request).await?).await.map(View)
}
