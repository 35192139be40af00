//! A player's place, and who sits in it.

use super::journal::Due;
use super::limits::{SILENCE, USERNAME_CHARS, Usage};
use super::{Conn, Match, Output};
use ostler_model::Time;
use ostler_model::bounds::relay::KICKED_SEATS;
use ostler_model::matches::{ClientId, Phase};
use ostler_wire::matches::Client;
use serde_json::Value;

/// A place in a match. It stays when its player is away.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Seat {
    pub(super) client_id: ClientId,
    pub(super) who: String,
    pub(super) public_id: Option<String>,
    pub(super) username: String,
    pub(super) clan_tag: Option<String>,
    pub(super) is_admin: bool,
    /// The others have been told that this player is gone.
    pub(super) is_marked: bool,
    pub(super) is_kicked: bool,
    pub(super) is_desynced: bool,
    /// The run in which this player was last here.
    pub(super) run: u32,
    #[serde(skip)]
    pub(super) conn: Option<Conn>,
    #[serde(skip, default = "never")]
    pub(super) seen_at: Time,
    #[serde(skip)]
    pub(super) usage: Usage,
    #[serde(skip)]
    pub(super) vote: Option<(Value, Value)>,
}

/// Who puts a player out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The creator of the lobby, or the bot.
    Person = 0,
    /// The relay itself, for what the player sent.
    Relay = 1,
}

/// What of a seat is in the journal and may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    is_marked: bool,
    is_kicked: bool,
    is_desynced: bool,
    run: u32,
}

fn never() -> Time {
    Time::ZERO
}

impl Seat {
    pub(super) fn new(
        client_id: ClientId,
        who: String,
        public_id: Option<String>,
        username: String,
        clan_tag: Option<String>,
        is_admin: bool,
    ) -> Self {
        let short = |text: String| text.chars().filter(|c| !c.is_control()).take(USERNAME_CHARS).collect::<String>();
        Self {
            client_id,
            who,
            public_id,
            username: short(username),
            clan_tag: clan_tag.map(short),
            is_admin,
            is_marked: false,
            is_kicked: false,
            is_desynced: false,
            run: 0,
            conn: None,
            seen_at: never(),
            usage: Usage::default(),
            vote: None,
        }
    }

    pub(super) fn kept(&self) -> Kept {
        let Self { is_marked, is_kicked, is_desynced, run, .. } = *self;
        Kept { is_marked, is_kicked, is_desynced, run }
    }

    pub(super) fn client(&self) -> Client {
        Client { client_id: self.client_id, username: self.username.clone(), clan_tag: self.clan_tag.clone() }
    }
}

impl Match {
    /// The player with this secret was put out.
    pub(super) fn is_out(&self, who: &str) -> bool {
        self.kicked.iter().any(|list| list.contains(who))
    }

    /// Puts a player out, for good.
    pub(super) fn kick(&mut self, seat: usize, by: By, reason: &str, now: Time, out: &mut Vec<Output>) {
        let place = &mut self.seats[seat];
        place.is_kicked = true;
        self.kicked[by as usize].add(place.who.clone());
        self.kicks += 1;
        // A person's word holds from now on; what the relay does by itself may be done a thousand times a second.
        let due = if by == By::Person { Due::Now } else { Due::WithTick };
        self.journal_due = self.journal_due.max(due);
        if let Some(conn) = place.conn {
            Self::send_error(conn, &format!("kick_reason.{reason}"), "", out);
            out.push(Output::Close { conn, reason: reason.to_owned() });
            self.leave(conn, now, out);
        }
        if self.phase == Phase::Active {
            self.mark(seat, true);
            self.forget_kicked();
        }
    }

    /// Keeps the places of kicked players below their bound.
    fn forget_kicked(&mut self) {
        let most = usize::try_from(KICKED_SEATS).unwrap_or(usize::MAX);
        let most = most.min(self.rules.title.seats(&self.config) as usize);
        let kicked = self.seats.iter().filter(|seat| seat.is_kicked).count();
        let oldest = self.seats.iter().position(|seat| seat.is_kicked && seat.conn.is_none());
        if let (true, Some(seat)) = (kicked > most, oldest) {
            self.remove_seat(seat);
        }
    }

    /// Takes a place out of the list; those behind it move.
    fn remove_seat(&mut self, seat: usize) -> Seat {
        let gone = self.seats.remove(seat);
        for place in self.conns.values_mut().filter(|place| **place > seat) {
            *place -= 1;
        }
        self.changed(Due::WithTick);
        gone
    }

    /// Puts out whoever is on this socket; a socket without a player is only closed.
    pub(super) fn kick_conn(&mut self, conn: Conn, reason: &str, now: Time, out: &mut Vec<Output>) {
        match self.conns.get(&conn) {
            Some(seat) => self.kick(*seat, By::Relay, reason, now, out),
            None => {
                Self::send_error(conn, &format!("kick_reason.{reason}"), "", out);
                out.push(Output::Close { conn, reason: reason.to_owned() });
                self.gone(conn, now, out);
            }
        }
    }

    /// A socket has closed.
    pub(super) fn gone(&mut self, conn: Conn, now: Time, out: &mut Vec<Output>) {
        if self.spectators.remove(&conn) {
            self.update_audience();
        }
        self.leave(conn, now, out);
    }

    /// A player's socket is no longer theirs. In a lobby the place goes with it; a private one goes with its creator.
    fn leave(&mut self, conn: Conn, now: Time, out: &mut Vec<Output>) {
        let Some(seat) = self.conns.remove(&conn) else { return };
        self.seats[seat].conn = None;
        self.update_audience();
        if self.conns.is_empty() {
            self.empty_since = Some(now);
        }
        if self.phase == Phase::Lobby {
            self.vacate(seat, now, out);
        }
    }

    /// Takes a place away while the lobby still can.
    fn vacate(&mut self, seat: usize, now: Time, out: &mut Vec<Output>) {
        let who = self.remove_seat(seat).who;
        self.is_info_stale = true;
        if !self.is_public() && self.creator.as_ref() == Some(&who) {
            self.finish("creator_left", now, out);
        }
    }

    /// Tells the game that a player is gone, or back.
    pub(super) fn mark(&mut self, seat: usize, is_disconnected: bool) {
        let place = &mut self.seats[seat];
        if place.is_marked != is_disconnected {
            place.is_marked = is_disconnected;
            let stamp = place.client_id;
            self.changed(Due::WithTick);
            self.add_to_turn(format!(
                r#"{{"clientID":"{stamp}","isDisconnected":{is_disconnected},"type":"mark_disconnected"}}"#
            ));
        }
    }

    /// Whoever has been silent for too long counts as gone.
    pub(super) fn drop_silent(&mut self, now: Time, out: &mut Vec<Output>) {
        // Backwards: in a lobby a place goes with its player, and the places behind it move.
        for seat in (0..self.seats.len()).rev() {
            let Some(place) = self.seats.get(seat) else { continue };
            if now.since(place.seen_at) < SILENCE {
                continue;
            }
            let conn = place.conn;
            if self.phase == Phase::Active {
                self.mark(seat, true);
            }
            match conn {
                Some(conn) => {
                    out.push(Output::Close { conn, reason: "no_ping".to_owned() });
                    self.leave(conn, now, out);
                }
                // Known from before a restart, and not come back.
                None if self.phase == Phase::Lobby => self.vacate(seat, now, out),
                None => {}
            }
        }
    }
}
