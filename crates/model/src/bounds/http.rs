//! Connections, requests and answers.

use super::row::bounds;

bounds! {
    /// Connections to the server at the same time; fewer where the system gives it fewer descriptors.
    CONNECTIONS = 20_000, Count, Anonymous,
        "the oldest silent, half-sent or idle connection is closed, of the address with the most of them first",
        "s8_silent_slow_and_malformed_connections_hurt_nobody";
    /// Connections from one address (IPv4) or one /64 (IPv6); trusted proxies are exempt.
    CONNECTIONS_PER_ADDRESS = 1_000, Count, Anonymous,
        "the address loses its oldest silent, half-sent or idle connection; without one, the new connection is refused",
        "s8_an_address_at_its_cap_loses_its_own_silent_connections";
    /// From a new connection to its first byte.
    FIRST_BYTE_MS = 10_000, Millis, Anonymous, "the connection is closed",
        "s8_every_stage_of_a_connection_has_a_deadline";
    /// From the first byte of a request to the end of its head, and of HTTP/2's preface with its settings.
    HEAD_MS = 15_000, Millis, Anonymous, "the connection is closed",
        "s8_every_stage_of_a_connection_has_a_deadline";
    /// A connection without a request. Longer than clients keep theirs, so that none sends into one that is being closed.
    IDLE_MS = 75_000, Millis, Anonymous, "the connection is closed",
        "s8_every_stage_of_a_connection_has_a_deadline";
    /// A request's body may pause for so long.
    BODY_STALL_MS = 15_000, Millis, Anonymous, "408",
        "s8_a_body_that_drips_is_refused";
    /// A request's body comes at least this fast, counted over its pauses.
    BODY_RATE = 1 << 10, BytesPerSecond, Anonymous, "408",
        "s8_a_body_that_drips_is_refused";
    /// An answer, or a stream, may wait for its reader for so long.
    WRITE_STALL_MS = 60_000, Millis, Anonymous, "the connection is closed",
        "s8_a_reader_that_stops_or_drips_is_let_go";
    /// A finite answer is read at least this fast, counted over its pauses.
    WRITE_RATE = 4 << 10, BytesPerSecond, Anonymous, "the connection is closed",
        "s8_a_reader_that_stops_or_drips_is_let_go";
    /// Bytes of an unwanted body that are read, so that the connection can be used again.
    DRAIN_BYTES = 256 << 10, Bytes, Anonymous, "the answer says Connection: close",
        "s23_a_refusal_is_seen_by_clients_that_still_send";
    /// After a refusal that closes the connection, what still comes is read for so long, so that the client sees the answer.
    LINGER_MS = 5_000, Millis, Anonymous, "the connection is cut",
        "s23_a_refusal_is_seen_by_clients_that_still_send";
    /// Entries of the audit trail at once for refusals of one actor, or of one address that nobody is known at.
    REFUSALS = 30, Count, Anonymous, "they are counted, and told in one entry",
        "s15_a_viewers_refusals_do_not_fill_the_trail";
    /// After so long there is one such entry more.
    REFUSAL_EVERY_MS = 5_000, Millis, Anonymous, "they are counted, and told in one entry",
        "s15_a_viewers_refusals_do_not_fill_the_trail";
    /// Bytes of one HTTP/2 stream that wait for its reader.
    SEND_BUFFER = 64 << 10, Bytes, Anonymous, "the answer waits",
        "s8_a_reader_that_stops_or_drips_is_let_go";
}
