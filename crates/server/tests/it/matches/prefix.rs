//! Players come by `/wN`, and whoever forges something on the way.

use super::{House, KEY};
use futures_util::{SinkExt as _, StreamExt as _};
use http::Method;
use ostler_model::authz::{CapabilitySet, Role, Scope};
use ostler_model::user::User;
use ostler_testkit::server::{As, TestServer};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn dial(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn say(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

/// What is done in the next turn in which anything is.
async fn deed(socket: &mut Socket) -> Value {
    loop {
        let turn = next(socket, "turn").await;
        if !turn["turn"]["intents"][0].is_null() {
            return turn["turn"]["intents"][0].clone();
        }
    }
}

/// Waits until the other side has let go.
async fn ended(socket: &mut Socket) {
    let all = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("the socket is still open");
}

/// The next frame of this type.
async fn next(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.expect("nothing came");
        let Some(Ok(message)) = message else { panic!("it ended before a {kind} came") };
        if let Message::Text(text) = message {
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == kind {
                return frame;
            }
            assert_ne!(frame["type"], "error", "{frame}");
        }
    }
}

async fn join(address: SocketAddr, id: &str, name: &str) -> (Socket, String) {
    let mut socket = dial(address, "/w0", &[("authorization", "Bearer ost_forged"), ("cookie", "ostler_session=x")])
        .await
        .expect("credentials of the platform are neither needed nor looked at");
    say(&mut socket, json!({"type": "join", "gameID": id, "token": format!("secret of {name}"), "username": name}))
        .await;
    let lobby = next(&mut socket, "lobby_info").await;
    (socket, lobby["myClientID"].as_str().unwrap().to_owned())
}

/// Rights that end, end an open socket.
async fn a_key_that_ends_lets_go(t: &TestServer, (address, at): (SocketAddr, &str), viewer: &User) {
    let (brief, secret) = t.key(viewer, CapabilitySet::everything(), Scope::All).await;
    let As::Bearer(secret) = secret else { panic!("keys are bearers") };
    let secret = format!("Bearer {secret}");
    let mut short = dial(address, &format!("{at}/socket?watch=true"), &[("authorization", &secret)]).await.unwrap();
    next(&mut short, "start").await;
    let path = format!("/api/v1/keys/{}", brief.id);
    t.ask(&t.browser(viewer).await, Method::DELETE, &path, None).await.is(204);
    ended(&mut short).await;
}

#[tokio::test]
async fn a_match_is_played_watched_paused_and_replayed_through_the_platform() {
    let house = House::open(1).await;
    let t = &house.t;
    let owner = t.person(false).await;
    let space = t.workspace(&owner).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = ostler_server::listen(t.app.clone(), None, listener).unwrap();
    let address = running.address;
    let who = t.browser(&owner).await;
    let all = format!("/api/v1/workspaces/{}/matches", space.id);
    let new = json!({"title": "tic-tac-toe", "config": {"startDelay": 0}});
    let made = t.post(&who, &all, &new).await.is(201).json();
    let id = made["match"]["id"].as_str().unwrap().to_owned();
    let at = format!("/api/v1/matches/{id}");
    let (mut ada, ada_id) = join(address, &id, "Ada").await;
    let (mut bob, bob_id) = join(address, &id, "Bob").await;
    let (_eve, eve_id) = join(address, &id, "Eve").await;
    ostler_testkit::wait::until("the list shows the players", async || {
        t.get(&who, &all).await.is(200).json()["items"][0]["players"].eq(&3).then_some(())
    })
    .await;
    t.post(&who, &format!("{at}/kick"), &json!({"client": eve_id})).await.is(200);
    t.post(&who, &format!("{at}/start"), &json!({"is_set": true})).await.is(200);
    let start = next(&mut ada, "start").await;
    let players: Vec<&Value> =
        start["gameStartInfo"]["players"].as_array().unwrap().iter().map(|p| &p["clientID"]).collect();
    assert_eq!(players, [&json!(ada_id), &json!(bob_id)], "whoever was kicked is not among them");
    next(&mut bob, "start").await;
    say(&mut ada, json!({"type": "intent", "intent": {"type": "mark_cell", "cell": 4}})).await;
    let marked = deed(&mut bob).await;
    assert_eq!(marked, json!({"type": "mark_cell", "cell": 4, "clientID": ada_id}));

    // A viewer watches and does not play; from another site nobody does.
    let (viewer, _) = t.member(&space, Role::Viewer).await;
    let (_, key) = t.key(&viewer, CapabilitySet::everything(), Scope::All).await;
    let As::Bearer(key) = key else { panic!("keys are bearers") };
    let bearer = format!("Bearer {key}");
    let as_viewer: &[(&'static str, &str)] = &[("authorization", &bearer)];
    assert_eq!(dial(address, &format!("{at}/socket"), as_viewer).await.err(), Some(403));
    assert_eq!(dial(address, &format!("{at}/socket"), &[]).await.err(), Some(401));
    let foreign = [("authorization", bearer.as_str()), ("origin", "https://evil.example")];
    assert_eq!(dial(address, &format!("{at}/socket?watch=true"), &foreign).await.err(), Some(403));
    let mut watching = dial(address, &format!("{at}/socket?watch=true"), as_viewer).await.unwrap();
    assert_eq!(next(&mut watching, "start").await["gameStartInfo"]["gameID"], json!(id));

    a_key_that_ends_lets_go(t, (address, &at), &viewer).await;
    next(&mut watching, "turn").await;
    t.post(&who, &format!("{at}/pause"), &json!({"paused": true})).await.is(200);
    let pause = deed(&mut bob).await;
    assert_eq!((&pause["type"], &pause["clientID"]), (&json!("toggle_pause"), &json!("ADMINBOT")));
    t.ask(&who, Method::DELETE, &at, None).await.is(204);
    ostler_testkit::wait::until("it is in the archive", async || {
        t.get(&who, &at).await.is(200).json()["match"]["phase"].eq("finished").then_some(())
    })
    .await;
    let kept = t.get(&who, &at).await.is(200).json();
    assert!(kept["match"]["turns"].as_u64().unwrap() > 0 && kept["match"]["started_at"].is_string(), "{kept}");
    let mut replay = dial(address, &format!("{at}/socket?watch=true&pace_ms=0"), as_viewer).await.unwrap();
    next(&mut replay, "start").await;
    assert_eq!(deed(&mut replay).await, marked, "the archive replays what was played");
    running.stop().await;
}

#[tokio::test]
async fn forged_prefixes_headers_and_ids_lead_nowhere() {
    let house = House::open(2).await;
    let t = &house.t;
    let id = house.game().await;
    let owner = ostler_model::matches::owner(id.parse().unwrap(), 2);
    let root = t.browser(&t.person(true).await).await;
    // The platform's own routes are not behind the prefix, and its credentials do not go through it.
    for path in ["/w0/api/v1/users/me", "/w0/api/v1/matches", "/w0/panel", "/w0/metrics", "/w0/w1/api/adminbot/archive"]
    {
        t.get(&root, path).await.is(404).code("not_found");
    }
    for path in ["/w2", "/w999", "/w99999999999999999999"] {
        let mut request = t.request(&As::Nobody, &Method::GET, path, None);
        for (name, value) in [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        t.send(request).await.is(404).code("not_found");
    }
    house.bot(KEY, Method::POST, "/w999/api/adminbot/create_game", None).await.is(404);
    house.bot(KEY, Method::GET, &format!("/w999/api/adminbot/game/{id}"), None).await.is(400).code("wrong_worker");
    t.get(&As::Nobody, &format!("/w{}/api/game/{id}", 1 - owner)).await.is(400).code("wrong_worker");
    t.get(&As::Nobody, &format!("/w{owner}/api/game/{id}")).await.is(200);
    t.get(&As::Nobody, &format!("/api/game/{id}")).await.is(200);
    t.get(&As::Nobody, "/api/game/aB3dE5gH").await.is(404);
    // Nothing that a caller says makes a worker believe that it is the platform.
    let mut request = t.request(&root, &Method::GET, &format!("/w{owner}/api/adminbot/game/{id}"), None);
    request.headers_mut().insert("x-ostler-trusted", "1".parse().unwrap());
    request.headers_mut().insert("x-forwarded-for", "127.0.0.1".parse().unwrap());
    t.send(request).await.is(401);
    house.bot("the platform's own", Method::GET, &format!("/api/adminbot/game/{id}"), None).await.is(401);
    house.t.stop().await;
}

#[tokio::test]
async fn new_matches_go_to_the_worker_with_the_least_to_do() {
    let house = House::open(3).await;
    for _ in 0..9 {
        house.game().await;
    }
    let loads: Vec<usize> = house.workers.iter().map(|worker| worker.load()).collect();
    assert_eq!(loads, [3, 3, 3]);
    house.t.stop().await;
}
