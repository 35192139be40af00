//! The one dispatch for intents: sockets and HTTP go through [`Match::handle_intent`] alike.

use super::journal::Due;
use super::limits::INTENT_BYTES;
use super::seat::By;
use super::{Match, Output};
use ostler_model::bounds::relay::MATCH_TURN_BYTES;
use ostler_model::matches::{Actor, Ask, ClientId, Config, Game, GameType, Phase, Title, Verdict, authorise};
use ostler_model::{Millis, Time};
use serde_json::{Map, Value};

/// Who sends an intent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntentActor {
    /// The place in the match; the bot has none.
    pub client_id: Option<ClientId>,
    /// Made this lobby.
    pub is_lobby_creator: bool,
    /// Is an administrator of the platform.
    pub is_admin: bool,
    /// Is the trusted bot.
    pub is_admin_bot: bool,
}

impl IntentActor {
    /// The trusted bot.
    pub const BOT: Self = Self { client_id: None, is_lobby_creator: false, is_admin: false, is_admin_bot: true };
}

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// As HTTP says it: 200, 400, 403, 404 or 409.
    pub status: u16,
    /// A stable code when it was refused, or `dropped`.
    pub error: Option<String>,
}

impl Outcome {
    fn ok() -> Self {
        Self { status: 200, error: None }
    }
    fn refused(status: u16, code: impl Into<String>) -> Self {
        Self { status, error: Some(code.into()) }
    }
}

impl Match {
    /// Judges and does one intent. Everything that leads to output goes to `out`; the caller hands it on in order.
    pub fn handle_intent(
        &mut self,
        intent: &Map<String, Value>,
        actor: IntentActor,
        now: Time,
        out: &mut Vec<Output>,
    ) -> Outcome {
        let outcome = self.dispatch(intent, actor, now, out);
        self.settle(now, false, out);
        outcome
    }

    fn dispatch(
        &mut self,
        intent: &Map<String, Value>,
        actor: IntentActor,
        now: Time,
        out: &mut Vec<Output>,
    ) -> Outcome {
        let Some(kind) = intent.get("type").and_then(Value::as_str) else {
            return Outcome::refused(400, "invalid_intent");
        };
        let target = self.kick_target(intent);
        let ask = match kind {
            "mark_disconnected" => Ask::MarkDisconnected,
            "kick_player" => Ask::Kick {
                is_one: target.is_some(),
                is_self: target.as_ref().is_some_and(|t| self.is_actor(t, actor)),
                is_known: target.as_ref().is_some_and(|t| self.find(t).is_some()),
            },
            "update_game_config" => Ask::UpdateConfig { to_other_type: changes_type(intent) },
            "toggle_game_start_timer" => Ask::ToggleStartTimer,
            "toggle_pause" => Ask::TogglePause,
            _ => Ask::Gameplay,
        };
        let rights = Actor {
            is_lobby_creator: actor.is_lobby_creator,
            is_admin: actor.is_admin,
            is_admin_bot: actor.is_admin_bot,
        };
        match authorise(rights, ask, Game { phase: self.phase, is_public: self.is_public() }) {
            Verdict::Refuse(why) => return Outcome::refused(why.status, why.code),
            Verdict::Drop => {
                self.dropped += 1;
                return Outcome { status: 200, error: Some("dropped".to_owned()) };
            }
            Verdict::Allow => {}
        }
        match ask {
            Ask::Kick { .. } => {
                if let Some(seat) = target.and_then(|t| self.find(&t)) {
                    let reason = if actor.is_admin_bot { "admin" } else { "lobby_creator" };
                    self.kick(seat, By::Person, reason, now, out);
                }
                Outcome::ok()
            }
            Ask::UpdateConfig { .. } => self.update_config(intent),
            Ask::ToggleStartTimer => self.toggle_timer(intent, now),
            Ask::TogglePause => self.toggle_pause(intent, actor),
            Ask::Gameplay => self.play(intent, actor),
            Ask::MarkDisconnected => Outcome::refused(400, "mark_disconnected_from_outside"),
        }
    }

    /// An intent from a player's socket: limits first, then the dispatch.
    pub(super) fn player_intent(
        &mut self,
        seat: usize,
        intent: Map<String, Value>,
        size: usize,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if size > INTENT_BYTES {
            return self.kick(seat, By::Relay, "intent_too_large", now, out);
        }
        let place = &mut self.seats[seat];
        if !place.usage.take_intent(now) {
            self.dropped += 1;
            return;
        }
        let (conn, actor) = (
            place.conn,
            IntentActor {
                client_id: Some(place.client_id),
                is_lobby_creator: self.creator.as_ref() == Some(&place.who),
                is_admin: place.is_admin,
                is_admin_bot: false,
            },
        );
        let outcome = self.dispatch(&intent, actor, now, out);
        match (outcome.error.as_deref(), conn) {
            // Not what a client of this title can send.
            (Some("invalid_intent"), _) => self.kick(seat, By::Relay, "invalid_message", now, out),
            (Some("dropped") | None, _) | (_, None) => {}
            (Some(code), Some(conn)) => Self::send_error(conn, code, "", out),
        }
    }

    /// Adds a gameplay intent to the open turn.
    fn play(&mut self, intent: &Map<String, Value>, actor: IntentActor) -> Outcome {
        if !self.rules.knows_intent(intent) {
            return Outcome::refused(400, "invalid_intent");
        }
        if self.is_paused || self.turn_bytes >= MATCH_TURN_BYTES {
            self.dropped += 1;
            return Outcome { status: 200, error: Some("dropped".to_owned()) };
        }
        self.enqueue(intent.clone(), actor);
        Outcome::ok()
    }

