//! Readiness: a process that runs is not yet a game that can be joined.

use crate::console::Console;
use crate::limits;
use crate::probe::reach::Reach;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ostler_model::workload::Blueprint;
use ostler_model::workload::blueprint::{HttpProbe, Probe, UdpProbe, What};
use ostler_runtime::Clock;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Resolves when any of the blueprint's probes holds, at once when it has none. Console lines count from `first_line` on.
pub(crate) async fn wait(clock: &Clock, console: &Console, blueprint: &Blueprint, reach: Reach, first_line: u64) {
    let probes = &blueprint.run.ready;
    if probes.is_empty() {
        return;
    }
    let at = |name: &str| {
        blueprint.resources.iter().find_map(|r| match &r.what {
            What::Port { name: own, port, .. } if own == name => Some(*port),
            _ => None,
        })
    };
    let (at, reach) = (&at, &reach);
    let mut asking: FuturesUnordered<_> = probes
        .iter()
        .map(|probe| async move {
            let held = match probe {
                Probe::Log(pattern) => log(console, pattern, first_line).await,
                Probe::Tcp(port) => again(clock, at(port), |port| async move { reach.tcp(port).await.is_ok() }).await,
                Probe::Udp(udp) => again(clock, at(&udp.port), |port| answers(udp, reach, port)).await,
                Probe::Http(http) => again(clock, at(&http.port), |port| is_well(http, reach, port)).await,
            };
            if !held {
                // A probe that can never hold must not end the others.
                std::future::pending::<()>().await;
            }
        })
        .collect();
    asking.next().await;
}

/// Asks until it holds. False when there is nothing to ask.
async fn again<F: Future<Output = bool>>(clock: &Clock, port: Option<u16>, ask: impl Fn(u16) -> F) -> bool {
    let Some(port) = port else { return false };
    while clock.timeout(limits::PROBE_LIMIT, ask(port)).await != Some(true) {
        clock.sleep(limits::PROBE_EVERY).await;
    }
    true
}

async fn log(console: &Console, pattern: &str, mut after: u64) -> bool {
    let Ok(pattern) = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build() else { return false };
    let mut newest = console.watch();
    loop {
        newest.mark_unchanged();
        let page = console.page(after, usize::MAX);
        use ostler_wire::console::ConsoleStream::{Err, Out};
        if page
            .lines
            .iter()
            .any(|line| matches!(line.stream, Out | Err) && pattern.is_match(&crate::console::visible(&line.text)))
        {
            return true;
        }
        after = page.last_seq;
        if newest.changed().await.is_err() {
            return false;
        }
    }
}

async fn answers(probe: &UdpProbe, reach: &Reach, port: u16) -> bool {
    let (Ok(send), Ok(expect)) = (hex::decode(&probe.send), hex::decode(&probe.expect)) else { return false };
    let ask = async {
        let socket = reach.udp(port).await?;
        socket.send(&send).await?;
        let mut answer = vec![0; 2048];
        let n = socket.recv(&mut answer).await?;
        Ok::<_, std::io::Error>(answer[..n].starts_with(&expect))
    };
    ask.await.unwrap_or(false)
}

/// One request by hand: all that matters is the status, and a client library would bring its own timers and pools.
async fn is_well(probe: &HttpProbe, reach: &Reach, port: u16) -> bool {
    let path = if probe.path.starts_with('/') { probe.path.as_str() } else { "/" };
    if path.contains(['\r', '\n', ' ']) {
        return false;
    }
    let ask = async {
        let mut stream = reach.tcp(port).await?;
        let to = SocketAddr::new(reach.host(), port);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: ostler-agent\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        let status =
            std::str::from_utf8(&head).ok().and_then(|h| h.strip_prefix("HTTP/1.")?.get(2..5)?.parse::<u16>().ok());
        Ok::<_, std::io::Error>(status.is_some_and(|s| (200..400).contains(&s)))
    };
    ask.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_wire::console::ConsoleStream;

    #[tokio::test]
    async fn f6_a_ready_pattern_sees_a_line_as_people_do() {
        let clock = Clock::system();
        let console = Console::new(clock.clone());
        console.push(ConsoleStream::Out, "\u{200e}Server\u{200b} is up\u{2069}\n");
        let held = clock.timeout(ostler_model::Millis::secs(10), log(&console, "^Server is up$", 0)).await;
        assert_eq!(held, Some(true));
    }
}
