//! One container that was started.

use super::engine::{Engine, explain, is_missing};
use super::exit::exit_of;
use super::pace::Pace;
use super::spec::numbers;
use crate::driver::{Job, Meter, Note, Run};
use crate::probe::reach::Reach;
use crate::probe::ready;
use bollard::container::LogOutput;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, KillContainerOptionsBuilder, LogsOptionsBuilder, StatsOptionsBuilder,
    WaitContainerOptions,
};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use ostler_model::workload::blueprint::{Limits, Signal, StopRule};
use ostler_model::workload::plan::Exit;
use ostler_model::{Millis, Time};
use ostler_runtime::{Clock, Spawn};
use ostler_wire::console::ConsoleStream;
use ostler_wire::stats::WorkloadStats;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Pause before asking an engine again that did not answer.
const ASK_AGAIN: Millis = Millis::secs(2);
/// After the end, the last lines must have come by then.
const LAST_LINES: Millis = Millis::secs(5);

/// Lines that are looked at without a pause.
const BATCH: usize = 256;
/// While lines pour, how far they were read is written down this often.
const NOTE_EVERY: Millis = Millis(50);
/// So many times a second it is written down at once, line by line.
const NOTES_AT_ONCE: u32 = 40;
/// Pause after more output than is shown.
const PAUSE: Millis = Millis(100);

type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// A container under way.
pub(super) struct Handle {
    engine: Engine,
    name: String,
    job: Job,
    clock: Clock,
    publish: IpAddr,
    input: tokio::sync::Mutex<Option<Input>>,
    exit: watch::Receiver<Option<Exit>>,
    first_line: u64,
}

/// What [`Handle::attend`] needs.
pub(super) struct Attending {
    pub engine: Engine,
    pub name: String,
    pub job: Job,
    pub publish: IpAddr,
    /// Where it is noted how far the output has been read.
    pub seen: PathBuf,
    pub is_new: bool,
    pub clock: Clock,
    pub spawn: Spawn,
}

impl Handle {
    /// Watches a container until its end.
    pub(super) fn attend(attending: Attending) -> Handle {
        let Attending { engine, name, job, publish, seen, is_new, clock, spawn } = attending;
        let first_line = if is_new { job.console.last_seq() } else { 0 };
        let (tell, exit) = watch::channel(None);
        let (now, is_ahead) = (clock.instant(), false);
        let mut reader = Reader {
            engine: engine.clone(),
            name: name.clone(),
            job: job.clone(),
            seen,
            clock: clock.clone(),
            pace: Pace::new(now),
            is_ahead,
            noted: now,
            at_once: (NOTES_AT_ONCE, now),
        };
        let (waiting, container, time) = (engine.clone(), name.clone(), clock.clone());
        spawn.spawn("container.attend", async move {
            let mut last = if is_new { Place::default() } else { reader.resume() };
            let mut end = std::pin::pin!(wait(&waiting, &container, &time));
            let exit = tokio::select! {
                () = reader.follow(&mut last, false) => end.await,
                exit = &mut end => exit,
            };
            // What the interrupted reading did not get to.
            let _ = time.timeout(LAST_LINES, reader.follow(&mut last, true)).await;
            tell.send_replace(Some(exit));
        });
        Handle { engine, name, job, clock, publish, input: tokio::sync::Mutex::default(), exit, first_line }
    }

    /// Where its ports are published, as seen from here.
    fn address(&self) -> IpAddr {
        if self.publish.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { self.publish }
    }
    async fn attach(&self) -> Result<Input, String> {
        let options = AttachContainerOptionsBuilder::default().stdin(true).stream(true).build();
        let attached = self.engine.docker.attach_container(&self.name, Some(options)).await.map_err(|e| explain(&e))?;
        Ok(attached.input)
    }
    async fn signal(&self, signal: &str) -> Result<(), String> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        match self.engine.docker.kill_container(&self.name, Some(options)).await {
            // It is gone or has ended: what was asked for has happened.
            Err(e)
                if is_missing(&e)
                    || matches!(e, bollard::errors::Error::DockerResponseServerError { status_code: 409, .. }) =>
            {
                Ok(())
            }
            done => done.map_err(|e| explain(&e)),
        }
    }
}

