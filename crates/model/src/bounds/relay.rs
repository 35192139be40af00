//! What players and bots of matches can make grow.

use super::row::bounds;

bounds! {
    /// Changes of one match that its journal takes, once it has taken the burst. What comes faster is written together, at
    /// most once a turn: people who come and go between two writes leave nothing.
    JOURNAL_CHANGE_BYTES_PER_SECOND = 4 << 10, BytesPerSecond, Player, "changes are written together, later",
        "s14_joins_and_bad_frames_do_not_grow_the_journal";
    /// Changes of one match that its journal takes at once: a full lobby that fills and empties a few times.
    JOURNAL_CHANGE_BURST_BYTES = 128 << 10, Bytes, Player, "changes are written together, later",
        "s14_joins_and_bad_frames_do_not_grow_the_journal";
    /// Turns of one match, in memory and in its journal. Three hours of a hundred players fit several times.
    MATCH_TURN_BYTES = 128 << 20, Bytes, Player, "the match goes on, further intents are dropped",
        "s14_turns_end_at_their_bound_and_the_match_goes_on";
    /// Players that one match remembers as put out by a person. The first are forgotten first.
    KICKED_BY_PEOPLE = 1_000, Count, Player, "the oldest is forgotten", "s14_kicked_players_are_remembered_up_to_a_bound";
    /// Players that one match remembers as put out by the relay itself, for what they sent. They push out none whom a person
    /// has put out.
    KICKED_BY_RELAY = 1_000, Count, Player, "the oldest is forgotten", "s14_kicked_players_are_remembered_up_to_a_bound";
    /// Places of kicked players that one running match keeps, so that its archive names them; never more than it has places.
    KICKED_SEATS = 200, Count, Player, "the oldest is forgotten, its turns stay",
        "s14_seats_of_kicked_players_end_at_their_bound";
    /// Sockets that watch one match.
    SPECTATORS = 500, Count, Anonymous, "turned away with full-lobby", "s14_spectators_end_at_their_bound";
    /// Sockets of one worker that have not said yet who they are. A client says it at once, so the oldest is the one
    /// that only waits.
    PENDING_JOINS = 512, Count, Anonymous, "the oldest is closed with kick_reason.no_join",
        "s14_sockets_that_say_nothing_make_room_for_those_that_do";
    /// Lines that one player of a match writes to the log.
    CLIENT_LOG_LINES_PER_MINUTE = 10, PerMinute, Player, "dropped", "s14_a_client_writes_few_lines_to_the_log";
}
