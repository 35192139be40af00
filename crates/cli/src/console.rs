//! `ostler game console`: a workload's own output and input, over a WebSocket that comes back when it is cut.

use crate::api::Api;
use crate::exit::Trouble;
use crate::ground;
use crate::plain::Plain;
use crate::show::{self, clean};
use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use ostler_wire::client::ClientError;
use ostler_wire::console::{ConsoleFrame, ConsoleInput, ConsoleLine, ConsoleLines, ConsoleStream};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncBufReadExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

/// Between attempts to come back.
const AGAIN: Duration = Duration::from_secs(2);

/// How to use the console.
#[derive(Debug, clap::Args)]
pub(crate) struct How {
    /// Print the newest lines, at most this many, and leave.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    lines: Option<u32>,
    /// Type one line and leave.
    #[arg(long, conflicts_with = "lines")]
    command: Option<String>,
    /// Print the time before each line.
    #[arg(long)]
    times: bool,
}

type Socket = WebSocketStream<reqwest::Upgraded>;

/// Runs the console of the workload at `path`.
pub(crate) async fn run(api: &Api, path: &str, how: How) -> Result<()> {
    let at = format!("{path}/console");
    if let Some(command) = &how.command {
        return api.send(Method::POST, &format!("{at}/command"), Some(&json!({"command": command}))).await.map(drop);
    }
    let mut printer = Printer { json: api.common.json, times: how.times, plain: Default::default() };
    let recent: ConsoleLines = api.client.get(&format!("{at}/lines?limit={}", how.lines.unwrap_or(50))).await?;
    if how.lines.is_some() && api.common.json {
        return show::print(&serde_json::to_string_pretty(&recent)?);
    }
    printer.print(&recent.lines)?;
    if how.lines.is_some() {
        return Ok(());
    }
    if ground::is_attended() {
        show::note("— typed lines go to it, Ctrl-C leaves —");
    }
    let following = follow(api, &at, recent.last_seq, &mut printer);
    tokio::select! {
        done = following => done,
        // Leaving is what was wanted, and no failure.
        done = tokio::signal::ctrl_c() => Ok(done?),
    }
}

/// Lines are split when they are longer than 8 KiB, also in the middle of a control sequence.
const SPLIT_BYTES: usize = (8 << 10) - 4;

struct Printer {
    json: bool,
    times: bool,
    /// Of output and of errors.
    plain: [Plain; 2],
}

impl Printer {
    /// The text without control sequences, also when they go on in the next piece of a line that was split.
    fn text(&mut self, line: &ConsoleLine) -> String {
        let plain = match line.stream {
            ConsoleStream::Out => &mut self.plain[0],
            ConsoleStream::Err => &mut self.plain[1],
            ConsoleStream::In | ConsoleStream::Agent => return clean(&line.text),
        };
        let mut text = String::new();
        plain.take(&line.text, &mut text);
        if line.text.len() < SPLIT_BYTES {
            plain.end_line();
        }
        text
    }

    fn print(&mut self, lines: &[ConsoleLine]) -> Result<()> {
        for line in lines {
            if self.json {
                show::print(&serde_json::to_string(line)?)?;
                continue;
            }
            let mark = match line.stream {
                ConsoleStream::Out | ConsoleStream::Err => "",
                ConsoleStream::In => "> ",
                ConsoleStream::Agent => "— ",
            };
            let time = if self.times { format!("{} ", line.at) } else { String::new() };
            show::print(&format!("{time}{mark}{}", self.text(line)))?;
        }
        Ok(())
    }
}

/// Why a connection ended.
enum End {
    /// Somebody closed standard input on purpose.
    Left,
    /// It may be opened again.
    Cut,
}