impl Run for Handle {
    fn wait(&self) -> BoxFuture<'_, Exit> {
        let mut exit = self.exit.clone();
        async move {
            let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
            match ended {
                Some(exit) => exit,
                None => std::future::pending().await,
            }
        }
        .boxed()
    }
    fn ready(&self) -> BoxFuture<'_, ()> {
        let reach = Reach::At(self.address());
        ready::wait(&self.clock, &self.job.console, &self.job.want.blueprint, reach, self.first_line).boxed()
    }
    fn dial(&self, port: u16) -> BoxFuture<'_, std::io::Result<TcpStream>> {
        TcpStream::connect((self.address(), port)).boxed()
    }
    fn stop<'a>(&'a self, rule: &'a StopRule) -> BoxFuture<'a, Result<(), String>> {
        match rule {
            StopRule::Command(command) => self.input(command),
            StopRule::Signal(Signal::Term) => self.signal("SIGTERM").boxed(),
            StopRule::Signal(Signal::Int) => self.signal("SIGINT").boxed(),
            StopRule::Signal(Signal::Quit) => self.signal("SIGQUIT").boxed(),
            StopRule::Signal(Signal::Hup) => self.signal("SIGHUP").boxed(),
        }
    }
    fn kill(&self) -> BoxFuture<'_, Result<(), String>> {
        self.signal("SIGKILL").boxed()
    }
    fn input<'a>(&'a self, line: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let bytes = format!("{line}\n").into_bytes();
            let mut input = self.input.lock().await;
            let mut trouble = String::new();
            // A connection that the engine has closed is found out by writing; one new one is tried.
            for _ in 0..2 {
                if input.is_none() {
                    *input = Some(self.attach().await?);
                }
                let Some(open) = input.as_mut() else { continue };
                let written = async {
                    open.write_all(&bytes).await?;
                    open.flush().await
                };
                match written.await {
                    Ok(()) => return Ok(()),
                    Err(e) => trouble = format!("its input cannot be written: {e}"),
                }
                *input = None;
            }
            Err(trouble)
        }
        .boxed()
    }
    fn limit<'a>(&'a self, limits: &'a Limits) -> BoxFuture<'a, Note> {
        async move {
            match self.engine.docker.update_container(&self.name, numbers(limits)).await {
                Ok(()) => Note::ready(),
                Err(e) => Note::degraded(
                    "limits_not_enforced",
                    format!("the new limits begin with the next start: {}", explain(&e)),
                ),
            }
        }
        .boxed()
    }
    fn stats<'a>(&'a self, meter: &'a mut Meter) -> BoxFuture<'a, WorkloadStats> {
        async move {
            let mut found =
                WorkloadStats { at: self.clock.now(), players: self.job.console.players(), ..Default::default() };
            let options = StatsOptionsBuilder::default().stream(false).one_shot(!self.engine.is_podman).build();
            let mut stats = std::pin::pin!(self.engine.docker.stats(&self.name, Some(options)));
            let Some(Some(Ok(stats))) = self.clock.timeout(Millis::secs(5), stats.next()).await else { return found };
            let cpu = stats.cpu_stats.and_then(|c| c.cpu_usage).and_then(|c| c.total_usage);
            found.cpu_millis = cpu.and_then(|nanos| meter.rate(nanos, self.clock.instant()));
            if let Some(memory) = stats.memory_stats {
                let cached =
                    memory.stats.as_ref().and_then(|s| s.get("total_inactive_file").or_else(|| s.get("inactive_file")));
                found.memory_bytes = memory.usage.map(|all| all.saturating_sub(cached.copied().unwrap_or(0)));
                found.memory_limit_bytes = memory.limit;
            }
            found.pids = stats.pids_stats.and_then(|p| p.current).and_then(|n| u32::try_from(n).ok());
            if let Some(networks) = stats.networks {
                found.received_bytes = Some(networks.values().filter_map(|n| n.rx_bytes).sum());
                found.sent_bytes = Some(networks.values().filter_map(|n| n.tx_bytes).sum());
            }
            found
        }
        .boxed()
    }
}