    /// The stamp is the server's: whatever the sender wrote there is gone.
    fn enqueue(&mut self, mut intent: Map<String, Value>, actor: IntentActor) {
        let stamp = actor.client_id.map_or_else(|| ClientId::ADMIN_BOT.to_owned(), |id| id.to_string());
        intent.insert("clientID".to_owned(), Value::String(stamp));
        self.add_to_turn(Value::Object(intent).to_string());
    }

    fn update_config(&mut self, intent: &Map<String, Value>) -> Outcome {
        let Some(partial) = intent.get("config").and_then(Value::as_object) else {
            return Outcome::refused(400, "invalid_config");
        };
        if !has_only(intent, &["config"]) {
            return Outcome::refused(400, "invalid_intent");
        }
        let next: Config = self.rules.title.updated(&self.config, partial);
        if let Some(problem) = self.rules.config_problem(&next) {
            return Outcome::refused(400, format!("invalid_config: {problem}"));
        }
        self.config = next;
        self.is_info_stale = true;
        self.changed(Due::Now);
        Outcome::ok()
    }

    fn toggle_timer(&mut self, intent: &Map<String, Value>, now: Time) -> Outcome {
        if !has_only(intent, &[]) {
            return Outcome::refused(400, "invalid_intent");
        }
        self.starts_at = match self.starts_at {
            Some(_) => None,
            None => Some(now + Millis(Title::start_delay_ms(&self.config))),
        };
        self.is_info_stale = true;
        self.changed(Due::Now);
        Outcome::ok()
    }

    fn toggle_pause(&mut self, intent: &Map<String, Value>, actor: IntentActor) -> Outcome {
        let Some(paused) = intent.get("paused").and_then(Value::as_bool) else {
            return Outcome::refused(400, "invalid_intent");
        };
        if !has_only(intent, &["paused"]) {
            return Outcome::refused(400, "invalid_intent");
        }
        // Saying again what holds already changes nothing, so it makes no turn, either.
        if paused != self.is_paused {
            self.is_paused = paused;
            self.changed(Due::Now);
            self.enqueue(intent.clone(), actor);
        }
        Outcome::ok()
    }

    /// Whom a kick names: exactly one of the three fields, with a text.
    fn kick_target(&self, intent: &Map<String, Value>) -> Option<Target> {
        let mut named = ["target", "targetClientID", "targetPublicID"].into_iter().filter_map(|field| {
            let text = intent.get(field)?.as_str()?.to_owned();
            Some(if field == "targetPublicID" { Target::Public(text) } else { Target::Client(text) })
        });
        let first = named.next()?;
        let is_alone = named.next().is_none() && intent.len() == 2 + usize::from(intent.contains_key("clientID"));
        is_alone.then_some(first)
    }

    fn find(&self, target: &Target) -> Option<usize> {
        self.seats.iter().position(|seat| {
            !seat.is_kicked
                && match target {
                    Target::Client(id) => seat.client_id.as_str() == id,
                    Target::Public(id) => seat.public_id.as_ref() == Some(id),
                }
        })
    }

    fn is_actor(&self, target: &Target, actor: IntentActor) -> bool {
        self.find(target).is_some_and(|seat| Some(self.seats[seat].client_id) == actor.client_id)
    }

    /// True while gameplay waits.
    pub fn is_paused(&self) -> bool {
        self.is_paused && self.phase == Phase::Active
    }
}

enum Target {
    Client(String),
    Public(String),
}

/// Management intents have the fields they need and no other. A `clientID` of the sender's is ignored, as in gameplay.
fn has_only(intent: &Map<String, Value>, fields: &[&str]) -> bool {
    intent.keys().all(|key| ["type", "clientID"].contains(&key.as_str()) || fields.contains(&key.as_str()))
}

/// Whether a partial configuration would make a private match anything else.
fn changes_type(intent: &Map<String, Value>) -> bool {
    let config = intent.get("config").and_then(Value::as_object);
    config.is_some_and(|config| Title::game_type(config) != Some(GameType::Private))
}

#[cfg(test)]
mod tests {
    use super::super::Create;
    use super::*;
    use crate::Rules;
    use ostler_model::matches::GameId;
    use serde_json::json;

    #[test]
    fn s14_turns_end_at_their_bound_and_the_match_goes_on() {
        const WIDE: usize = 1_900_000;
        let rules = Rules::builtin()["openfront"].clone();
        let config = rules.title.created(&Map::new());
        let id = GameId::from_random([7; 16]);
        let create = Create { id, rules, config, creator: None, starts_at: None, run: 1 };
        let mut now = Time::from_millis(1_000);
        let (mut game, _) = Match::create(create, now);
        game.phase = Phase::Active;
        game.empty_since = None;
        let wide = json!({"type": "attack", "x": "y".repeat(WIDE)});
        let mut dropped = 0;
        for _ in 0..10 * MATCH_TURN_BYTES / WIDE as u64 {
            now = now + Millis(100);
            let outcome = game.play(wide.as_object().unwrap(), IntentActor::default());
            assert_eq!(outcome.status, 200);
            dropped += usize::from(outcome.error.is_some());
            game.tick(now, &mut vec![]);
        }
        let bytes: usize = game.turns.iter().map(String::len).sum();
        assert!(bytes as u64 > MATCH_TURN_BYTES / 2 && (bytes as u64) < MATCH_TURN_BYTES + 3_000_000, "{bytes} bytes");
        assert!(dropped > 600 && game.turns.len() > 600, "{dropped} of {}", game.turns.len());
        assert!(game.turns.last().unwrap().len() < 100);
    }
}
