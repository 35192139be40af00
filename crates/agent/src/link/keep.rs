//! Keeping links open: dial, serve, and after an end wait a little and dial again.

use super::dial::{Ask, Dial, Io, sentence, upgrade_headers};
use super::serve::{End, Serving, serve};
use crate::identity::Identity;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use ostler_model::{Millis, Time};
use ostler_runtime::{Clock, Ids, Spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::watch;

/// Where links are dialled.
const PATH: &str = "/api/v1/agent/link";
/// From the dial to the upgrade.
const DIAL_LIMIT: Millis = Millis::secs(15);
/// A link that lived this long was a good one: the back-off begins anew.
const PROVEN_AFTER: Millis = Millis::secs(20);
/// The server's `Date` has whole seconds, and the answer took a moment: smaller differences are no reason to doubt the clock.
const CLOCK_SLACK: Millis = Millis::secs(3);

/// What keeping links open needs.
#[derive(Clone)]
pub struct Config {
    pub identity: Arc<Identity>,
    pub dial: Arc<dyn Dial>,
    /// What the server may ask on a link.
    pub router: axum::Router,
    /// Links at once, at least one.
    pub count: usize,
    pub clock: Clock,
    pub ids: Ids,
    pub spawn: Spawn,
}

/// How the links are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Links on which the server has introduced itself.
    pub open: usize,
    /// Why the last one ended or could not be made, until one is open again.
    pub trouble: Option<String>,
}

/// The open links. Dropping it changes nothing; they end with the task family or with [`Links::drain`].
#[derive(Debug, Clone)]
pub struct Links {
    state: watch::Receiver<State>,
    draining: Arc<watch::Sender<bool>>,
    running: watch::Receiver<usize>,
}

impl Links {
    /// How the links are now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }
    /// Follows how the links are.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }
    /// Ends all links in order: requests under way are answered, new ones go elsewhere. Returns when all have ended.
    pub async fn drain(&self) {
        self.draining.send_replace(true);
        // An error means that the keepers are gone, which is what is waited for.
        let _ = self.running.clone().wait_for(|n| *n == 0).await;
    }
}

/// Starts keeping links open.
pub fn start(config: Config) -> Links {
    let (state, draining, running) =
        (watch::Sender::new(State::default()), Arc::new(watch::Sender::new(false)), watch::Sender::new(0));
    let links = Links { state: state.subscribe(), draining: draining.clone(), running: running.subscribe() };
    let keeper = Arc::new(Keeper { config, state, draining, running, clock_ahead_ms: AtomicI64::new(0) });
    for _ in 0..keeper.config.count.max(1) {
        let own = keeper.clone();
        keeper.running.send_modify(|n| *n += 1);
        keeper.config.spawn.spawn("link", async move {
            let counted = Running(own.clone());
            own.keep().await;
            drop(counted);
        });
    }
    links
}

struct Keeper {
    config: Config,
    state: watch::Sender<State>,
    draining: Arc<watch::Sender<bool>>,
    running: watch::Sender<usize>,
    /// How far the server's clock is ahead of this machine's. Used for signatures only.
    clock_ahead_ms: AtomicI64,
}

/// Counts a keeper as running, however it ends.
struct Running(Arc<Keeper>);
impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.send_modify(|n| *n = n.saturating_sub(1));
    }
}

/// Counts a link as open, however it ends.
struct Open<'a>(&'a Keeper);
impl<'a> Open<'a> {
    fn new(keeper: &'a Keeper) -> Self {
        keeper.state.send_modify(|s| *s = State { open: s.open + 1, trouble: None });
        Self(keeper)
    }
}
impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|s| s.open = s.open.saturating_sub(1));
    }
}

/// Why there is no link, and with that how soon to try again.
enum Trouble {
    /// Network or server are away: they may be back any moment.
    Away(String),
    /// The server or this agent refuses: somebody has to do something first.
    Refused(String),
}

