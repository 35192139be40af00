//! How many requests: per address before anything is looked at, and per actor once that is known.

use super::call::Call;
use super::error::{Error, Result};
use crate::config::Rates as Numbers;
use crate::limits;
use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderValue};
use ostler_model::{KeyId, Millis};
use ostler_runtime::Clock;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The limits and who is how near to them.
pub struct Rates {
    addresses: Option<Limiter<IpAddr>>,
    actors: Option<Limiter<String>>,
    keys: Keys,
}

/// Keys that have a limit of their own, each with what it has used of it.
struct Keys {
    clock: Monotonic,
    used: Mutex<HashMap<KeyId, Own>>,
}

struct Own {
    per_minute: u32,
    governed: Arc<RateLimiter<NotKeyed, InMemoryState, Monotonic, StateInformationMiddleware>>,
    used_at: Instant,
}

type Governed<K> = RateLimiter<K, DashMapStateStore<K>, Monotonic, StateInformationMiddleware>;

struct Limiter<K: Clone + std::hash::Hash + Eq> {
    governed: Governed<K>,
    clock: Monotonic,
    per_second: u32,
    burst: u32,
}

/// Our clock in governor's form.
#[derive(Clone, Debug)]
struct Monotonic(Clock);

impl GovernorClock for Monotonic {
    type Instant = Instant;
    fn now(&self) -> Instant {
        self.0.instant()
    }
}

/// What the standard headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub limit: u32,
    pub remaining: u32,
    /// Until everything may be used again.
    pub reset: Millis,
    /// Set when this one is too many.
    pub retry_after: Option<Millis>,
}

impl Standing {
    /// `RateLimit-Limit`, `-Remaining` and `-Reset`.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert("ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("ratelimit-reset", HeaderValue::from(self.reset.0.div_ceil(1000)));
    }
}

impl<K: Clone + std::hash::Hash + Eq> Limiter<K> {
    /// `None` when the limit is zero, which means none.
    fn new(per_second: u32, burst: u32, clock: &Clock) -> Option<Self> {
        let quota = Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(NonZeroU32::new(burst)?);
        let clock = Monotonic(clock.clone());
        let governed = Governed::new(quota, DashMapStateStore::default(), clock.clone());
        Some(Self { governed, clock, per_second, burst })
    }
    fn check(&self, key: &K) -> Standing {
        if self.governed.len() >= limits::RATE_KEYS {
            self.sweep();
        }
        match self.governed.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = u64::from(self.burst.saturating_sub(remaining));
                let reset = Millis(used * 1000 / u64::from(self.per_second));
                Standing { limit: self.burst, remaining, reset, retry_after: None }
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now()).as_millis();
                let wait = u64::try_from(wait).unwrap_or(u64::MAX);
                let reset = Millis(u64::from(self.burst) * 1000 / u64::from(self.per_second));
                Standing { limit: self.burst, remaining: 0, reset, retry_after: Some(Millis(wait.saturating_add(1))) }
            }
        }
    }
    fn sweep(&self) {
        self.governed.retain_recent();
        self.governed.shrink_to_fit();
    }
}

impl Keys {
    /// Counts a request. What a key has not used for a minute, it may use at once; from then on at its rate.
    fn check(&self, id: KeyId, per_minute: NonZeroU32) -> Standing {
        let now = self.clock.now();
        let governed = {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.len() >= limits::RATE_KEYS {
                rest(&mut used, now);
            }
            let fresh = || Own {
                per_minute: per_minute.get(),
                governed: Arc::new(
                    RateLimiter::direct_with_clock(Quota::per_minute(per_minute), self.clock.clone()).with_middleware(),
                ),
                used_at: now,
            };
            let own = used.entry(id).or_insert_with(fresh);
            if own.per_minute != per_minute.get() {
                *own = fresh();
            }
            own.used_at = now;
            own.governed.clone()
        };
        let limit = per_minute.get();
        match governed.check() {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let reset = Millis(u64::from(limit.saturating_sub(remaining)) * 60_000 / u64::from(limit));
                Standing { limit, remaining, reset, retry_after: None }
            }
            Err(not_until) => {
                let wait = u64::try_from(not_until.wait_time_from(now).as_millis()).unwrap_or(u64::MAX);
                let retry_after = Some(Millis(wait.saturating_add(1)));
                Standing { limit, remaining: 0, reset: Millis(60_000), retry_after }
            }
        }
    }
}

/// Forgets the keys that have been at rest for a minute: they have their whole minute again.
fn rest(used: &mut HashMap<KeyId, Own>, now: Instant) {
    used.retain(|_, own| now.saturating_duration_since(own.used_at) < Duration::from_secs(60));
}

impl Rates {
    /// With these numbers.
    pub fn new(numbers: &Numbers, clock: &Clock) -> Self {
        Self {
            addresses: Limiter::new(numbers.per_address, numbers.per_address_burst, clock),
            actors: Limiter::new(numbers.per_actor, numbers.per_actor_burst, clock),
            keys: Keys { clock: Monotonic(clock.clone()), used: Mutex::default() },
        }
    }
    /// Counts a request from this address.
    pub fn address(&self, address: IpAddr) -> Option<Standing> {
        self.addresses.as_ref().map(|limiter| limiter.check(&network(address)))
    }
    /// Counts a request of the call's actor.
    pub fn actor(&self, call: &Call) -> Result<()> {
        let (Some(limiter), Some(caller)) = (&self.actors, &call.caller) else { return Ok(()) };
        let key = caller.authority.actor.kind.id().unwrap_or_default();
        match limiter.check(&key).retry_after {
            Some(retry_after) => Err(Error::TooMany { retry_after }),
            None => Ok(()),
        }
    }
    /// Counts a request of the call's key, when that has a limit of its own.
    pub fn key(&self, call: &Call) -> Option<Standing> {
        let key = call.caller.as_ref()?.key.as_ref()?;
        Some(self.keys.check(key.id, NonZeroU32::new(key.requests_per_minute?)?))
    }
    /// Forgets whoever is at rest.
    pub fn sweep(&self) {
        rest(&mut self.keys.used.lock().unwrap_or_else(PoisonError::into_inner), self.keys.clock.now());
        if let Some(limiter) = &self.addresses {
            limiter.sweep();
        }
        if let Some(limiter) = &self.actors {
            limiter.sweep();
        }
    }
}

/// One customer of an IPv6 provider has at least a /64 to send from.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        },
    }
}
