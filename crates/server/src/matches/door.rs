//! The workers as the platform reaches them, and what is kept in memory about bots.

use super::ask::away;
use super::remote::Remote;
use crate::app::App;
use crate::config::Matches as Numbers;
use crate::http::{Error, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderValue, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use ostler_model::matches::{GameId, Match, owner};
use ostler_model::{BotId, Millis, NodeId, Secret, Time, WorkloadId};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tower::ServiceExt as _;

/// Where the bots' routes are.
const HIDDEN: &str = "/api/v1/adminbot";

/// One worker. Clones are the same one.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    index: u32,
    key: Secret,
    way: Way,
    /// Matches that it holds, as far as is known.
    load: AtomicUsize,
    /// It answered when it was asked last, and takes new matches.
    is_open: AtomicBool,
}

/// Where a worker lives.
enum Way {
    /// In this process.
    Here(Router),
    /// On a node.
    There(Remote),
}

/// A connection to a worker.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Bytes that may wait between the two halves of a connection in this process: a few turns.
const PIPE: usize = 64 << 10;

impl Door {
    /// A worker in this process: its routes without the prefix, and the key that they want from a bot.
    pub fn new(index: u32, key: Secret, router: Router) -> Self {
        Self::by(index, key, Way::Here(router), true)
    }
    /// A worker on a node. It gets no new matches before it has answered once.
    pub(super) fn remote(index: u32, key: Secret, remote: Remote) -> Self {
        Self::by(index, key, Way::There(remote), false)
    }
    fn by(index: u32, key: Secret, way: Way, is_open: bool) -> Self {
        Self(Arc::new(Inner { index, key, way, load: AtomicUsize::new(0), is_open: AtomicBool::new(is_open) }))
    }
    /// What stands behind `/w`.
    pub fn index(&self) -> u32 {
        self.0.index
    }
    /// True when it is this workload on this node.
    pub(super) fn leads_to(&self, workload: WorkloadId, node: NodeId) -> bool {
        matches!(&self.0.way, Way::There(remote) if (remote.workload, remote.node) == (workload, node))
    }
    /// Notes how many matches it holds, and whether it takes more.
    pub(super) fn note(&self, load: usize, takes_new: bool) {
        self.0.load.store(load, Ordering::Relaxed);
        self.0.is_open.store(takes_new, Ordering::Relaxed);
    }
    /// Notes that it does not answer.
    pub(super) fn note_away(&self) {
        self.0.is_open.store(false, Ordering::Relaxed);
    }
    /// One more, until the next count.
    pub(super) fn note_one_more(&self) {
        self.0.load.fetch_add(1, Ordering::Relaxed);
    }
    /// Passes a request on as the platform: whatever credentials it has must be gone already.
    pub(super) async fn as_platform(&self, mut request: Request) -> Result<Response<Body>> {
        match HeaderValue::from_str(self.0.key.reveal()) {
            Ok(mut key) => {
                key.set_sensitive(true);
                request.headers_mut().insert("x-admin-bot-key", key);
            }
            Err(_) => tracing::error!("the key of the match workers is no header"),
        }
        self.as_player(request).await
    }
    /// Passes a request on without any right. An upgrade of it works for workers in this process only.
    pub(super) async fn as_player(&self, request: Request) -> Result<Response<Body>> {
        match &self.0.way {
            Way::Here(router) => match router.clone().oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            },
            // Boxed: few requests go this way, and each would carry its room.
            Way::There(remote) => Box::pin(remote.send(request)).await,
        }
    }
    /// True when an upgrade can be passed on as it is, without a connection of its own in between.
    pub(super) fn is_here(&self) -> bool {
        matches!(self.0.way, Way::Here(_))
    }
    /// A connection of one's own to it, for HTTP/1.1.
    pub(super) async fn connect(&self, app: &App) -> Result<Box<dyn Io>> {
        let router = match &self.0.way {
            Way::Here(router) => router.clone(),
            Way::There(remote) => return Ok(Box::new(Box::pin(remote.socket()).await?)),
        };
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let service = router.map_request(|request: http::Request<hyper::body::Incoming>| request.map(Body::new));
        app.spawn.spawn("match.socket.worker", async move {
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(theirs), TowerToHyperService::new(service))
                .with_upgrades();
            if let Err(error) = served.await {
                tracing::debug!(%error, "a match's socket ended early");
            }
        });
        Ok(Box::new(ours))
    }
}

/// The workers, and what is kept in memory about bots.
pub struct Matches {
    /// By their index. One that nobody hosts, or whose host has no place yet, is not here.
    doors: RwLock<BTreeMap<u32, Door>>,
    /// How many there are in all.
    count: AtomicU32,
    /// SHA-256 of the platform's own bot's key.
    own_key: Option<[u8; 32]>,
    has_named: AtomicBool,
    buckets: Mutex<HashMap<BotId, Bucket>>,
    touched: Mutex<HashMap<BotId, Time>>,
    /// Matches that were remembered since the last look. One may end before anybody looks at it.
    born: Mutex<Vec<Match>>,
    /// Something was done with a match: look now.
    pub(super) changed: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Time,
}