impl Keeper {
    async fn keep(&self) {
        let Config { clock, ids, .. } = &self.config;
        let mut failures = 0_u32;
        loop {
            let began = clock.now();
            let trouble = match self.link().await {
                Ok(()) => return,
                Err(trouble) => trouble,
            };
            failures = if clock.now().since(began) >= PROVEN_AFTER { 1 } else { failures.saturating_add(1) };
            let (why, most) = match trouble {
                Trouble::Away(why) => (why, backoff(failures, Millis(500), Millis::secs(30))),
                Trouble::Refused(why) => (why, backoff(failures, Millis::secs(5), Millis::secs(300))),
            };
            // All of the span is random: after a server's restart its nodes must not all come at the same moment.
            let pause = ids.jitter(most);
            tracing::info!(reason = %why, failures, pause_ms = pause.0, "there is no link to the control plane; trying again");
            self.state.send_modify(|s| s.trouble = Some(why));
            tokio::select! {
                () = clock.sleep(pause) => {}
                () = self.drained() => return,
            }
        }
    }

    /// One link from dial to end. `Ok` when it was asked to drain.
    async fn link(&self) -> Result<(), Trouble> {
        let Config { clock, spawn, router, .. } = &self.config;
        let io = tokio::select! {
            io = self.connect() => io?,
            () = self.drained() => return Ok(()),
        };
        let serving = Serving { router: router.clone(), clock, spawn, drain_limit: Millis::secs(5) };
        let mut open = None;
        let greeted = || {
            tracing::info!("the link to the control plane is open");
            open = Some(Open::new(self));
        };
        let end = serve(io, serving, self.drained(), greeted).await;
        drop(open);
        match end {
            End::Drained => Ok(()),
            End::Closed(why) => Err(Trouble::Away(why)),
            End::Refused(why) => Err(Trouble::Refused(why)),
        }
    }

    async fn connect(&self) -> Result<Box<dyn Io>, Trouble> {
        for is_second in [false, true] {
            let answer = self.config.clock.timeout(DIAL_LIMIT, self.config.dial.ask(self.request())).await;
            let answer = match answer {
                None => return Err(Trouble::Away("the control plane did not answer in time".into())),
                Some(Err(error)) => return Err(Trouble::Away(error.to_string())),
                Some(Ok(answer)) => answer,
            };
            if let Some(io) = answer.connection {
                return Ok(io);
            }
            let why = sentence(&answer);
            let is_clock = answer.status == StatusCode::UNAUTHORIZED && self.correct_clock(&answer.headers);
            if is_clock && !is_second {
                continue;
            }
            let may_pass = answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS;
            return Err(if may_pass { Trouble::Away(why) } else { Trouble::Refused(why) });
        }
        unreachable!("the second round returns")
    }

    fn request(&self) -> Ask {
        let Config { identity, ids, .. } = &self.config;
        let authorization = identity.key.authorization(identity.member.node, "GET", PATH, self.server_now(), ids);
        Ask { method: Method::GET, path: PATH.into(), headers: upgrade_headers(&authorization), body: Bytes::new() }
    }

    fn server_now(&self) -> Time {
        let ahead = self.clock_ahead_ms.load(Ordering::Relaxed);
        Time::from_millis(self.config.clock.now().as_millis().saturating_add(ahead))
    }

    /// Takes over the server's time from a refusal. False when it is the time that was used anyway.
    fn correct_clock(&self, headers: &http::HeaderMap) -> bool {
        let date = headers.get(header::DATE).and_then(|d| d.to_str().ok());
        let Some(date) = date.and_then(|d| httpdate::parse_http_date(d).ok()) else { return false };
        let Ok(since) = date.duration_since(std::time::UNIX_EPOCH) else { return false };
        // Half a second is the mean of what the header leaves out.
        let server = i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(500);
        let used = self.server_now().as_millis();
        if server.abs_diff(used) <= CLOCK_SLACK.0 {
            return false;
        }
        let ahead = server.saturating_sub(self.config.clock.now().as_millis());
        tracing::warn!(
            ahead_ms = ahead,
            "this machine's clock differs from the control plane's; signing with its time"
        );
        self.clock_ahead_ms.store(ahead, Ordering::Relaxed);
        true
    }

    async fn drained(&self) {
        // The sender lives as long as the keeper, so this only ends when draining begins.
        let _ = self.draining.subscribe().wait_for(|is| *is).await;
    }
}

fn backoff(failures: u32, first: Millis, most: Millis) -> Millis {
    Millis(first.0.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(most.0))
}
