//! Keeping links open: dial, serve, and after an end wait a little and dial again.

use super::dial::{Dial, Io};
use super::knock::{Knocker, Told};
use super::lease::Leases;
use super::proof::Challenge;
use super::serve::{End, Serving, serve};
use crate::identity::Identity;
use ostler_model::Millis;
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_wire::link::proof::Way;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A link that lived this long was a good one: the back-off begins anew.
const PROVEN_AFTER: Millis = Millis::secs(20);

/// What keeping links open needs.
#[derive(Clone)]
pub struct Config {
    pub identity: Arc<Identity>,
    pub leases: Arc<Leases>,
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
    let keeper = Arc::new(Keeper {
        config,
        state,
        draining,
        running,
        ahead_ms: AtomicI64::new(0),
        needs_messages: AtomicBool::new(false),
        warned: Mutex::default(),
    });
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
    ahead_ms: AtomicI64,
    /// A proxy on the way passes WebSockets and nothing else.
    needs_messages: AtomicBool,
    /// The trouble of which the log has been told.
    warned: Mutex<Option<String>>,
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
            self.log(&why, failures, pause);
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
        let made = tokio::select! {
            made = self.connect() => made?,
            () = self.drained() => return Ok(()),
        };
        let (io, challenge) = made;
        let leases = self.config.leases.clone();
        let drain_limit = Millis::secs(5);
        let serving = Serving { router: router.clone(), challenge, leases, clock, spawn, drain_limit };
        let mut open = None;
        let greeted = || {
            tracing::info!("the link to the control plane is open");
            *self.warned() = None;
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

    /// A connection on which the server is to prove itself, made in the way that has worked before, else in the other one.
    async fn connect(&self) -> Result<(Box<dyn Io>, Challenge), Trouble> {
        let knocker = self.knocker();
        let is_messages = self.needs_messages.load(Ordering::Relaxed);
        let mut ways = if is_messages { [Way::WebSocket, Way::Bare] } else { [Way::Bare, Way::WebSocket] }.into_iter();
        let mut way = ways.next().unwrap_or(Way::Bare);
        let mut is_corrected = false;
        loop {
            let mut reached = knocker.knock(way).await.map_err(Trouble::Away)?;
            if let Some(io) = reached.answer.connection.take() {
                self.needs_messages.store(way == Way::WebSocket, Ordering::Relaxed);
                return Ok((io, reached.challenge));
            }
            if !is_corrected && knocker.correct_clock(&reached).map_err(Trouble::Refused)? {
                is_corrected = true;
                continue;
            }
            let is_server_error = reached.answer.status.is_server_error();
            match (reached.told(way, &self.config.identity.member.url), ways.next()) {
                (Told::NoUpgrade(_), Some(next)) => way = next,
                (Told::NoUpgrade(why), None) if !is_server_error => return Err(Trouble::Refused(why)),
                (Told::NoUpgrade(why) | Told::Away(why), _) => return Err(Trouble::Away(why)),
                (Told::Refused(status, why), _) if status.is_server_error() || status.as_u16() == 429 => {
                    return Err(Trouble::Away(why));
                }
                (Told::Refused(_, why) | Told::Unproven(why), _) => return Err(Trouble::Refused(why)),
            }
        }
    }

    fn knocker(&self) -> Knocker<'_> {
        let Config { identity, leases, dial, clock, ids, .. } = &self.config;
        let member = &identity.member;
        Knocker {
            dial: &**dial,
            clock,
            ids,
            key: &identity.key,
            url: &member.url,
            node: member.node,
            installation: Some(member.installation),
            pinned: member.server_key,
            leases,
            ahead_ms: &self.ahead_ms,
        }
    }

    /// Warns once of each reason; what is tried again for the same one is no news.
    fn log(&self, why: &str, failures: u32, pause: Millis) {
        let mut warned = self.warned();
        if warned.as_deref() == Some(why) {
            tracing::debug!(reason = %why, failures, pause_ms = pause.0, "there is no link to the control plane yet");
            return;
        }
        *warned = Some(why.to_owned());
        tracing::warn!(reason = %why, "there is no link to the control plane; trying again until there is");
    }

    fn warned(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn drained(&self) {
        // The sender lives as long as the keeper, so this only ends when draining begins.
        let _ = self.draining.subscribe().wait_for(|is| *is).await;
    }
}

fn backoff(failures: u32, first: Millis, most: Millis) -> Millis {
    Millis(first.0.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(most.0))
}
