//! Sockets: those of players by a worker's prefix, and the panel's.

use super::api::no_archive;
use super::ask::door;
use super::bridge::{Held, bridge};
use super::prefix::strip;
use crate::app::App;
use crate::http::{Allowed, Arrival, Error, Public, Query, Raw, Result, Upgrade, allow, same_origin};
use crate::realtime::standing::Standing;
use axum::extract::Request;
use http::{Uri, header};
use ostler_model::authz::{Grant, Operate, Read, VerbKind};
use ostler_model::matches::Match;
use ostler_wire::matches_api::MatchSocketQuery;

/// Play a match: the socket behind a worker's prefix, `/wN`. The first frame says which match, and who.
///
/// The platform's credentials do not go through: whoever plays is known by the token in the first frame.
pub async fn play(app: App, _: Public, Raw(mut request): Raw) -> Result<Upgrade> {
    let arrival = request.extensions().get::<Arrival>().and_then(|arrival| arrival.worker);
    let index = arrival.or((app.matches.count() == 1).then_some(0));
    let index = index.ok_or_else(|| Error::Malformed("say which worker: connect to /wN".to_owned()))?;
    is_socket(&request)?;
    let door = app.matches.named(index)?;
    lead(&mut request, "/".to_owned())?;
    if door.is_here() {
        return door.as_player(request).await.map(Upgrade);
    }
    bridge(&app, &door, request, None).await.map(Upgrade)
}

/// Watch a match, or play it, from the panel. With `watch=true` it only receives: of an archived match, its turns once more.
///
/// Watching needs `match:read`, playing `match:operate`. The frames are those of `/wN`.
pub async fn socket(
    app: App,
    of: Allowed<Match, Read>,
    (Query(query), Raw(mut request)): (Query<MatchSocketQuery>, Raw),
) -> Result<Upgrade> {
    // A browser sends its cookie with a WebSocket from any site; only the origin tells.
    let (parts, body) = request.into_parts();
    same_origin(&app, &parts)?;
    let standing = Standing::new(&app, &parts.headers).await.ok_or(Error::Credentials)?;
    request = Request::from_parts(parts, body);
    is_socket(&request)?;
    if of.resource.lost.is_some() {
        return Err(no_archive());
    }
    if !query.watch {
        let _: Grant<Match, Operate> = allow(&of.caller, &of.resource)?;
    }
    let verb = if query.watch { VerbKind::Read } else { VerbKind::Operate };
    let door = door(&app, of.resource.worker)?;
    let pace = query.pace_ms.unwrap_or(100);
    let (id, watch, from) = (of.resource.id, query.watch, query.from);
    lead(&mut request, format!("/api/v1/matches/{id}/socket?watch={watch}&from={from}&pace_ms={pace}"))?;
    bridge(&app, &door, request, Some(Held { of: of.resource, verb, standing })).await.map(Upgrade)
}

fn is_socket(request: &Request) -> Result<()> {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if upgrade.eq_ignore_ascii_case("websocket") {
        return Ok(());
    }
    Err(Error::Malformed("this is a WebSocket; connect with one".to_owned()))
}

/// Points a request at a worker's own path, and takes from it what is none of the worker's business.
fn lead(request: &mut Request, path: String) -> Result<()> {
    *request.uri_mut() = Uri::try_from(path).map_err(|error| Error::Internal(error.into()))?;
    strip(request.headers_mut());
    request.headers_mut().remove("x-admin-bot-key");
    Ok(())
}
