//! Time that passes only when nothing else can happen, and randomness that comes from a seed.
//!
//! `tokio::time::pause` jumps to the next timer whenever the runtime is idle, and a runtime that waits for a database thread is
//! idle: timeouts then fire at once. [`SimClock`] asks first. It moves in the moment before the runtime's only thread would go to
//! sleep, and only when every gate (calls to the store, for example) says that nothing is under way elsewhere.

use ostler_model::{Millis, Time};
use ostler_runtime::{Clock, ClockSource, IdSource, Ids, Sleep};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// When simulations begin, unless said otherwise: 2026-01-01, 00:00 UTC.
pub const BEGIN: Time = Time::from_millis(1_767_225_600_000);

/// Simulated time. Cheap to clone.
#[derive(Clone)]
pub struct SimClock(Arc<Inner>);

struct Inner {
    begin: (Time, Instant),
    state: Mutex<State>,
    gates: Mutex<Vec<Gate>>,
}

type Gate = Box<dyn Fn() -> bool + Send + Sync>;

struct State {
    now: Time,
    /// By due time, then in the order in which they went to sleep.
    sleepers: BTreeMap<(Time, u64), Waker>,
    next: u64,
}

impl SimClock {
    /// A clock that stands at [`BEGIN`].
    pub fn new() -> Self {
        let state = State { now: BEGIN, sleepers: BTreeMap::new(), next: 0 };
        Self(Arc::new(Inner { begin: (BEGIN, Instant::now()), state: Mutex::new(state), gates: Mutex::default() }))
    }
    /// As the clock that code under test takes.
    pub fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }
    /// The same time as a machine sees it whose clock is wrong by so much.
    pub fn skewed(&self, by_ms: i64) -> Clock {
        Clock::new(Skewed { clock: self.clone(), by_ms })
    }
    /// Time stands still while this says that something is under way.
    pub fn gate(&self, is_busy: impl Fn() -> bool + Send + Sync + 'static) {
        self.0.gates.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(is_busy));
    }
    /// A runtime whose only thread moves this clock whenever it has nothing else to do.
    pub fn runtime(&self) -> tokio::runtime::Runtime {
        let clock = self.clone();
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // The scheduler looks at its queue once more after this hook, so whoever is woken here runs next.
            .on_thread_park(move || {
                clock.advance();
            })
            .build()
            .expect("a runtime with one thread can always be made")
    }
    /// Goes to the next due sleeper and wakes all that are due then. False when time has to stand still.
    pub fn advance(&self) -> bool {
        if self.0.gates.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|is_busy| is_busy()) {
            return false;
        }
        let mut state = self.state();
        let Some((&(due, _), _)) = state.sleepers.first_key_value() else { return false };
        state.now = state.now.max(due);
        let now = state.now;
        let later = state.sleepers.split_off(&(now + Millis(1), 0));
        let awake = std::mem::replace(&mut state.sleepers, later);
        drop(state);
        for waker in awake.into_values() {
            waker.wake();
        }
        true
    }
    /// How many wait for time to pass.
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ClockSource for SimClock {
    fn now(&self) -> Time {
        self.state().now
    }
    fn sleep_until(&self, at: Time) -> Sleep {
        Box::pin(SimSleep { clock: self.clone(), at, key: None })
    }
    fn instant(&self) -> Instant {
        self.0.begin.1 + self.now().since(self.0.begin.0).std()
    }
}

struct SimSleep {
    clock: SimClock,
    at: Time,
    key: Option<(Time, u64)>,
}

impl Future for SimSleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.clock.state();
        if state.now >= this.at {
            return Poll::Ready(());
        }
        let key = *this.key.get_or_insert_with(|| {
            state.next += 1;
            (this.at, state.next)
        });
        state.sleepers.insert(key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for SimSleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.state().sleepers.remove(&key);
        }
    }
}

struct Skewed {
    clock: SimClock,
    by_ms: i64,
}

impl ClockSource for Skewed {
    fn now(&self) -> Time {
        Time::from_millis(self.clock.now().as_millis() + self.by_ms)
    }
    fn sleep_until(&self, at: Time) -> Sleep {
        self.clock.sleep_until(Time::from_millis(at.as_millis() - self.by_ms))
    }
    fn instant(&self) -> Instant {
        self.clock.instant()
    }
}

/// Random bytes from a seed: the same seed, the same bytes. SplitMix64; good enough to be different, no secret.
pub struct SimIds(Mutex<u64>);

impl SimIds {
    /// Ids from this seed and clock.
    pub fn ids(seed: u64, clock: &Clock) -> Ids {
        Ids::new(Self(Mutex::new(seed)), clock.clone())
    }
}

impl IdSource for SimIds {
    fn fill(&self, buf: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buf.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_passes_at_once_and_in_order() {
        let sim = SimClock::new();
        let clock = sim.clock();
        let began = Instant::now();
        let order = sim.runtime().block_on(async {
            let order = Arc::new(Mutex::new(Vec::new()));
            let wait = |name: &'static str, secs: u64| {
                let (clock, order) = (clock.clone(), order.clone());
                async move {
                    clock.sleep(Millis::secs(secs)).await;
                    order.lock().unwrap().push((name, clock.now().since(BEGIN)));
                }
            };
            tokio::join!(wait("third", 3600), wait("first", 1), wait("second", 60));
            Arc::into_inner(order).unwrap().into_inner().unwrap()
        });
        let expected = [("first", 1), ("second", 60), ("third", 3600)].map(|(name, s)| (name, Millis::secs(s)));
        assert_eq!(order, expected);
        assert!(began.elapsed().as_secs() < 60, "simulated time must not be waited for");
    }

    #[test]
    fn time_stands_still_while_another_thread_works() {
        let sim = SimClock::new();
        let clock = sim.clock();
        let busy = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let gate = busy.clone();
        sim.gate(move || gate.load(std::sync::atomic::Ordering::SeqCst));
        let (answer, answered) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            // Long enough for the runtime to go idle many times over.
            std::thread::sleep(std::time::Duration::from_millis(50));
            busy.store(false, std::sync::atomic::Ordering::SeqCst);
            answer.send(7).unwrap();
        });
        let answer = sim.runtime().block_on(async { clock.timeout(Millis(1), answered).await });
        assert_eq!(answer.map(Result::unwrap), Some(7), "the timeout must not fire while the answer is being made");
    }

    #[test]
    fn a_sleeper_that_gave_up_holds_nothing_back() {
        let sim = SimClock::new();
        let clock = sim.clock();
        sim.runtime().block_on(async {
            let given_up = clock.timeout(Millis(5), clock.sleep(Millis::secs(100))).await;
            assert!(given_up.is_none());
            assert_eq!((clock.now().since(BEGIN), sim.sleepers()), (Millis(5), 0));
        });
    }
}
