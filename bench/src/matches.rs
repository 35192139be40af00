//! Players by the thousand: each takes a place, acts once a second, and notes when each turn arrives.
//!
//! One thread, own WebSocket framing, no allocation per turn: it shall cost less than what it measures. What it used
//! itself is among the figures, so that a run in which it was the bottleneck shows.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

const TURN: Duration = Duration::from_millis(100);
/// One step of the histogram.
const STEP_US: u64 = 10;
/// Steps of the histogram; what is later counts as this late.
const STEPS: usize = 200_000;
/// How long all players together may take to see the start.
const START: Duration = Duration::from_secs(60);
/// From the last start until turns count.
const WARM: Duration = Duration::from_secs(3);

/// What to play against.
pub(super) struct Plan<'a> {
    /// `http://ADDRESS` of the relay.
    pub base: &'a str,
    /// Its process, whose processor time counts.
    pub pid: u32,
    /// How many matches.
    pub matches: usize,
    /// Players of each.
    pub players: usize,
    /// How long turns count.
    pub seconds: u64,
    /// The subprotocol to ask for; empty for JSON.
    pub protocol: &'a str,
}

/// Plays, and prints the figures as one JSON object.
pub(super) async fn run(plan: &Plan<'_>) -> Result<()> {
    let local = LocalSet::new();
    let figures = local.run_until(play(plan)).await?;
    println!("{figures}");
    Ok(())
}

/// What all players together noticed.
struct Notes {
    is_counting: bool,
    /// How far the time between two turns was from what it should be.
    off: Vec<u32>,
    turns: u64,
    bytes: u64,
    is_broken: Option<String>,
    running: usize,
}

