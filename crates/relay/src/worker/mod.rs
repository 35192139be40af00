//! The worker around the engine: it moves messages, and decides nothing about a match.
//!
//! One ticker closes the turns of all matches. What a step wants sent waits until the journal has the step's records, at
//! most a moment: a slow disk delays no turn. After `kill -9` the matches go on at their last closed turn.

mod disk;
mod front;
mod host;
mod http;
mod journal;
mod outlet;
mod pending;
mod socket;
mod ticker;

pub use disk::DiskError;
pub use front::front;
pub use socket::Trusted;

use crate::engine::{Archive, Create, Input, IntentActor, Match, Outcome, ResumeError, step};
use crate::rules::Rules;
use axum::Router;
use disk::Disk;
use host::Host;
use ostler_model::matches::{Config as GameConfig, GameId, GameType, Phase, Title, owner};
use ostler_model::{Secret, Time};
use ostler_runtime::{Clock, Ids, Spawn};
use ostler_wire::matches::{Created, GameInfo, GameStats};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Archives that are written at once: a tournament ends in one moment.
const ARCHIVES_AT_ONCE: usize = 4;

/// What a worker needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which of the workers this is, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
    /// Folder for journals and archives, this worker's own.
    pub data_dir: PathBuf,
    /// The trusted bot's secret. Without one the bot's routes do not exist.
    pub admin_bot_key: Option<Secret>,
    /// The titles it hosts.
    pub titles: BTreeMap<String, Arc<Rules>>,
    /// Most matches at once.
    pub most_matches: usize,
}

/// Why a worker cannot start, or a match cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The folder cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The configuration is none of the title's.
    #[error("{0}")]
    Config(String),
    /// Only private matches are made this way.
    #[error("only private matches can be made")]
    OnlyPrivate,
    /// No such title.
    #[error("the title {0} is not known")]
    Title(String),
    /// It finishes what it has and takes nothing new, or has all it can hold.
    #[error("this worker takes no new matches")]
    Busy,
}

/// A new match, as its maker wants it.
#[derive(Clone, Debug)]
pub struct NewMatch {
    /// The title's name.
    pub title: String,
    /// A partial configuration over the title's defaults.
    pub config: GameConfig,
    /// The secret of the person who makes it; the bot has none.
    pub creator_token: Option<String>,
    /// When it starts by itself.
    pub starts_at: Option<Time>,
    /// Public matches are the platform's to make.
    pub may_be_public: bool,
}

/// One running worker. Clones are the same worker.
#[derive(Clone)]
pub struct Worker(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Clock,
    ids: Ids,
    spawn: Spawn,
    disk: Disk,
    hosts: RwLock<BTreeMap<GameId, Arc<Host>>>,
    journal: journal::Handle,
    next_conn: AtomicU64,
    pending: pending::Pending,
    is_draining: AtomicBool,
    changed: tokio::sync::Notify,
    /// Archives that are written at once.
    archiving: tokio::sync::Semaphore,
}

impl Worker {
    /// Opens the folder, resumes every match in it, and starts to close turns.
    pub async fn start(config: Config, clock: Clock, ids: Ids, spawn: Spawn) -> Result<Self, WorkerError> {
        let disk = Disk::open(config.data_dir.clone(), config.index, config.count).await?;
        let (journal, feed) = journal::channel();
        let inner = Inner {
            disk,
            hosts: RwLock::default(),
            journal,
            next_conn: AtomicU64::new(1),
            pending: pending::Pending::default(),
            is_draining: AtomicBool::new(false),
            changed: tokio::sync::Notify::new(),
            archiving: tokio::sync::Semaphore::new(ARCHIVES_AT_ONCE),
            config,
            clock,
            ids,
            spawn: spawn.clone(),
        };
        let worker = Self(Arc::new(inner));
        worker.resume().await?;
        let (writer, ticking) = (worker.clone(), worker.clone());
        spawn.spawn("match-journal", async move { journal::run(writer, feed).await });
        spawn.spawn("match-ticker", async move { ticker::run(ticking).await });
        Ok(worker)
    }

    /// The worker's routes without the `/wN` prefix: sockets, game info and the bot's.
    pub fn router(&self) -> Router {
        http::router(self.clone())
    }

    /// Makes a match that this worker owns.
    pub fn create(&self, new: NewMatch) -> Result<Created, WorkerError> {
        let rules = self.rules(&new.title).ok_or_else(|| WorkerError::Title(new.title.clone()))?;
        if !self.takes_new() {
            return Err(WorkerError::Busy);
        }
        let config = rules.title.created(&new.config);
        match Title::game_type(&new.config) {
            Some(GameType::Private) => {}
            Some(GameType::Public) if new.may_be_public => {}
            Some(GameType::Public | GameType::Singleplayer) | None => return Err(WorkerError::OnlyPrivate),
        }
        if let Some(problem) = rules.config_problem(&config) {
            return Err(WorkerError::Config(problem));
        }
        let now = self.0.clock.now();
        let id = self.mint();
        let creator = new.creator_token.as_deref().map(who);
        let run = self.new_run();
        let (game, out) = Match::create(Create { id, rules, config, creator, starts_at: new.starts_at, run }, now);
        let info = game.info(now);
        let host = self.add(game);
        host.with(self, |_, first| first.extend(out));
        let index = self.0.config.index;
        Ok(Created { info, worker_index: index, worker_path: format!("w{index}") })
    }

