//! What the first run can check before it installs: whether a database, a Redis and a mail server are what they should be.

use crate::app::App;
use crate::limits;
use ostler_model::Secret;
use ostler_store::setup::{Holds, look_at};
use ostler_wire::setting::CheckView;
use std::io;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

fn good(says: impl Into<String>) -> CheckView {
    CheckView { is_good: true, says: says.into() }
}

fn bad(says: impl Into<String>) -> CheckView {
    CheckView { is_good: false, says: says.into() }
}

/// The database that the server runs on, or a PostgreSQL.
pub(super) async fn database(app: &App, url: Option<&Secret>) -> CheckView {
    let work = async {
        let Some(url) = url else {
            return match app.store.ping().await {
                Ok(()) => good(format!("the server runs on {}, and it answers", app.store.backend())),
                Err(error) => bad(error.to_string()),
            };
        };
        let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.reveal().starts_with(scheme));
        if !is_postgres {
            return bad("a PostgreSQL's URL begins with postgres://");
        }
        match look_at(url.reveal(), &app.clock).await {
            Ok(found) => said(&found.version, found.holds),
            Err(error) => bad(error.to_string()),
        }
    };
    app.clock.timeout(limits::CHECK_TIME, Box::pin(work)).await.unwrap_or_else(|| bad("it did not answer in time"))
}

fn said(version: &str, holds: Holds) -> CheckView {
    const NEXT: &str = "write it into the configuration as database_url and start the server again";
    match holds {
        Holds::Nothing => good(format!("PostgreSQL {version} answers and is empty; {NEXT}")),
        Holds::Ostler => good(format!("PostgreSQL {version} answers and holds an Ostler; {NEXT}")),
        Holds::Others => {
            bad(format!("PostgreSQL {version} answers, but holds other tables; make a database for Ostler alone"))
        }
    }
}

/// A Redis or Valkey.
pub(super) async fn redis(app: &App, host: &str, port: u16, password: Option<&Secret>) -> CheckView {
    let work = Box::pin(ping(host, port, password));
    match app.clock.timeout(limits::CHECK_TIME, work).await {
        Some(Ok(answer)) if answer == "+PONG" => good(format!("{host}:{port} answers")),
        Some(Ok(answer)) if answer.starts_with("-NOAUTH") => bad(format!("{host}:{port} wants a password")),
        Some(Ok(answer)) if answer.starts_with('-') => bad(format!("{host}:{port} refuses: {}", &answer[1..])),
        // Whatever else listens there is nobody's business.
        Some(Ok(_)) => bad(format!("{host}:{port} is no Redis")),
        Some(Err(error)) => bad(format!("{host}:{port} cannot be reached: {error}")),
        None => bad(format!("{host}:{port} did not answer in time")),
    }
}

/// Says the password, if there is one, and `PING`; answers the last line that came back.
async fn ping(host: &str, port: u16, password: Option<&Secret>) -> io::Result<String> {
    let mut stream = BufReader::new(TcpStream::connect((host, port)).await?);
    if let Some(password) = password {
        let answer = ask(&mut stream, &["AUTH", password.reveal()]).await?;
        if answer != "+OK" {
            return Ok(answer);
        }
    }
    ask(&mut stream, &["PING"]).await
}

async fn ask(stream: &mut BufReader<TcpStream>, words: &[&str]) -> io::Result<String> {
    const LINE: usize = 512;
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(request.as_bytes()).await?;
    let mut line = Vec::new();
    // Somebody who sends without end must not fill the memory.
    let mut limited = tokio::io::AsyncReadExt::take(stream, LINE as u64);
    limited.read_until(b'\n', &mut line).await?;
    Ok(String::from_utf8_lossy(&line).trim_end().chars().filter(|c| !c.is_control()).collect())
}
