//! Cache of what providers publish, and how many journeys an address may begin: strangers begin journeys, and each of them must
//! not be a request to the provider.

use super::jws::Keys;
use super::party::{Discovery, Trouble};
use crate::http::{Error, Result};
use ostler_model::bounds::identity::{OIDC_ADDRESSES, OIDC_FETCH_EVERY_MS, OIDC_STARTS};
use ostler_model::{Millis, Time};
use ostler_runtime::{Clock, Spawn};
use ostler_store::throttle::address_subject;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, oneshot};

/// What was fetched is good for so long.
const KEPT: Millis = Millis::secs(10 * 60);
/// Starts are counted over this long.
const MINUTE: Millis = Millis::secs(60);

/// What journeys to providers share.
#[derive(Debug, Default)]
pub struct Journeys {
    pub(super) descriptions: Cache<Discovery>,
    pub(super) keys: Cache<Keys>,
    starts: Mutex<HashMap<String, (Time, u64)>>,
}

impl Journeys {
    /// Counts a journey that this address begins.
    pub(crate) fn take(&self, address: Option<&str>, now: Time) -> Result<()> {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        if starts.len() as u64 >= OIDC_ADDRESSES {
            starts.retain(|_, (began, _)| now.since(*began) < MINUTE);
        }
        let subject = address_subject(address);
        if starts.len() as u64 >= OIDC_ADDRESSES && !starts.contains_key(&subject) {
            return Err(Error::TooMany { retry_after: MINUTE });
        }
        let (began, count) = starts.entry(subject).or_insert((now, 0));
        if now.since(*began) >= MINUTE {
            (*began, *count) = (now, 0);
        }
        if *count >= OIDC_STARTS {
            return Err(Error::TooMany { retry_after: (*began + MINUTE).since(now) });
        }
        *count += 1;
        Ok(())
    }
}

/// What was fetched by name. One asks, the others wait for its answer; and nothing is asked for more often than the bound.
#[derive(Debug)]
pub(super) struct Cache<T>(Mutex<HashMap<String, Slot<T>>>);

/// What is kept of one name. Who asks holds it until there is an answer.
type Slot<T> = Arc<Turn<Option<Kept<T>>>>;

#[derive(Debug)]
struct Kept<T> {
    asked_at: Time,
    value: std::result::Result<T, String>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Send + 'static> Cache<T> {
    /// What is kept under the name, when it is young and does for the asker; else what `fetch` brings.
    pub(super) async fn get<F>(
        &self,
        (spawn, clock): (&Spawn, &Clock),
        name: &str,
        does: impl Fn(&T) -> bool,
        fetch: impl FnOnce() -> F,
    ) -> std::result::Result<T, Trouble>
    where
        F: Future<Output = std::result::Result<T, Trouble>> + Send + 'static,
    {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default().clone();
        let mut slot = slot.lock_owned().await;
        if let Some(kept) = &*slot {
            let age = clock.now().since(kept.asked_at);
            let is_good = age < KEPT && kept.value.as_ref().is_ok_and(does);
            if is_good || age < Millis(OIDC_FETCH_EVERY_MS) {
                return kept.value.clone().map_err(Trouble);
            }
        }
        // In a task of its own: an asker who hangs up must not make room for the next fetch.
        let (give, take) = oneshot::channel();
        let (work, asked_at) = (fetch(), clock.now());
        spawn.spawn("oidc.fetch", async move {
            let value = work.await.map_err(|Trouble(why)| why);
            *slot = Some(Kept { asked_at, value: value.clone() });
            let _ = give.send(value);
        });
        let stopped = |_| Trouble("the server stops".to_owned());
        take.await.map_err(stopped)?.map_err(Trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn s18_journeys_are_bounded_per_address_and_in_all() {
        let (journeys, now) = (Journeys::default(), Time::from_millis(1_000_000));
        let begun = (0..OIDC_STARTS * 10).filter(|_| journeys.take(Some("192.0.2.1"), now).is_ok()).count();
        assert_eq!(begun as u64, OIDC_STARTS);
        assert!(journeys.take(Some("192.0.2.2"), now).is_ok(), "another address is not held up");
        assert!(journeys.take(Some("192.0.2.1"), now + MINUTE).is_ok(), "nor this one for ever");
        for n in 0..OIDC_ADDRESSES * 10 {
            let _ = journeys.take(Some(&format!("2001:db8:{:x}:{:x}::1", n >> 16, n & 0xffff)), now);
        }
        assert!(journeys.starts.lock().unwrap().len() as u64 <= OIDC_ADDRESSES);
        assert!(journeys.take(Some("198.51.100.1"), now + MINUTE).is_ok(), "those who are at rest make room");
    }

    #[tokio::test]
    async fn s18_many_askers_are_one_question_and_a_failure_is_not_asked_again_at_once() {
        let (cache, spawn, clock) = (Arc::new(Cache::<u32>::default()), Spawn::new(), Clock::system());
        let asked = Arc::new(AtomicUsize::new(0));
        let tries = (0..50).map(|_| {
            let (cache, spawn, clock, asked) = (cache.clone(), spawn.clone(), clock.clone(), asked.clone());
            async move {
                let fetch = || async move {
                    asked.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Err(Trouble("away".to_owned()))
                };
                cache.get((&spawn, &clock), "issuer", |_| true, fetch).await
            }
        });
        let done = futures_util::future::join_all(tries).await;
        assert!(done.iter().all(Result::is_err));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