async fn follow(api: &Api, at: &str, mut after: u64, printer: &mut Printer) -> Result<()> {
    let mut typed = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    let mut is_open = true;
    let mut is_told = false;
    loop {
        match connect(api, at, after).await {
            Ok(mut socket) => {
                is_told = false;
                match talk(&mut socket, &mut typed, &mut is_open, &mut after, printer).await? {
                    End::Left => return Ok(()),
                    End::Cut => {}
                }
            }
            Err(error) if is_passing(&error) => {
                if !is_told {
                    show::note(&format!("{error:#}\n— trying again until it is back —"));
                }
                is_told = true;
            }
            Err(error) => return Err(error),
        }
        ground::pause(AGAIN).await;
    }
}

async fn connect(api: &Api, at: &str, after: u64) -> Result<Socket> {
    let key = generate_key();
    let (stream, accept) = api.client.socket(&format!("{at}?after={after}"), &key).await?;
    if accept != derive_accept_key(key.as_bytes()) {
        let why = "it upgraded to something that is no WebSocket".to_owned();
        return Err(ClientError::Unreadable { url: api.client.base().to_owned(), why }.into());
    }
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
}

fn is_passing(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Refused(refused)) => refused.status.is_server_error() || refused.status.as_u16() == 429,
        Some(ClientError::Unreachable { .. } | ClientError::Cut { .. }) => true,
        _ => false,
    }
}

type Typed = tokio::io::Lines<tokio::io::BufReader<tokio::io::Stdin>>;

async fn talk(
    socket: &mut Socket,
    typed: &mut Typed,
    is_open: &mut bool,
    after: &mut u64,
    printer: &mut Printer,
) -> Result<End> {
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(text.as_str()) {
                    Ok(ConsoleFrame::Lines { lines }) => {
                        *after = lines.last().map_or(*after, |line| line.seq);
                        printer.print(&lines)?;
                    }
                    Ok(ConsoleFrame::Refused { message }) => show::note(&format!("not delivered: {}", clean(&message))),
                    // A frame of a newer server.
                    Err(_) => {}
                },
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.as_ref().map(|frame| frame.code);
                    if code == Some(CloseCode::Policy) {
                        let reason = frame.map(|frame| frame.reason.as_str().to_owned()).unwrap_or_default();
                        return Err(Trouble::NotAllowed(clean(&reason)).into());
                    }
                    return Ok(End::Cut);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(End::Cut),
            },
            line = typed.next_line(), if *is_open => match line? {
                Some(line) if line.is_empty() => {}
                Some(command) => {
                    let text = serde_json::to_string(&ConsoleInput::Command { command })?;
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        show::note("not delivered: the connection was lost");
                        return Ok(End::Cut);
                    }
                }
                // A person who ends the input leaves; a program whose input has ended may still want to see.
                None if ground::is_attended() => return Ok(End::Left),
                None => *is_open = false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f33_the_console_shows_text_and_no_pieces_of_sequences() {
        let line = |stream, text: &str| ConsoleLine {
            seq: 1,
            at: ostler_model::Time::from_millis(0),
            stream,
            text: text.to_owned(),
        };
        let mut printer = Printer { json: false, times: false, plain: Default::default() };
        let (out, err) = (ConsoleStream::Out, ConsoleStream::Err);
        assert_eq!(printer.text(&line(out, "\u{1b}[1G\u{1b}[0J> \u{1b}[3G")), "> ");
        assert_eq!(printer.text(&line(out, "unfinished \u{1b}[1")), "unfinished ");
        assert_eq!(printer.text(&line(out, "3G is text of the next line")), "3G is text of the next line");
        // Split in the middle of a sequence, with a line of the other stream in between.
        let long = format!("{}\u{1b}[38;5", "x".repeat(SPLIT_BYTES - 2));
        assert_eq!(printer.text(&line(out, &long)).len(), SPLIT_BYTES - 2);
        assert_eq!(printer.text(&line(err, "2Jno sequence")), "2Jno sequence");
        assert_eq!(printer.text(&line(out, ";1mgoes on")), "goes on");
    }
}