async fn play(plan: &Plan<'_>) -> Result<Value> {
    let notes = Rc::new(RefCell::new(Notes {
        is_counting: false,
        off: vec![0; STEPS],
        turns: 0,
        bytes: 0,
        is_broken: None,
        running: 0,
    }));
    let (mut sockets, mut games) = (Vec::new(), Vec::new());
    let mut listening = JoinSet::new();
    for n in 0..plan.matches {
        let made = bot(plan.base, "create_game", &json!({"startDelay": 0})).await?;
        let game = made["gameID"].as_str().context("a match has an id")?.to_owned();
        let path = made["workerPath"].as_str().context("a match has a worker")?;
        for seat in 0..plan.players {
            let (socket, left) = join(plan, path, &game, &format!("player {n} {seat}")).await?;
            let socket = Rc::new(socket);
            sockets.push(socket.clone());
            listening.spawn_local(listen(socket, left, notes.clone()));
        }
        games.push(game);
    }
    for game in &games {
        bot(plan.base, &format!("game/{game}/intent"), &json!({"type": "toggle_game_start_timer"})).await?;
    }
    let all = plan.matches * plan.players;
    let acting = tokio::task::spawn_local(act(sockets));
    let patience = Instant::now() + START;
    // The sockets' tasks share this thread; nothing but their notes says how far they are.
    while notes.borrow().running < all {
        if Instant::now() > patience {
            bail!("after {} s {} of {all} players had seen the start", START.as_secs(), notes.borrow().running);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What follows is time that is measured, not waited for: first some that does not count, then some that does.
    tokio::time::sleep(WARM).await;
    let (began, relay, own) = (Instant::now(), processor_ms(plan.pid)?, processor_ms(std::process::id())?);
    notes.borrow_mut().is_counting = true;
    tokio::time::sleep(Duration::from_secs(plan.seconds)).await;
    notes.borrow_mut().is_counting = false;
    let span = began.elapsed().as_secs_f64();
    let (relay, own) = (processor_ms(plan.pid)? - relay, processor_ms(std::process::id())? - own);
    acting.abort();
    let notes = notes.borrow();
    if let Some(why) = &notes.is_broken {
        bail!("{why}");
    }
    let players = all as f64;
    Ok(json!({
        "p50_ms": notes.percentile(0.50),
        "p99_ms": notes.percentile(0.99),
        "p999_ms": notes.percentile(0.999),
        "turns_per_player": notes.turns as f64 / players / span,
        "bytes_per_player": notes.bytes as f64 / players / span,
        "processor_us_per_player": relay * 1000.0 / players / span,
        "relay_busy": relay / 1000.0 / span,
        "players_busy": own / 1000.0 / span,
    }))
}

/// One request of the bot's, on a connection of its own.
async fn bot(base: &str, path: &str, body: &Value) -> Result<Value> {
    let address = base.trim_start_matches("http://");
    let (mut socket, body) = (TcpStream::connect(address).await?, body.to_string());
    let request = format!(
        "POST /api/adminbot/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-Admin-Bot-Key: bench\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("{path} answered {answer}");
    }
    Ok(serde_json::from_str(body)?)
}

/// A socket with a place in the match, and what came after its first frame.
async fn join(plan: &Plan<'_>, path: &str, game: &str, name: &str) -> Result<(TcpStream, Vec<u8>)> {
    let address = plan.base.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let protocol = match plan.protocol {
        "" => String::new(),
        name => format!("Sec-WebSocket-Protocol: {name}\r\n"),
    };
    let upgrade = format!(
        "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
    );
    socket.write_all(upgrade.as_bytes()).await?;
    let mut seen = Vec::with_capacity(4096);
    let head = loop {
        if socket.read_buf(&mut seen).await? == 0 {
            bail!("the relay hung up during the upgrade");
        }
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&seen[..head]).into_owned();
    if !text.starts_with("HTTP/1.1 101") || (!plan.protocol.is_empty() && !text.contains(plan.protocol)) {
        bail!("the relay answered {text}");
    }
    seen.drain(..head);
    let hello = json!({"type": "join", "gameID": game, "token": name, "username": name}).to_string();
    socket.write_all(&masked(hello.as_bytes())).await?;
    loop {
        if let Some((start, end)) = whole(&seen) {
            if !find(&seen[start..end], b"lobby_info") {
                bail!("the relay answered {}", String::from_utf8_lossy(&seen[start..end]));
            }
            seen.drain(..end);
            return Ok((socket, seen));
        }
        if socket.read_buf(&mut seen).await? == 0 {
            bail!("the relay hung up after a join");
        }
    }
}

/// A client's text frame. A mask of zeros is a mask.
fn masked(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Where the first frame's payload starts and ends, once all of it is there.
fn whole(bytes: &[u8]) -> Option<(usize, usize)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= start + length).then_some((start, start + length))
}

fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

/// Everybody acts once a second, evenly spread over it.
async fn act(sockets: Vec<Rc<TcpStream>>) {
    let intent = masked(br#"{"type":"intent","intent":{"type":"attack","targetID":"aB3dE5gH","troops":1200}}"#);
    let ping = masked(br#"{"type":"ping"}"#);
    let began = Instant::now();
    let mut done = 0_u64;
    loop {
        // The pace of the load itself.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let wanted = began.elapsed().as_micros() as u64 * sockets.len() as u64 / 1_000_000;
        while done < wanted {
            let socket = &sockets[(done % sockets.len() as u64) as usize];
            let is_time_to_ping = (done / sockets.len() as u64) % 20 == 19;
            let frame = if is_time_to_ping { &ping } else { &intent };
            // A relay that takes nothing any more is seen by what it sends no more.
            let _ = socket.try_write(frame);
            done += 1;
        }
    }
}

async fn listen(socket: Rc<TcpStream>, mut seen: Vec<u8>, notes: Rc<RefCell<Notes>>) {
    let (mut next, mut last) = (0_u64, None);
    loop {
        let mut used = 0;
        while let Some((start, end)) = whole(&seen[used..]) {
            let payload = &seen[used + start..used + end];
            let size = end;
            let text = payload;
            if let Some(number) = turn_number(text) {
                let now = Instant::now();
                let mut notes = notes.borrow_mut();
                if number != next {
                    notes.is_broken = Some(format!("turn {number} came instead of {next}"));
                }
                next = number + 1;
                notes.note(last, now, size);
                last = Some(now);
            } else if next == 0 && is_start(text) {
                notes.borrow_mut().running += 1;
            }
            used += end;
        }
        seen.drain(..used);
        let ready = socket.readable().await;
        let read = match ready {
            Ok(()) => socket.try_read_buf(&mut seen),
            Err(error) => Err(error),
        };
        match read {
            Ok(1..) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => {
                notes.borrow_mut().is_broken = Some("a player lost their socket".to_owned());
                return;
            }
        }
    }
}

/// Whether the match begins: in JSON, or in CBOR, where a text of four letters begins with `d` and one of five with `e`.
fn is_start(payload: &[u8]) -> bool {
    find(payload, br#""type":"start""#) || find(payload, b"dtypeestart")
}

/// The number of the turn, if this is one: in JSON, or in CBOR, where the field's name is text, too.
fn turn_number(payload: &[u8]) -> Option<u64> {
    const JSON: &[u8] = br#"{"type":"turn","turn":{"turnNumber":"#;
    if let Some(rest) = payload.strip_prefix(JSON) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        return Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
    }
    // `[0, turnNumber, intents]`: an array of three, of which the first is nought.
    match payload.strip_prefix(&[0x83, 0x00])? {
        [short @ 0..=23, ..] => Some(u64::from(*short)),
        [24, one, ..] => Some(u64::from(*one)),
        [25, high, low, ..] => Some(u64::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}

impl Notes {
    fn note(&mut self, last: Option<Instant>, now: Instant, size: usize) {
        if !self.is_counting {
            return;
        }
        self.turns += 1;
        self.bytes += size as u64;
        if let Some(last) = last {
            let gap = now.duration_since(last);
            let off = gap.abs_diff(TURN).as_micros() as u64 / STEP_US;
            self.off[(off as usize).min(STEPS - 1)] += 1;
        }
    }

    /// In milliseconds.
    fn percentile(&self, share: f64) -> f64 {
        let all: u64 = self.off.iter().map(|count| u64::from(*count)).sum();
        let mut left = (all as f64 * share) as u64;
        let step = self.off.iter().position(|count| {
            let count = u64::from(*count);
            let is_here = count > left;
            left = left.saturating_sub(count);
            is_here
        });
        step.map_or(f64::NAN, |step| (step as f64 + 1.0) * STEP_US as f64 / 1000.0)
    }
}

/// What a process has used of all processors together.
fn processor_ms(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the relay has ended")?;
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |at: usize| after.split_whitespace().nth(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    // User and system time, in hundredths of a second.
    Ok((ticks(11) + ticks(12)) * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_where_they_end() {
        assert_eq!(whole(&[0x81]), None);
        assert_eq!(whole(&[0x81, 2, b'h']), None);
        assert_eq!(whole(&[0x81, 2, b'h', b'i', 0x81]), Some((2, 4)));
        let long = [&[0x81, 126, 1, 0][..], &[b'x'; 256]].concat();
        assert_eq!(whole(&long), Some((4, 260)));
        assert_eq!(masked(b"hi"), [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    }

    #[test]
    fn a_start_is_seen_in_both_forms() {
        assert!(is_start(br#"{"type":"start","turns":[]}"#));
        assert!(is_start(b"\xa2eturns\x80dtypeestart"));
        assert!(!is_start(br#"{"type":"lobby_info","lobby":{"startsAt":1}}"#));
    }

    #[test]
    fn turns_are_numbered_in_both_forms() {
        assert_eq!(turn_number(br#"{"type":"turn","turn":{"turnNumber":120,"intents":[]}}"#), Some(120));
        assert_eq!(turn_number(br#"{"type":"ping"}"#), None);
        assert_eq!(turn_number(&[0x83, 0, 23, 0x80]), Some(23));
        assert_eq!(turn_number(&[0x83, 0, 25, 1, 0, 0x80]), Some(256));
        assert_eq!(turn_number(&[0x81, 1]), None);
    }
}
