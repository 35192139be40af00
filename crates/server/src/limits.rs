//! The numbers that bound the server, each with its reason. What operators may change is in `config`.

use ostler_model::Millis;
use ostler_store::throttle::Policy;

/// JSON bodies. The largest real one, a workload with long variables, is a tenth of it.
pub const BODY_BYTES: usize = 1 << 20;
/// From the end of the headers to the end of a JSON body. A megabyte at 100 kbit/s, rounded down: slower ones hold memory.
pub const BODY_TIME: Millis = Millis::secs(30);
/// A handler that has not answered by then never will; the database's own deadline is half of it.
pub const HANDLER_TIME: Millis = Millis::secs(30);
/// Headers of one request, all together.
pub const HEADER_BYTES: usize = 32 << 10;
/// Streams on one HTTP/2 connection.
pub const STREAMS: u32 = 256;
/// After being asked to stop, requests under way have this long.
pub const DRAIN_TIME: Millis = Millis::secs(10);

/// Length of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_CHARS: usize = 200;
/// How long its answer is kept.
pub const IDEMPOTENCY_KEPT: Millis = Millis::secs(24 * 3600);
/// Larger answers are not kept.
pub const IDEMPOTENCY_BYTES: usize = 64 << 10;

/// A session ends this long after it began, used or not.
pub const SESSION_TIME: Millis = Millis::secs(30 * 24 * 3600);
/// An access token's life: short, because whoever reads one has it for as long.
pub const ACCESS_TIME: Millis = Millis::secs(15 * 60);
/// A refresh token that is not used for this long ends.
pub const REFRESH_TIME: Millis = Millis::secs(30 * 24 * 3600);
/// However often it is refreshed, after this long somebody has to sign in again.
pub const FAMILY_TIME: Millis = Millis::secs(180 * 24 * 3600);
/// After a new cookie, requests with the old one that were under way still count for this long.
pub const OLD_COOKIE_TIME: Millis = Millis::secs(30);
/// Last-used times are written at most this often per session or key: they are for people.
pub const TOUCH_EVERY: Millis = Millis::secs(60);

/// Passwords: long enough to resist guessing, short enough not to be a way to burn processor time.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=256;
/// argon2id, as OWASP recommends for 19 MiB: memory in KiB, passes, lanes. About 30 ms of a core; a graphics card with 24 GiB
/// tries some 1,300 at a time instead of millions. Stored hashes name their own, so raising these hurts nobody.
pub const ARGON2: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Guesses that a password must outlast, as a power of ten, with lists of common passwords, names, dates and keyboard walks
/// tried first: what a stolen hash should cost months of many cores.
pub const PASSWORD_GUESSES_LOG10: f64 = 8.0;
/// argon2id hashes computed at the same time: each takes 19 MiB and about 30 ms of a core.
pub const HASHES_AT_ONCE: usize = 4;
/// Hashes that may wait for their turn; more are told to come back.
pub const HASHES_WAITING: usize = 64;

