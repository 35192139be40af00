//! Many people watching one console: whoever watches the product, and the plainest thing that could be watched instead.

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::extract::ws::{Message as Out, WebSocketUpgrade};
use axum::extract::{Json, State};
use axum::routing::{get, post};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{Mutex, broadcast};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// Lines that one typed command makes. Well below what a console keeps, so that nobody misses one.
const LINES: u64 = 500;
/// Commands that are not measured.
const WARM: u64 = 4;
const LIMIT: Duration = Duration::from_secs(60);

/// Types a command into a shell that runs as a workload, waits until every watcher has read all that it printed, and types
/// the next one. Lines per second, over all watchers.
pub(super) async fn watch(console: &str, key: &str, watchers: usize, commands: u64) -> Result<f64> {
    let (done, mut finished) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let (opened, mut open) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..watchers {
        let mut request = console.replacen("http", "ws", 1).into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse()?);
        let (done, opened) = (done.clone(), opened.clone());
        tasks.spawn(async move {
            let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
            opened.send(())?;
            while let Some(message) = socket.next().await {
                let Message::Text(text) = message? else { continue };
                // Reading every line as JSON would measure the reader.
                for end in text.as_str().matches("\"text\":\"end of ") {
                    done.send(end.len())?;
                }
            }
            bail!("a watcher was let go")
        });
    }
    drop((done, opened));
    for _ in 0..watchers {
        if open.recv().await.is_none() {
            let failed: Result<()> = tasks.join_next().await.context("nobody watches")??;
            return failed.map(|()| 0.0);
        }
    }
    let http = reqwest::Client::new();
    let mut began = Instant::now();
    for round in 0..WARM + commands {
        if round == WARM {
            began = Instant::now();
        }
        let typed = json!({"command": format!("seq {}; echo end of {round}", LINES - 1)});
        let sent = http.post(format!("{console}/command")).bearer_auth(key).json(&typed).send().await?;
        sent.error_for_status()?;
        for _ in 0..watchers {
            let heard = tokio::time::timeout(LIMIT, finished.recv()).await;
            heard.context("the watchers did not see the end of what was printed")?;
        }
    }
    Ok((LINES * commands) as f64 * watchers as f64 / began.elapsed().as_secs_f64())
}

struct Shell {
    input: Mutex<ChildStdin>,
    lines: broadcast::Sender<Arc<str>>,
}

/// The baseline: a shell whose lines one process hands to every socket, each in a frame of its own. Prints the console's URL.
pub(super) async fn bare() -> Result<()> {
    let mut child = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let (lines, _) = broadcast::channel(65_536);
    let shell = Shell { input: Mutex::new(child.stdin.take().context("it was asked for")?), lines: lines.clone() };
    let mut out = BufReader::new(child.stdout.take().context("it was asked for")?).lines();
    tokio::spawn(async move {
        let mut seq = 0_u64;
        while let Ok(Some(text)) = out.next_line().await {
            seq += 1;
            let line = json!({"seq": seq, "at": "2026-01-01T00:00:00.000Z", "stream": "out", "text": text});
            let _ = lines.send(json!({"type": "lines", "lines": [line]}).to_string().into());
        }
    });
    let router = Router::new().route("/console", get(follow)).route("/console/command", post(type_in));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/console", listener.local_addr()?);
    Ok(axum::serve(listener, router.with_state(Arc::new(shell))).await?)
}

async fn follow(State(shell): State<Arc<Shell>>, upgrade: WebSocketUpgrade) -> axum::response::Response {
    let mut lines = shell.lines.subscribe();
    upgrade.on_upgrade(move |mut socket| async move {
        while let Ok(line) = lines.recv().await {
            if socket.send(Out::Text(line.as_ref().into())).await.is_err() {
                return;
            }
        }
    })
}

async fn type_in(State(shell): State<Arc<Shell>>, Json(typed): Json<Value>) {
    let command = format!("{}\n", typed["command"].as_str().unwrap_or_default());
    let _ = shell.input.lock().await.write_all(command.as_bytes()).await;
}