impl Matches {
    /// Without workers yet.
    pub fn new(numbers: &Numbers, has_named: bool) -> Self {
        Self {
            doors: RwLock::default(),
            count: AtomicU32::new(numbers.workers),
            own_key: numbers.admin_bot_key.as_ref().map(|key| super::key::digest(key.reveal().as_bytes())),
            has_named: AtomicBool::new(has_named),
            buckets: Mutex::default(),
            touched: Mutex::default(),
            born: Mutex::default(),
            changed: Notify::new(),
        }
    }
    /// The workers of this process from now on, from the first on. Those on nodes are found by themselves.
    pub fn attach(&self, doors: Vec<Door>) {
        self.count.fetch_max(u32::try_from(doors.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.replace(doors, Door::is_here);
    }
    /// The workers on nodes from now on.
    pub(super) fn attach_remote(&self, doors: Vec<Door>) {
        self.replace(doors, |door| !door.is_here());
    }
    fn replace(&self, new: Vec<Door>, is_replaced: impl Fn(&Door) -> bool) {
        let mut doors = self.doors.write().unwrap_or_else(PoisonError::into_inner);
        doors.retain(|_, door| !is_replaced(door));
        doors.extend(new.into_iter().map(|door| (door.index(), door)));
        drop(doors);
        self.changed.notify_one();
    }
    /// Lets go of the workers, so that another server in this process can have their folders.
    pub fn detach(&self) {
        self.doors.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
    /// Every worker that has a host.
    pub(super) fn doors(&self) -> Vec<Door> {
        self.doors.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
    /// The worker of this index, if it has a host.
    pub(super) fn door(&self, index: u32) -> Option<Door> {
        self.doors.read().unwrap_or_else(PoisonError::into_inner).get(&index).cloned()
    }
    /// The worker of this index as somebody named it: there is none, or it is away.
    pub(super) fn named(&self, index: u32) -> Result<Door> {
        let is_one = index < self.count();
        self.door(index).ok_or_else(|| if is_one { away() } else { Error::NotFound })
    }
    /// How many workers share the matches.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }
    /// The worker that owns this match, by the match's id alone.
    pub(super) fn owner(&self, id: GameId) -> u32 {
        owner(id, self.count())
    }
    /// The worker with the least to do, of those that take new matches.
    pub(super) fn idlest(&self) -> Option<Door> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        let open = doors.values().filter(|door| door.0.is_open.load(Ordering::Relaxed));
        open.min_by_key(|door| door.0.load.load(Ordering::Relaxed)).cloned()
    }
    /// Nobody could have a key, so these routes do not exist.
    pub(crate) fn hides(&self, path: &str) -> bool {
        let is_below = path.strip_prefix(HIDDEN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_below && self.own_key.is_none() && !self.has_named.load(Ordering::Relaxed)
    }
    /// Whether there are named bots.
    pub(super) fn note_named(&self, has_named: bool) {
        self.has_named.store(has_named, Ordering::Relaxed);
    }
    /// SHA-256 of the platform's own bot's key.
    pub(super) fn own_key(&self) -> Option<&[u8; 32]> {
        self.own_key.as_ref()
    }
    /// Counts a request of a bot. `Err` says how long it has to wait.
    pub(super) fn spend(&self, bot: BotId, per_minute: u32, now: Time) -> std::result::Result<(), Millis> {
        if per_minute == 0 {
            return Ok(());
        }
        let most = f64::from(per_minute);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(bot).or_insert(Bucket { left: most, at: now });
        let passed = u32::try_from(now.since(bucket.at).0).unwrap_or(u32::MAX);
        bucket.left = (bucket.left + most * f64::from(passed) / 60_000.0).min(most);
        bucket.at = now;
        if bucket.left < 1.0 {
            // At most a minute, so at most sixty thousand.
            return Err(Millis(60_000 / u64::from(per_minute) + 1));
        }
        bucket.left -= 1.0;
        Ok(())
    }
    /// True at most once a minute for each bot: then its last use is written down.
    pub(super) fn is_to_touch(&self, bot: BotId, now: Time) -> bool {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = touched.get(&bot).is_none_or(|at| now.since(*at) >= crate::limits::TOUCH_EVERY);
        if is_due {
            touched.insert(bot, now);
        }
        is_due
    }
    /// A match is remembered from now on.
    pub(super) fn note_born(&self, one: &Match) {
        self.born.lock().unwrap_or_else(PoisonError::into_inner).push(one.clone());
        self.changed.notify_one();
    }
    /// Those since the last time.
    pub(super) fn born(&self) -> Vec<Match> {
        std::mem::take(&mut *self.born.lock().unwrap_or_else(PoisonError::into_inner))
    }
    /// Forgets a bot that is no more.
    pub(super) fn forget(&self, bot: BotId) {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).remove(&bot);
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).remove(&bot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::Id as _;

    #[test]
    fn a_bot_gets_its_requests_a_minute_and_no_more() {
        let matches = Matches::new(&Numbers::default(), false);
        let bot = BotId::from_parts(Time::ZERO, 1);
        let at = |ms| Time::from_millis(ms);
        let spent = |ms| (0..200).filter(|_| matches.spend(bot, 60, at(ms)).is_ok()).count();
        assert_eq!(spent(0), 60);
        assert_eq!(spent(500), 0);
        assert_eq!(spent(10_000), 10);
        // A clock that goes back gives nothing.
        assert_eq!(spent(9_000), 0);
        assert_eq!(spent(10_000_000), 60);
    }

    #[test]
    fn the_bots_routes_are_hidden_until_there_is_a_key() {
        let none = Matches::new(&Numbers::default(), false);
        assert!(none.hides("/api/v1/adminbot/create_game") && none.hides("/api/v1/adminbot"));
        assert!(!none.hides("/api/v1/adminbots") && !none.hides("/api/v1/bots"));
        none.note_named(true);
        assert!(!none.hides("/api/v1/adminbot/create_game"));
        let key = Numbers { admin_bot_key: Some(Secret::new("k")), ..Numbers::default() };
        assert!(!Matches::new(&key, false).hides("/api/v1/adminbot"));
    }
}
