//! Coming, coming back, watching, starting and ending.

use super::journal::Due;
use super::limits::{EMPTY, INFO_GAP, LONGEST, TOTAL_BYTES};
use super::seat::{By, Seat};
use super::{Conn, Match, Output};
use ostler_model::bounds::relay::SPECTATORS;
use ostler_model::matches::{ClientId, Phase};
use ostler_model::{Foreign, Time};
use ostler_wire::matches::{ClientFrame, GameStartInfo, ServerFrame};
use serde_json::Value;

impl Match {
    pub(super) fn join(&mut self, conn: Conn, person: Seat, now: Time, out: &mut Vec<Output>) {
        if self.is_out(&person.who) {
            return Self::turn_away(conn, "kick_reason.kicked", "You were put out of this match.", out);
        }
        if self.phase == Phase::Finished {
            return Self::turn_away(conn, "finished", "This match is over.", out);
        }
        if self.conns.contains_key(&conn) || self.spectators.contains(&conn) {
            return self.kick_conn(conn, "invalid_message", now, out);
        }
        if let Some(seat) = self.seats.iter().position(|s| s.who == person.who) {
            return self.sit_down(conn, seat, 0, now, out);
        }
        // Places of players who are away count, too: they may come back.
        let taken = self.seats.iter().filter(|seat| !seat.is_kicked).count();
        if taken >= self.rules.title.seats(&self.config) as usize {
            return Self::turn_away(conn, "full-lobby", "Every place is taken.", out);
        }
        if self.seats.iter().any(|s| s.client_id == person.client_id) {
            return Self::turn_away(conn, "try-again", "Please join again.", out);
        }
        self.seats.push(person);
        self.changed(Due::Now);
        let seat = self.seats.len() - 1;
        self.seats[seat].usage.take_rejoin(now);
        self.occupy(conn, seat, 0, now, out);
    }

    pub(super) fn rejoin(
        &mut self,
        conn: Conn,
        who: &str,
        last_turn: u64,
        run: Option<u32>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if self.conns.contains_key(&conn) || self.spectators.contains(&conn) {
            return self.kick_conn(conn, "invalid_message", now, out);
        }
        if self.is_out(who) {
            return Self::turn_away(conn, "kick_reason.kicked", "You were put out of this match.", out);
        }
        if self.phase == Phase::Finished {
            return Self::turn_away(conn, "finished", "This match is over.", out);
        }
        let Some(seat) = self.seats.iter().position(|s| s.who == who) else {
            return Self::turn_away(conn, "unknown-player", "Join first.", out);
        };
        let shared = self.shared_turns(run.unwrap_or(self.seats[seat].run));
        if last_turn <= shared {
            return self.sit_down(conn, seat, last_turn, now, out);
        }
        // Never pretend: this client has seen turns that are lost, so its game cannot go on as it is.
        if run.is_none() {
            let message = "This match lost turns that you have seen. Begin again with lastTurn 0.";
            return Self::turn_away(conn, "turns-lost", message, out);
        }
        Self::send(conn, &ServerFrame::Resync { last_turn: shared }, out);
        self.sit_down(conn, seat, shared, now, out);
    }

    pub(super) fn spectate(&mut self, conn: Conn, last_turn: u64, now: Time, out: &mut Vec<Output>) {
        if self.phase == Phase::Finished {
            return Self::turn_away(conn, "finished", "This match is over.", out);
        }
        if self.spectators.len() as u64 >= SPECTATORS {
            return Self::turn_away(conn, "full-lobby", "As many people watch as may.", out);
        }
        self.spectators.insert(conn);
        self.update_audience();
        match self.phase {
            Phase::Active => out.push(Output::Send { to: conn, text: self.start_text(None, last_turn) }),
            Phase::Lobby | Phase::Finished => {
                let frame = ServerFrame::LobbyInfo { lobby: self.info(now), my_client_id: None };
                Self::send(conn, &frame, out);
            }
        }
    }

    fn turn_away(conn: Conn, error: &str, message: &str, out: &mut Vec<Output>) {
        Self::send_error(conn, error, message, out);
        out.push(Output::Close { conn, reason: error.to_owned() });
    }

    /// Gives a known player their place back, also when another socket of theirs still holds it.
    fn sit_down(&mut self, conn: Conn, seat: usize, last_turn: u64, now: Time, out: &mut Vec<Output>) {
        if !self.seats[seat].usage.take_rejoin(now) {
            self.dropped += 1;
            return Self::turn_away(conn, "too-many-rejoins", "Wait a minute.", out);
        }
        if let Some(old) = self.seats[seat].conn.take() {
            self.conns.remove(&old);
            out.push(Output::Close { conn: old, reason: "replaced".to_owned() });
        }
        self.occupy(conn, seat, last_turn, now, out);
    }

    fn occupy(&mut self, conn: Conn, seat: usize, last_turn: u64, now: Time, out: &mut Vec<Output>) {
        let run = self.run();
        let place = &mut self.seats[seat];
        (place.conn, place.seen_at) = (Some(conn), now);
        if std::mem::replace(&mut place.run, run) != run {
            self.changed(Due::Now);
        }
        self.conns.insert(conn, seat);
        self.empty_since = None;
        self.update_audience();
        match self.phase {
            Phase::Active => {
                self.mark(seat, false);
                let text = self.start_text(Some(self.seats[seat].client_id), last_turn);
                out.push(Output::Send { to: conn, text });
            }
            Phase::Lobby | Phase::Finished => {
                self.is_info_stale = true;
                let me = Some(self.seats[seat].client_id);
                Self::send(conn, &ServerFrame::LobbyInfo { lobby: self.info(now), my_client_id: me }, out);
                let is_full = self.conns.len() >= self.rules.title.seats(&self.config) as usize;
                if self.is_public() && is_full {
                    self.start(now, out);
                }
            }
        }
    }

