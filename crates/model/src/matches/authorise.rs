//! Who may do what in a match. Pure, so that a table can hold every guard, actor and phase.

use super::Phase;

/// Who asks. A player, a player with a right, or the trusted bot, which is never a player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Made this lobby.
    pub is_lobby_creator: bool,
    /// Is an administrator of the platform.
    pub is_admin: bool,
    /// Is the trusted bot.
    pub is_admin_bot: bool,
}

/// What is asked, reduced to the facts that matter for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Say that a player is gone. Only the relay itself may.
    MarkDisconnected,
    /// Put a player out.
    Kick {
        /// Exactly one target is named.
        is_one: bool,
        /// The target is who asks.
        is_self: bool,
        /// The target is in the match.
        is_known: bool,
    },
    /// Change the configuration.
    UpdateConfig {
        /// The change makes a private match public, or anything else but private.
        to_other_type: bool,
    },
    /// Set the start, or clear it.
    ToggleStartTimer,
    /// Pause, or go on.
    TogglePause,
    /// Anything that the game itself understands.
    Gameplay,
}

/// The match, as far as it matters for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Game {
    /// How far it has come.
    pub phase: Phase,
    /// Anyone may find and join it.
    pub is_public: bool,
}

/// Why something was refused: an HTTP status and a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400, 403, 404 or 409.
    pub status: u16,
    /// A stable code.
    pub code: &'static str,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Do it.
    Allow,
    /// Not now, and nobody needs to hear of it: a player was a little early or late.
    Drop,
    /// No.
    Refuse(Refusal),
}

/// Whether this actor may do this in this match. The order of the guards is part of the promise.
pub fn authorise(actor: Actor, ask: Ask, game: Game) -> Verdict {
    match refusal(actor, ask, game) {
        Some((status, code)) => Verdict::Refuse(Refusal { status, code }),
        None if ask == Ask::Gameplay && game.phase != Phase::Active => Verdict::Drop,
        None => Verdict::Allow,
    }
}

fn refusal(actor: Actor, ask: Ask, game: Game) -> Option<(u16, &'static str)> {
    let first = |guards: &[(bool, u16, &'static str)]| {
        guards.iter().find(|(applies, ..)| *applies).map(|(_, status, code)| (*status, *code))
    };
    if actor.is_admin_bot && game.is_public {
        return Some((403, "public_game"));
    }
    let may_manage = actor.is_lobby_creator || actor.is_admin_bot;
    let has_started = game.phase != Phase::Lobby;
    match ask {
        Ask::MarkDisconnected => Some((400, "mark_disconnected_from_outside")),
        Ask::Kick { is_one, is_self, is_known } => first(&[
            (!may_manage && !actor.is_admin, 403, "not_lobby_creator"),
            (!is_one, 400, "one_target_needed"),
            (is_self, 400, "cannot_kick_self"),
            (!is_known, 404, "unknown_target"),
        ]),
        Ask::UpdateConfig { to_other_type } => first(&[
            (!may_manage, 403, "not_lobby_creator"),
            (game.is_public, 403, "public_game"),
            (has_started, 409, "already_started"),
            (to_other_type, 400, "only_private"),
        ]),
        Ask::ToggleStartTimer => first(&[
            (!may_manage, 403, "not_lobby_creator"),
            (game.is_public, 403, "public_game"),
            (has_started, 409, "already_started"),
        ]),
        Ask::TogglePause => {
            first(&[(!may_manage, 403, "not_lobby_creator"), (game.phase != Phase::Active, 409, "not_running")])
        }
        Ask::Gameplay => first(&[(actor.is_admin_bot, 400, "bot_cannot_play")]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAYER: Actor = Actor { is_lobby_creator: false, is_admin: false, is_admin_bot: false };
    const CREATOR: Actor = Actor { is_lobby_creator: true, ..PLAYER };
    const ADMIN: Actor = Actor { is_admin: true, ..PLAYER };
    const BOT: Actor = Actor { is_admin_bot: true, ..PLAYER };
    const KICK: Ask = Ask::Kick { is_one: true, is_self: false, is_known: true };

    /// The answers as a table a person can read: one row per ask, one column per actor, private and public, by phase.
    /// `+` is allowed, `~` dropped, a number the status. Written by hand from the protocol, not from the code.
    const TABLE: &str = "
        ask            game     player       creator      admin        bot
        mark           private  400 400 400  400 400 400  400 400 400  400 400 400
        mark           public   400 400 400  400 400 400  400 400 400  403 403 403
        kick           private  403 403 403  +   +   +    +   +   +    +   +   +
        kick           public   403 403 403  +   +   +    +   +   +    403 403 403
        kick-self      private  403 403 403  400 400 400  400 400 400  400 400 400
        kick-self      public   403 403 403  400 400 400  400 400 400  403 403 403
        kick-unknown   private  403 403 403  404 404 404  404 404 404  404 404 404
        kick-unknown   public   403 403 403  404 404 404  404 404 404  403 403 403
        kick-two       private  403 403 403  400 400 400  400 400 400  400 400 400
        kick-two       public   403 403 403  400 400 400  400 400 400  403 403 403
        config         private  403 403 403  +   409 409  403 403 403  +   409 409
        config         public   403 403 403  403 403 403  403 403 403  403 403 403
        config-public  private  403 403 403  400 409 409  403 403 403  400 409 409
        config-public  public   403 403 403  403 403 403  403 403 403  403 403 403
        timer          private  403 403 403  +   409 409  403 403 403  +   409 409
        timer          public   403 403 403  403 403 403  403 403 403  403 403 403
        pause          private  403 403 403  409 +   409  403 403 403  409 +   409
        pause          public   403 403 403  409 +   409  403 403 403  403 403 403
        play           private  ~   +   ~    ~   +   ~    ~   +   ~    400 400 400
        play           public   ~   +   ~    ~   +   ~    ~   +   ~    403 403 403
    ";

    fn ask(name: &str) -> Ask {
        match name {
            "mark" => Ask::MarkDisconnected,
            "kick" => KICK,
            "kick-self" => Ask::Kick { is_one: true, is_self: true, is_known: true },
            "kick-unknown" => Ask::Kick { is_one: true, is_self: false, is_known: false },
            "kick-two" => Ask::Kick { is_one: false, is_self: false, is_known: true },
            "config" => Ask::UpdateConfig { to_other_type: false },
            "config-public" => Ask::UpdateConfig { to_other_type: true },
            "timer" => Ask::ToggleStartTimer,
            "pause" => Ask::TogglePause,
            "play" => Ask::Gameplay,
            other => panic!("no such ask: {other}"),
        }
    }

    #[test]
    fn every_guard_for_every_actor_in_every_phase() {
        let mut rows = 0;
        for line in TABLE.lines().map(str::trim).filter(|l| !l.is_empty()).skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words.len(), 14, "{line}");
            let cells = [PLAYER, CREATOR, ADMIN, BOT]
                .into_iter()
                .flat_map(|actor| [Phase::Lobby, Phase::Active, Phase::Finished].map(|phase| (actor, phase)));
            for ((actor, phase), wanted) in cells.zip(&words[2..]) {
                let game = Game { phase, is_public: words[1] == "public" };
                let got = match authorise(actor, ask(words[0]), game) {
                    Verdict::Allow => "+".to_owned(),
                    Verdict::Drop => "~".to_owned(),
                    Verdict::Refuse(why) => why.status.to_string(),
                };
                assert_eq!(&got, wanted, "{} {game:?} {actor:?}", words[0]);
            }
            rows += 1;
        }
        assert_eq!(rows, 20);
    }
}
