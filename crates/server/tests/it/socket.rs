//! The console as a real WebSocket over a real connection.

use crate::shop::Shop;
use futures_util::{SinkExt as _, StreamExt as _};
use ostler_model::authz::{Write, authorize};
use ostler_model::key::Key;
use ostler_wire::console::ConsoleStream;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn dial(address: std::net::SocketAddr, path: &str, token: &str, origin: Option<&str>) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
}

/// The next frame; `Err` with the close code at the end.
async fn frame(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.expect("nothing came");
        match message {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(close)))) => return Err(close.code.into()),
            Some(Ok(Message::Close(None)) | Err(_)) | None => return Err(0),
            Some(Ok(_)) => {}
        }
    }
}

async fn texts(socket: &mut Socket, count: usize) -> Vec<String> {
    let mut all = vec![];
    while all.len() < count {
        let frame = frame(socket).await.unwrap();
        assert_eq!(frame["type"], "lines", "{frame}");
        all.extend(frame["lines"].as_array().unwrap().iter().map(|l| l["text"].as_str().unwrap().to_owned()));
    }
    all
}

#[tokio::test]
async fn lines_come_commands_go_and_who_may_not_is_refused() {
    let mut shop = Shop::open().await;
    let (id, _) = shop.create(json!({"name": "Demo", "template": "luanti"})).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = ostler_server::listen(shop.app.clone(), None, listener).unwrap();
    let address = running.address;
    let path = format!("/api/v1/workloads/{id}/console");

    for n in 1..=3 {
        shop.agent.state.says(&format!("line {n}"), ConsoleStream::Out);
    }
    let mut socket = dial(address, &format!("{path}?after=1"), shop.token(), None).await.unwrap();
    assert_eq!(texts(&mut socket, 2).await, ["line 2", "line 3"]);
    socket.send(Message::text(json!({"type": "command", "command": "say hi"}).to_string())).await.unwrap();
    assert_eq!(texts(&mut socket, 1).await, ["say hi"], "what was typed is echoed by the game's console");
    socket.send(Message::text("nonsense")).await.unwrap();
    assert_eq!(frame(&mut socket).await.unwrap()["type"], "refused");

    let (viewer_key, viewer) = shop.key(&["workload:read"]).await;
    let mut watching = dial(address, &format!("{path}?after=4"), &viewer, None).await.unwrap();
    watching.send(Message::text(json!({"type": "command", "command": "op me"}).to_string())).await.unwrap();
    let refused = frame(&mut watching).await.unwrap();
    assert!(refused["message"].as_str().unwrap().contains("workload:operate"), "{refused}");
    assert!(shop.agent.state.disk().console.iter().all(|line| line.text != "op me"));

    // Rights that end, end an open socket within a second or so.
    let now = shop.app.clock.now();
    let own = ostler_server::auth::hash_token(shop.token());
    let owner = shop.app.store.key_authority(&own, now).await.unwrap().unwrap().authority;
    let row = shop.app.store.key_find(viewer_key).await.unwrap().unwrap();
    let grant = authorize::<Key, Write>(&owner, &row, &Arc::default()).unwrap();
    shop.app.store.key_delete(&grant, now).await.unwrap();
    assert_eq!(frame(&mut watching).await, Err(1008));

    for (token, origin, expected) in [(viewer.as_str(), None, 401), (shop.token(), Some("https://evil.example"), 403)] {
        match dial(address, &path, token, origin).await {
            Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), expected),
            other => panic!("{other:?} instead of {expected}"),
        }
    }

    // A cut link ends the socket in a way that says: come back with `after`.
    shop.cut().await;
    assert_eq!(frame(&mut socket).await, Err(1013));
    running.stop().await;
}
