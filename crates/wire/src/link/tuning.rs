//! Numbers that both ends of a link use for HTTP/2, with their reasons.

use ostler_model::Millis;

/// How much of one stream may be under way unread: 10 MB/s at 100 ms, and it bounds what a reader who stalls keeps in memory.
pub const STREAM_WINDOW: u32 = 1 << 20;
/// Streams at once on one link. Consoles, stats and terminals stay open, so this bounds how many people can watch one node.
pub const STREAMS_MOST: u32 = 1000;
/// Of them, those that forwards to ports may take; the rest is for wishes, reports, consoles and files, which must never wait.
pub const FORWARDS_MOST: usize = 800;
/// Readers who stall must not take the connection from the others: it has room for every stream's whole window.
pub const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS_MOST;
/// Fewer, larger frames carry bulk faster; small answers are small frames anyway.
pub const FRAME_MOST: u32 = 64 * 1024;
/// How much one stream may have queued for sending.
pub const SEND_BUFFER: usize = 256 * 1024;
/// Nothing heard for this long: ask.
pub const PING_EVERY: Millis = Millis::secs(10);
/// Asked and nothing heard for this long: the peer is gone. With the pause before, a dead peer is noticed within 20 s.
pub const PING_TIMEOUT: Millis = Millis::secs(8);
/// From the upgrade to the answer to `POST /hello`.
pub const HELLO_LIMIT: Millis = Millis::secs(10);
