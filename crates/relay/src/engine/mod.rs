//! The match as a pure state machine: `step(&mut Match, Input, now) -> Vec<Output>`.
//!
//! Invariants: turns count from 0 without gaps; a turn, once closed, never changes; everybody gets the same text of it;
//! everything after a closed turn builds only on inputs that came in, in their order.

mod archive;
mod intent;
mod journal;
mod kicked;
mod limits;
mod lobby;
mod resume;
mod run;
mod seat;
mod sync;
mod turn;

pub use archive::{Archive, ArchiveError};
pub use intent::{IntentActor, Outcome};
pub(crate) use resume::title_of;
pub use resume::{Record, ResumeError};

use crate::Rules;
use journal::{Budget, Due, Written};
use kicked::Kicked;
use ostler_model::Time;
use ostler_model::bounds::relay::{KICKED_BY_PEOPLE, KICKED_BY_RELAY};
use ostler_model::matches::{ClientId, Config, GameId, GameType, Phase, Title};
use ostler_wire::matches::{ClientFrame, GameInfo, GameStats, ServerFrame};
use run::Run;
use seat::Seat;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One socket, named by the worker.
pub type Conn = u64;

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// A person wants a place, or theirs back.
    Join {
        /// On this socket.
        conn: Conn,
        /// Who it is: a digest of their secret.
        who: String,
        /// By which others may name them, when the platform knows them.
        public_id: Option<String>,
        /// The name to show.
        username: String,
        /// The clan to show.
        clan_tag: Option<String>,
        /// An administrator of the platform.
        is_admin: bool,
        /// The place they get if they have none.
        fresh: ClientId,
    },
    /// A person wants their place back.
    Rejoin {
        /// On this socket.
        conn: Conn,
        /// Who it is.
        who: String,
        /// The first turn that they still need.
        last_turn: u64,
        /// The run that their turns are of, if their client says it.
        run: Option<u32>,
    },
    /// Somebody only watches.
    Spectate {
        /// On this socket.
        conn: Conn,
        /// The first turn that they need.
        last_turn: u64,
    },
    /// A frame that could be read.
    Frame {
        /// From this socket.
        conn: Conn,
        /// The frame.
        frame: ClientFrame,
        /// Its size on the wire.
        size_bytes: usize,
    },
    /// A frame that could not.
    Malformed {
        /// From this socket.
        conn: Conn,
    },
    /// The socket is closed.
    Gone {
        /// This one.
        conn: Conn,
    },
    /// The match shall end now.
    End,
    /// Time passed.
    Tick,
}

/// What shall happen outside, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Text for one socket.
    Send {
        /// To this socket.
        to: Conn,
        /// A frame.
        text: String,
    },
    /// The same text for many sockets.
    All {
        /// To these.
        to: Arc<Vec<Conn>>,
        /// A frame.
        text: String,
    },
    /// Close a socket, after what was sent to it.
    Close {
        /// This one.
        conn: Conn,
        /// Said in the close frame.
        reason: String,
    },
    /// Write down before anything of the same step is sent.
    Journal(Record),
}

/// What a new match needs.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its id.
    pub id: GameId,
    /// The title's rules.
    pub rules: Arc<Rules>,
    /// The configuration, judged by the rules.
    pub config: Config,
    /// Who made it, when a person did.
    pub creator: Option<String>,
    /// When it starts by itself.
    pub starts_at: Option<Time>,
    /// Names the run that begins now; no two runs of a match have the same.
    pub run: u32,
}

/// One match.
#[derive(Clone, Debug)]
pub struct Match {
    id: GameId,
    rules: Arc<Rules>,
    config: Config,
    phase: Phase,
    creator: Option<String>,
    created_at: Time,
    starts_at: Option<Time>,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    /// Written once, at the start, so that everybody gets the same text.
    start_info: Option<String>,
    seats: Vec<Seat>,
    /// Put out by people, and by the relay itself.
    kicked: [Kicked; 2],
    /// How often a player was put out.
    kicks: u64,
    spectators: BTreeSet<Conn>,
    /// Where each joined socket sits.
    conns: BTreeMap<Conn, usize>,
    audience: Arc<Vec<Conn>>,
    /// Closed turns as text.
    turns: Vec<String>,
    /// Their length, with the intents of the open one.
    turn_bytes: u64,
    /// The times that a process held this match, in order; the last one is now.
    runs: Vec<Run>,
    /// Stamped intents for the turn that is open.
    open: Vec<String>,
    next_turn_at: Time,
    is_paused: bool,
    dropped: u64,
    hashes: BTreeMap<u64, BTreeMap<ClientId, i64>>,
    winner: Option<(Value, Value)>,
    empty_since: Option<Time>,
    info_sent_at: Time,
    is_info_stale: bool,
    /// When the journal learns of what it does not know yet.
    journal_due: Due,
    written: Written,
    budget: Budget,
}

