//! Refused attempts: one entry each, also when nobody knows who it was.
//!
//! Somebody without an account must not be able to fill the disk with entries. So attempts of the unknown are written up to a
//! budget per address and one for all, and an entry says how many before it were only counted.

use crate::http::{Access, Call, Error, Found};
use ostler_model::Time;
use ostler_model::authz::{Actor, ActorKind, Kind};
use ostler_store::audit::Refused;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Writes down that somebody tried to change something and may not. One entry per request.
pub async fn note_refusal(call: &Call, error: &Error) {
    let is_refused = error.is_refusal() || matches!(error, Error::SignIn | Error::Credentials);
    let Some((subject, workspace)) = call.about.told().filter(|_| is_refused && call.endpoint.is_mutation()) else {
        return;
    };
    let now = call.app.clock.now();
    let nobody = Actor { kind: ActorKind::Anonymous, label: "anonymous".to_owned() };
    let (actor, unwritten) = match &call.caller {
        Some(caller) => (&caller.authority.actor, 0),
        None => match call.app.refusals.take(call.origin.address.as_deref().unwrap_or_default(), now) {
            Some(unwritten) => (&nobody, unwritten),
            None => return,
        },
    };
    let action = call.endpoint.action();
    let refused = Refused {
        actor,
        origin: &call.origin,
        // Without a word from the proof it is the platform's chain: somebody who may not know a workspace must not be able to
        // fill its trail.
        workspace,
        action: &action,
        target_kind: target_kind(call),
        target_id: &target(call, subject),
        details: Some(match unwritten {
            0 => json!({ "code": error.code() }),
            more => json!({ "code": error.code(), "unwritten_before": more }),
        }),
    };
    if let Err(error) = call.app.store.audit_refused(refused, now).await {
        tracing::error!(request.id = %call.request_id, %error, "a refused attempt could not be written to the audit trail");
    }
}

fn target_kind(call: &Call) -> Kind {
    match call.endpoint.access {
        Access::Allowed { capability, .. } => capability.kind,
        Access::Public if call.endpoint.noun == "session" => Kind::Session,
        Access::Bot => Kind::Match,
        Access::Public | Access::SignedIn | Access::NodeLink => Kind::Platform,
    }
}

fn target(call: &Call, subject: Option<&str>) -> String {
    if let Some(subject) = subject {
        return subject.to_owned();
    }
    let text = match call.endpoint.access {
        // What stands in the path of a public endpoint may be a secret: the token of an invite, guessed or real.
        Access::Public => "",
        Access::Allowed { found: Found::Param(name), .. } => call.param(name).unwrap_or_default(),
        _ => call.params.last().map_or("", |(_, value)| value.as_str()),
    };
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// How many entries the unknown may cause.
#[derive(Debug)]
pub struct Budget {
    is_limited: bool,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    all: Bucket,
    by_address: HashMap<String, Bucket>,
    unwritten: u64,
}

/// Entries at once, and the time after which there is one more.
const ADDRESS: (f64, f64) = (30.0, 5_000.0);
const ALL: (f64, f64) = (600.0, 200.0);
/// Addresses remembered; beyond it the whole map is forgotten, and the common bucket still holds.
const ADDRESSES: usize = 20_000;

#[derive(Debug, Default, Clone, Copy)]
struct Bucket {
    used: f64,
    at: Time,
}

impl Bucket {
    fn level(self, (_, every_ms): (f64, f64), now: Time) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "spans of a few days are far below the limit")]
        let passed = now.since(self.at).0 as f64;
        (self.used - passed / every_ms).max(0.0)
    }
}

impl Budget {
    /// Unlimited where all other limits are off, too.
    pub fn new(is_limited: bool) -> Self {
        Self { is_limited, buckets: Mutex::default() }
    }
    /// Takes one entry for this address. Answers how many were not written since the last one, or `None` when this is too many.
    pub fn take(&self, address: &str, now: Time) -> Option<u64> {
        if !self.is_limited {
            return Some(0);
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.by_address.len() >= ADDRESSES {
            buckets.by_address.clear();
        }
        let own = buckets.by_address.get(address).copied().unwrap_or_default().level(ADDRESS, now);
        let all = buckets.all.level(ALL, now);
        if own + 1.0 > ADDRESS.0 || all + 1.0 > ALL.0 {
            buckets.unwritten += 1;
            return None;
        }
        buckets.by_address.insert(address.to_owned(), Bucket { used: own + 1.0, at: now });
        buckets.all = Bucket { used: all + 1.0, at: now };
        Some(std::mem::take(&mut buckets.unwritten))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::Millis;

    #[test]
    fn a_flood_is_counted_and_told_with_the_next_entry() {
        let budget = Budget::new(true);
        let now = Time::from_millis(1_000_000);
        let written = (0..100).filter(|_| budget.take("192.0.2.1", now).is_some()).count();
        assert_eq!(written, 30);
        assert_eq!(budget.take("192.0.2.2", now), Some(70), "another address is not held up, and tells");
        assert_eq!(budget.take("192.0.2.1", now + Millis::secs(5)), Some(0));
        assert_eq!(budget.take("192.0.2.1", now + Millis::secs(5)), None);
    }

    #[test]
    fn many_addresses_together_have_a_limit_too() {
        let budget = Budget::new(true);
        let now = Time::from_millis(1_000_000);
        let written = (0..10_000).filter(|i| budget.take(&format!("a{i}"), now).is_some()).count();
        assert_eq!(written, 600);
    }
}