/// Waits for the end. An engine that does not answer says nothing about the container: it is asked again.
async fn wait(engine: &Engine, name: &str, clock: &Clock) -> Exit {
    let mut was_away = false;
    loop {
        // The status of this answer is not used: some engines report an error for every exit that is not 0.
        let mut waiting = std::pin::pin!(engine.docker.wait_container(name, None::<WaitContainerOptions>));
        was_away |=
            !matches!(waiting.next().await, Some(Ok(_) | Err(bollard::errors::Error::DockerContainerWaitError { .. })));
        match engine.docker.inspect_container(name, None).await {
            Ok(found) => match found.state {
                Some(state) if state.running != Some(true) => {
                    return exit_of(&state, found.id.as_deref(), clock.now(), was_away);
                }
                _ => {}
            },
            Err(e) if is_missing(&e) => {
                return Exit { at: clock.now(), code: None, signal: None, is_out_of_memory: false };
            }
            Err(error) => {
                was_away = true;
                tracing::debug!(container = name, %error, "the engine does not say how it is");
            }
        }
        clock.sleep(ASK_AGAIN).await;
    }
}

/// Reads the engine's log of a container into its console.
struct Reader {
    engine: Engine,
    name: String,
    job: Job,
    seen: PathBuf,
    clock: Clock,
    pace: Pace,
    /// More was read than is written down.
    is_ahead: bool,
    noted: Instant,
    /// Notes that may be written at once in the second that began then.
    at_once: (u32, Instant),
}

/// How far a log was read. Stamps have a fixed form, so they compare as text; Docker's are nanoseconds, Podman's whole seconds,
/// of which one has many lines.
#[derive(Clone, Default)]
struct Place {
    stamp: String,
    /// Lines of that stamp that were read.
    lines: u64,
}

impl Place {
    /// Whether a line comes after this place. `again` counts the lines of its stamp that a new reading has come across.
    fn is_before(&self, stamp: &str, again: &mut u64) -> bool {
        if stamp == self.stamp {
            *again += 1;
            return *again > self.lines;
        }
        stamp > self.stamp.as_str()
    }
    /// One line further.
    fn pass(&mut self, stamp: &str) {
        if stamp == self.stamp {
            self.lines += 1;
        } else {
            *self = Self { stamp: stamp.to_owned(), lines: 1 };
        }
    }
}

impl Reader {
    /// How far the last agent was.
    fn resume(&self) -> Place {
        let text = std::fs::read_to_string(&self.seen).unwrap_or_default();
        let mut words = text.split_whitespace();
        let stamp = words.next().unwrap_or_default().to_owned();
        if let Some(seq) = words.next().and_then(|seq| seq.parse().ok()) {
            self.job.console.resume_after(seq);
        }
        let lines = words.next().and_then(|lines| lines.parse().ok()).unwrap_or(1);
        Place { stamp, lines }
    }