/// Advances a match by one input. The same match, inputs and times give the same outputs, byte for byte.
pub fn step(game: &mut Match, input: Input, now: Time) -> Vec<Output> {
    let mut out = Vec::new();
    let is_tick = matches!(input, Input::Tick);
    match input {
        Input::Join { conn, who, public_id, username, clan_tag, is_admin, fresh } => {
            let person = Seat::new(fresh, who, public_id, username, clan_tag, is_admin);
            game.join(conn, person, now, &mut out);
        }
        Input::Rejoin { conn, who, last_turn, run } => game.rejoin(conn, &who, last_turn, run, now, &mut out),
        Input::Spectate { conn, last_turn } => game.spectate(conn, last_turn, now, &mut out),
        Input::Frame { conn, frame, size_bytes } => game.frame(conn, frame, size_bytes, now, &mut out),
        Input::Malformed { conn } => game.kick_conn(conn, "invalid_message", now, &mut out),
        Input::Gone { conn } => game.gone(conn, now, &mut out),
        Input::End => game.finish("ended", now, &mut out),
        Input::Tick => game.tick(now, &mut out),
    }
    game.settle(now, is_tick, &mut out);
    out
}

impl Match {
    /// A new match in its lobby, and what to write down about it.
    pub fn create(new: Create, now: Time) -> (Self, Vec<Output>) {
        let mut game = Self {
            id: new.id,
            rules: new.rules,
            config: new.config,
            phase: Phase::Lobby,
            creator: new.creator,
            created_at: now,
            starts_at: new.starts_at,
            started_at: None,
            ended_at: None,
            start_info: None,
            seats: Vec::new(),
            kicked: [KICKED_BY_PEOPLE, KICKED_BY_RELAY].map(Kicked::new),
            kicks: 0,
            spectators: BTreeSet::new(),
            conns: BTreeMap::new(),
            audience: Arc::default(),
            turns: Vec::new(),
            turn_bytes: 0,
            runs: vec![Run { id: new.run, from: 0 }],
            open: Vec::new(),
            next_turn_at: now,
            is_paused: false,
            dropped: 0,
            hashes: BTreeMap::new(),
            winner: None,
            empty_since: Some(now),
            info_sent_at: Time::ZERO,
            is_info_stale: false,
            journal_due: Due::Checkpoint,
            written: Written::default(),
            budget: Budget::new(now),
        };
        let mut out = Vec::new();
        game.settle(now, false, &mut out);
        (game, out)
    }

    /// Its id.
    pub fn id(&self) -> GameId {
        self.id
    }
    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }
    /// The title's name.
    pub fn title(&self) -> &str {
        &self.rules.title.id
    }
    /// Closed turns as text, from the first.
    pub fn turns(&self) -> &[String] {
        &self.turns
    }
    /// How many sockets it feeds.
    pub fn audience(&self) -> usize {
        self.audience.len()
    }
    /// Anyone may find it.
    pub fn is_public(&self) -> bool {
        Title::game_type(&self.config) == Some(GameType::Public)
    }

    /// When the next tick has something to do. `None` when nothing will ever happen by itself.
    pub fn next_due(&self, now: Time) -> Option<Time> {
        match self.phase {
            Phase::Active => Some(self.next_turn_at),
            Phase::Lobby => {
                let poll = now + limits::LOBBY_TICK;
                let info = self.is_info_stale.then(|| self.info_sent_at + limits::INFO_GAP);
                [Some(poll), info, self.starts_at].into_iter().flatten().min()
            }
            Phase::Finished => None,
        }
    }

    /// The match as HTTP and the lobby show it.
    pub fn info(&self, now: Time) -> GameInfo {
        let clients: Vec<_> = self.seats.iter().filter(|s| s.conn.is_some()).map(Seat::client).collect();
        GameInfo {
            game_id: self.id,
            num_clients: clients.len(),
            clients,
            starts_at: self.starts_at.map(Time::as_millis),
            ms_until_start: self.starts_at.map(|at| at.since(now).0),
            game_config: self.config.clone(),
        }
    }

    /// Numbers about the match.
    pub fn stats(&self) -> GameStats {
        GameStats {
            game_id: self.id,
            phase: format!("{:?}", self.phase).to_lowercase(),
            turns: self.turns.len(),
            is_paused: self.is_paused,
            dropped_intents: self.dropped,
            kicked: usize::try_from(self.kicks).unwrap_or(usize::MAX),
            desynced: self.seats.iter().filter(|s| s.is_desynced).count(),
            winner: self.winner.as_ref().map(|(winner, _)| winner.clone()),
            all_players_stats: self.winner.as_ref().map(|(_, stats)| stats.clone()),
        }
    }

    fn update_audience(&mut self) {
        self.audience = Arc::new(self.conns.keys().chain(&self.spectators).copied().collect());
    }

    fn send(to: Conn, frame: &ServerFrame, out: &mut Vec<Output>) {
        out.push(Output::Send { to, text: frame.text() });
    }

    fn send_error(to: Conn, error: &str, message: &str, out: &mut Vec<Output>) {
        let message = (!message.is_empty()).then(|| message.to_owned());
        Self::send(to, &ServerFrame::Error { error: error.to_owned(), message }, out);
    }
}