/// A browser is known for so long after a person has signed in with it.
pub const DEVICE_TIME: Millis = Millis::secs(180 * 24 * 3600);
/// Attempts to sign in to one account from everywhere: a few hundred guesses a day are left to those who have many networks.
pub const SIGN_IN_EVERYWHERE: Policy = Policy {
    free: 100,
    wait_first: Millis::secs(2),
    wait_most: Millis::secs(5 * 60),
    forget_after: Millis::secs(24 * 3600),
};
/// Attempts to sign in to one account from one network, or with one browser that is known.
pub const SIGN_IN_ACCOUNT: Policy = Policy {
    free: 8,
    wait_first: Millis::secs(2),
    wait_most: Millis::secs(15 * 60),
    forget_after: Millis::secs(24 * 3600),
};
/// Attempts to sign in from one address; more, because offices share one.
pub const SIGN_IN_ADDRESS: Policy = Policy {
    free: 40,
    wait_first: Millis::secs(1),
    wait_most: Millis::secs(5 * 60),
    forget_after: Millis::secs(24 * 3600),
};
/// Attempts at one person's second factor, over all sign-ins and sessions. Six digits have to last.
pub const FACTOR: Policy = Policy {
    free: 5,
    wait_first: Millis::secs(5),
    wait_most: Millis::secs(15 * 60),
    forget_after: Millis::secs(24 * 3600),
};
/// Attempts at one half-done sign-in; then it begins anew with the password.
pub const CHALLENGE_ATTEMPTS: u32 = 5;
/// Between the halves of a sign-in, and for the ceremony of a passkey.
pub const CHALLENGE_TIME: Millis = Millis::secs(5 * 60);
/// Away at a provider: people look for their phones there.
pub const JOURNEY_TIME: Millis = Millis::secs(10 * 60);
/// A session that began so lately has just shown who is behind it.
pub const FRESH_SESSION: Millis = Millis::secs(5 * 60);
/// After proving it anew, for so long.
pub const CONFIRMED: Millis = Millis::secs(10 * 60);
/// Passkeys of one person.
pub const PASSKEYS_PER_PERSON: usize = 20;
/// Attempts at the setup secret, from anywhere.
pub const SETUP: Policy =
    Policy { free: 10, wait_first: Millis::secs(2), wait_most: Millis::secs(60), forget_after: Millis::secs(3600) };

/// Keys of one person.
pub const KEYS_PER_PERSON: usize = 100;
/// Bots of one workspace.
pub const BOTS_PER_WORKSPACE: usize = 100;
/// Ids in a key's scope.
pub const KEY_SCOPE_IDS: usize = 100;
/// Nodes and workloads that one team's role is confined to.
pub const TEAM_RESOURCES: usize = 100;
/// Networks that one key may be bound to: enough for an office and its machines, cheap enough to look at every time.
pub const KEY_NETWORKS: usize = 32;
/// Addresses and actors whose rate is remembered. At about 100 bytes each.
pub const RATE_KEYS: usize = 100_000;
/// Attempts that were not followed by another one are forgotten after this long.
pub const THROTTLE_KEPT: Millis = Millis::secs(48 * 3600);

/// An invitation waits this long for its person.
pub const INVITE_TIME: Millis = Millis::secs(72 * 3600);
/// A link to set a new password.
pub const RESET_TIME: Millis = Millis::secs(3600);
/// Secrets in links, with room to spare.
pub const LINK_CHARS: usize = 200;
/// Invitations and links that are over are shown for so long before they are removed.
pub const LINKS_KEPT: Millis = Millis::secs(30 * 24 * 3600);
/// Letters with new passwords to one address; a person who presses the button three times has had enough mail.
pub const FORGOT_ACCOUNT: Policy = Policy {
    free: 3,
    wait_first: Millis::secs(60),
    wait_most: Millis::secs(3600),
    forget_after: Millis::secs(24 * 3600),
};
/// Invitations to one address.
pub const INVITES: Policy = Policy {
    free: 5,
    wait_first: Millis::secs(60),
    wait_most: Millis::secs(3600),
    forget_after: Millis::secs(24 * 3600),
};
/// Letters with new passwords asked for from one address on the network.
pub const FORGOT_ADDRESS: Policy = Policy {
    free: 20,
    wait_first: Millis::secs(10),
    wait_most: Millis::secs(3600),
    forget_after: Millis::secs(24 * 3600),
};
/// One conversation with a mail server, and one whole check of one.
pub const SMTP_TIME: Millis = Millis::secs(20);
/// Whoever takes letters from the outbox has this long for all of them: longer than a full batch of slow conversations.
pub const MAIL_LEASE: Millis = Millis::secs(600);
/// A check of a database or a Redis during the first run.
pub const CHECK_TIME: Millis = Millis::secs(10);