    /// Reads from the given place on, for ever or until the end of a container that has ended.
    async fn follow(&mut self, last: &mut Place, is_end: bool) {
        loop {
            let since = last.stamp.parse::<Time>().map_or(0, |at| i32::try_from(at.as_millis() / 1000).unwrap_or(0));
            let options = LogsOptionsBuilder::default()
                .follow(!is_end)
                .stdout(true)
                .stderr(true)
                .timestamps(true)
                .since(since)
                .build();
            // What is there at once, but not without end: others have their turn after each batch.
            let lines = self.engine.docker.logs(&self.name, Some(options)).ready_chunks(BATCH);
            let mut lines = std::pin::pin!(lines);
            // Whole seconds are asked for: some lines come twice.
            let (from, mut again) = (last.clone(), 0);
            loop {
                // How far it is is written down at once while lines come one by one, and now and then while they pour.
                let batch = if self.is_ahead {
                    let Some(batch) = self.clock.timeout(NOTE_EVERY, lines.next()).await else {
                        self.note(last);
                        continue;
                    };
                    batch
                } else {
                    lines.next().await
                };
                let Some(batch) = batch else { break };
                let is_cut = batch.iter().any(Result::is_err);
                for line in batch.into_iter().map_while(Result::ok) {
                    let text = line.to_string();
                    let (stamp, text) = text.split_once(' ').unwrap_or((text.as_str(), ""));
                    if from.is_before(stamp, &mut again) {
                        last.pass(stamp);
                        self.pace.pass(&self.job.console, self.clock.instant(), stream_of(&line), text);
                        self.is_ahead = true;
                    }
                }
                if self.is_ahead && self.may_note() {
                    self.note(last);
                }
                if is_cut {
                    break;
                }
                match self.pace.is_full(self.clock.instant()) {
                    // The engine waits too, and drops what its own bound does not hold.
                    true => self.clock.sleep(PAUSE).await,
                    false => tokio::task::yield_now().await,
                }
            }
            self.pace.tell(&self.job.console);
            if self.is_ahead {
                self.note(last);
            }
            if is_end {
                return;
            }
            self.clock.sleep(ASK_AGAIN).await;
        }
    }

    /// True while lines come slowly, and now and then while they pour.
    fn may_note(&mut self) -> bool {
        let (now, (left, since)) = (self.clock.instant(), self.at_once);
        if now.saturating_duration_since(since) >= std::time::Duration::from_secs(1) {
            self.at_once = (NOTES_AT_ONCE - 1, now);
            return true;
        }
        self.at_once.0 = left.saturating_sub(1);
        left > 0 || now.saturating_duration_since(self.noted) >= NOTE_EVERY.std()
    }

    fn note(&mut self, at: &Place) {
        (self.noted, self.is_ahead) = (self.clock.instant(), false);
        let seen = format!("{} {} {}\n", at.stamp, self.job.console.last_seq(), at.lines);
        if let Err(error) = std::fs::write(&self.seen, seen) {
            tracing::warn!(file = %self.seen.display(), %error, "cannot be written");
        }
    }
}

fn stream_of(line: &LogOutput) -> ConsoleStream {
    match line {
        LogOutput::StdErr { .. } => ConsoleStream::Err,
        LogOutput::StdOut { .. } | LogOutput::Console { .. } | LogOutput::StdIn { .. } => ConsoleStream::Out,
    }
}

/// A handle for the driver's `Arc<dyn Run>`.
pub(super) fn run(attending: Attending) -> Arc<dyn Run> {
    Arc::new(Handle::attend(attending))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a log again and again from where it was left; each reading is cut after some lines.
    fn read(log: &[&str], cuts: &[usize]) -> Vec<usize> {
        let (mut last, mut taken) = (Place::default(), Vec::new());
        for cut in cuts {
            let (from, mut again) = (last.clone(), 0);
            let since = log.iter().enumerate().filter(|(_, stamp)| **stamp >= from.stamp.as_str());
            for (n, stamp) in since.take(*cut) {
                if from.is_before(stamp, &mut again) {
                    last.pass(stamp);
                    taken.push(n);
                }
            }
        }
        taken
    }

    #[test]
    fn every_line_is_read_once_however_coarse_the_stamps_are() {
        let fine = ["01.1", "01.2", "02.1", "02.2", "02.3", "03.1"];
        let coarse = ["01", "01", "02", "02", "02", "03"];
        for log in [fine, coarse] {
            for cuts in [&[9][..], &[1, 9], &[2, 2, 9], &[3, 2, 3, 9], &[4, 4, 4, 9], &[0, 1, 0, 9], &[9, 9]] {
                assert_eq!(read(&log, cuts), [0, 1, 2, 3, 4, 5], "{cuts:?}");
            }
        }
    }
}