    /// A name for a run, unlike any before.
    fn new_run(&self) -> u32 {
        u32::from_be_bytes(self.0.ids.bytes())
    }

    /// A new id that this worker owns and no match has.
    fn mint(&self) -> GameId {
        loop {
            let id = GameId::from_random(self.0.ids.bytes());
            if owner(id, self.0.config.count) == self.0.config.index && self.host(id).is_none() {
                return id;
            }
        }
    }

    /// One intent of the bot's, or of another trusted caller's.
    pub fn intent(&self, id: GameId, intent: &Map<String, Value>, actor: IntentActor) -> Option<Outcome> {
        let now = self.0.clock.now();
        Some(self.host(id)?.with(self, |game, out| game.handle_intent(intent, actor, now, out)))
    }

    /// A match as HTTP shows it.
    pub fn info(&self, id: GameId) -> Option<GameInfo> {
        let now = self.0.clock.now();
        Some(self.host(id)?.with(self, |game, _| game.info(now)))
    }

    /// Every match here: its info, its title and how far it has come.
    pub fn list(&self) -> Vec<(GameInfo, String, Phase)> {
        let now = self.0.clock.now();
        let each =
            |host: &Arc<Host>| host.with(self, |game, _| (game.info(now), game.title().to_owned(), game.phase()));
        self.hosts().iter().map(each).collect()
    }

    /// Numbers about a running match.
    pub fn stats(&self, id: GameId) -> Option<GameStats> {
        Some(self.host(id)?.with(self, |game, _| game.stats()))
    }

    /// Ends a match. False when there is none, or it has ended: one that is about to be archived cannot end twice.
    pub fn end(&self, id: GameId) -> bool {
        let now = self.0.clock.now();
        let Some(host) = self.host(id) else { return false };
        host.with(self, |game, out| {
            let is_running = game.phase() != Phase::Finished;
            if is_running {
                out.extend(step(game, Input::End, now));
            }
            is_running
        })
    }

    /// A finished match. `None` when there is none by that id.
    pub async fn archive(&self, id: GameId) -> Result<Option<Archive>, WorkerError> {
        let Some(text) = self.0.disk.archive_read(id).await? else { return Ok(None) };
        Ok(Some(Archive::read(&text).map_err(|e| DiskError::damaged(id, &e))?))
    }

    /// Finished matches that are kept, newest first, at most `limit`.
    pub async fn archives(&self, limit: usize) -> Result<Vec<GameId>, WorkerError> {
        Ok(self.0.disk.archive_list(limit).await?)
    }

    /// How many matches it holds.
    pub fn load(&self) -> usize {
        self.0.hosts.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether a new match would be taken.
    pub fn takes_new(&self) -> bool {
        !self.0.is_draining.load(Ordering::Acquire) && self.load() < self.0.config.most_matches
    }

    /// From now on it takes no new matches.
    pub fn refuse_new(&self) {
        self.0.is_draining.store(true, Ordering::Release);
    }

    /// From now on it takes no new matches. Resolves when the last one has ended.
    pub async fn drain(&self) {
        self.refuse_new();
        loop {
            let changed = self.0.changed.notified();
            if self.load() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Waits until everything that has happened so far is in the journal.
    pub async fn flush(&self) {
        self.0.journal.flush().await;
    }

    fn rules(&self, title: &str) -> Option<Arc<Rules>> {
        self.0.config.titles.get(title).cloned()
    }

    fn host(&self, id: GameId) -> Option<Arc<Host>> {
        self.0.hosts.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The match if it can be watched live. One that has just ended is waited for: its archive is under way.
    async fn running(&self, id: GameId) -> Option<Arc<Host>> {
        loop {
            let changed = self.0.changed.notified();
            let host = self.host(id)?;
            if !host.is_over() {
                return Some(host);
            }
            changed.await;
        }
    }

    fn hosts(&self) -> Vec<Arc<Host>> {
        self.0.hosts.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn add(&self, game: Match) -> Arc<Host> {
        let host = Arc::new(Host::new(game));
        self.0.hosts.write().unwrap_or_else(PoisonError::into_inner).insert(host.id, host.clone());
        self.0.changed.notify_waiters();
        host
    }

    fn forget(&self, id: GameId) {
        self.0.hosts.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.0.changed.notify_waiters();
    }

    async fn resume(&self) -> Result<(), WorkerError> {
        for (id, records) in self.0.disk.journals().await? {
            let now = self.0.clock.now();
            let found = crate::engine::title_of(&records)
                .and_then(|title| self.rules(&title).ok_or(ResumeError::Title(title)))
                .and_then(|rules| Match::resume(rules, &records, self.new_run(), now));
            match found {
                Ok((game, out)) => {
                    let host = self.add(game);
                    // If it was over, but not archived when the process ended, the journal's task does the rest.
                    host.with(self, |_, first| first.extend(out));
                }
                Err(error) => {
                    tracing::error!(game = %id, "a match cannot be resumed and its journal is set aside: {error}");
                    self.0.disk.set_aside(id).await?;
                }
            }
        }
        Ok(())
    }
}

/// By what a person is known again, without keeping the secret itself.
pub(crate) fn who(token: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"ostler match player\0");
    hash.update(token.as_bytes());
    hex::encode(hash.finalize())
}