    pub(super) fn frame(&mut self, conn: Conn, frame: ClientFrame, size: usize, now: Time, out: &mut Vec<Output>) {
        let Some(seat) = self.conns.get(&conn).copied() else {
            // Spectators receive and never send; who has not joined has nothing to say, either.
            return self.kick_conn(conn, "invalid_message", now, out);
        };
        if !self.seats[seat].usage.take_bytes(size) {
            tracing::debug!(limit = TOTAL_BYTES, "a player sent too much in all");
            return self.kick(seat, By::Relay, "too_much_data", now, out);
        }
        match frame {
            ClientFrame::Join { .. } | ClientFrame::Rejoin { .. } => {
                self.kick(seat, By::Relay, "invalid_message", now, out)
            }
            ClientFrame::Ping {} => {
                self.seats[seat].seen_at = now;
                Self::send(conn, &ServerFrame::Ping {}, out);
            }
            ClientFrame::Intent { intent } => self.player_intent(seat, intent, size, now, out),
            ClientFrame::Hash { hash, turn_number } => self.hash(seat, hash, turn_number, out),
            ClientFrame::Winner { winner, all_players_stats } => {
                self.vote(seat, winner, all_players_stats, now, out);
            }
            ClientFrame::Log { log } => {
                if self.seats[seat].usage.take_log(now) {
                    let client = self.seats[seat].client_id;
                    tracing::info!(game = %self.id, %client, "a client says: {:?}", Foreign(log));
                }
            }
        }
    }

    /// The lobby is over. Whoever is connected plays; everybody gets the same start.
    pub(super) fn start(&mut self, now: Time, out: &mut Vec<Output>) {
        self.starts_at = None;
        self.changed(Due::Now);
        if self.conns.len() < self.rules.title.min_players as usize {
            // Too few to play: the lobby stays, and the start can be set again.
            self.is_info_stale = true;
            return;
        }
        self.changed(Due::Checkpoint);
        self.seats.retain(|s| s.conn.is_some());
        self.conns = self.seats.iter().enumerate().filter_map(|(at, s)| Some((s.conn?, at))).collect();
        self.phase = Phase::Active;
        self.started_at = Some(now);
        self.next_turn_at = self.first_turn_after(now);
        let info = GameStartInfo {
            game_id: self.id,
            config: self.config.clone(),
            players: self.seats.iter().map(Seat::client).collect(),
        };
        self.start_info = Some(serde_json::to_string(&info).expect("start info is plain data with text keys"));
        let text = |field: &str| self.config.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
        let prestart = ServerFrame::Prestart { game_map: text("gameMap"), game_map_size: text("gameMapSize") };
        out.push(Output::All { to: self.audience.clone(), text: prestart.text() });
        for seat in &self.seats {
            if let Some(conn) = seat.conn {
                out.push(Output::Send { to: conn, text: self.start_text(Some(seat.client_id), 0) });
            }
        }
        for conn in &self.spectators {
            out.push(Output::Send { to: *conn, text: self.start_text(None, 0) });
        }
    }

    /// `start` as text, with the stored text of every turn from `from` on.
    pub(super) fn start_text(&self, me: Option<ClientId>, from: u64) -> String {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.turns.len());
        let info = self.start_info.as_deref().unwrap_or("null");
        let run = self.run();
        let me = me.map(|id| format!(r#","myClientID":"{id}","run":{run}"#)).unwrap_or_default();
        let created = self.created_at.as_millis();
        format!(
            r#"{{"type":"start","turns":[{}],"gameStartInfo":{info},"lobbyCreatedAt":{created}{me}}}"#,
            self.turns[from..].join(",")
        )
    }

    /// The match is over: everybody is let go.
    pub(super) fn finish(&mut self, reason: &str, now: Time, out: &mut Vec<Output>) {
        if self.phase == Phase::Finished {
            return;
        }
        self.phase = Phase::Finished;
        self.ended_at = Some(now);
        self.starts_at = None;
        self.changed(Due::Checkpoint);
        for conn in self.audience.iter() {
            out.push(Output::Close { conn: *conn, reason: reason.to_owned() });
        }
        self.conns.clear();
        self.spectators.clear();
        for seat in &mut self.seats {
            seat.conn = None;
        }
        self.update_audience();
    }

    pub(super) fn tick(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.phase == Phase::Finished {
            return;
        }
        if now.since(self.created_at) >= LONGEST {
            return self.finish("time_is_up", now, out);
        }
        self.drop_silent(now, out);
        match self.phase {
            Phase::Lobby => {
                if self.starts_at.is_some_and(|at| at <= now) {
                    self.start(now, out);
                }
                self.show_lobby(now, out);
            }
            Phase::Active => {
                if self.empty_since.is_some_and(|since| now.since(since) >= EMPTY) {
                    return self.finish("empty", now, out);
                }
                self.close_turn(now, out);
            }
            Phase::Finished => {}
        }
    }

    /// `lobby_info` for everybody, on change and at most once a second.
    fn show_lobby(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.phase != Phase::Lobby || !self.is_info_stale || now.since(self.info_sent_at) < INFO_GAP {
            return;
        }
        (self.is_info_stale, self.info_sent_at) = (false, now);
        let lobby = self.info(now);
        let seated = self.conns.iter().map(|(conn, seat)| (*conn, Some(self.seats[*seat].client_id)));
        for (conn, my_client_id) in seated.chain(self.spectators.iter().map(|conn| (*conn, None))) {
            Self::send(conn, &ServerFrame::LobbyInfo { lobby: lobby.clone(), my_client_id }, out);
        }
    }
}
