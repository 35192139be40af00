//! Refused attempts: one entry each, also when nobody knows who it was.
//!
//! Nobody may fill the disk with entries, with or without an account. So attempts are written up to a budget per person (or
//! node, or bot), per address for the unknown, and for all together. What goes beyond is counted, and told by the next entry of
//! the same actor, or by one entry of its own when there is none for a while.

use crate::app::App;
use crate::http::{Access, Call, Error, Found};
use ostler_model::authz::{Actor, ActorKind, Kind, Origin};
use ostler_model::bounds::http as bound;
use ostler_model::{Millis, Time, WorkspaceId};
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
    let actor = call.caller.as_ref().map_or(&nobody, |caller| &caller.authority.actor);
    let action = call.endpoint.action();
    let who = Who { actor, address: call.origin.address.as_deref().unwrap_or_default(), workspace };
    let Some(unwritten) = call.app.refusals.take(who, &action, error.code(), now) else { return };
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

/// Who was refused, and in whose trail it belongs.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    pub actor: &'a Actor,
    pub address: &'a str,
    pub workspace: Option<WorkspaceId>,
}

impl Who<'_> {
    /// Whose budget it is: a person's keys share the person's, and who is unknown is their address.
    fn key(&self) -> String {
        match &self.actor.kind {
            ActorKind::Anonymous => format!("address {}", self.address),
            ActorKind::Key { owner, .. } => owner.to_string(),
            kind => kind.id().unwrap_or_else(|| kind.as_str().to_owned()),
        }
    }
    fn is_unknown(&self) -> bool {
        self.actor.kind == ActorKind::Anonymous
    }
}

/// How many entries refusals may cause.
#[derive(Debug)]
pub struct Budget {
    is_limited: bool,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// Strangers must not use up what those who have signed in have.
    unknown: Bucket,
    known: Bucket,
    each: HashMap<String, Bucket>,
    unwritten: HashMap<(String, Option<WorkspaceId>), Unwritten>,
}

/// Refusals that were only counted.
#[derive(Debug, Clone)]
pub struct Unwritten {
    pub actor: Actor,
    pub workspace: Option<WorkspaceId>,
    pub count: u64,
    pub first: Time,
    pub last: Time,
    /// Of the last one.
    pub action: String,
    pub code: &'static str,
}

/// Entries at once, and the time after which there is one more.
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
const EACH: (f64, f64) = (bound::REFUSALS as f64, bound::REFUSAL_EVERY_MS as f64);
const ALL: (f64, f64) = (600.0, 200.0);
/// Actors and addresses remembered; beyond it all are forgotten, and the common bucket still holds.
const REMEMBERED: usize = 20_000;
/// Counters that wait to be told; beyond it, refusals are counted for all strangers together.
const COUNTERS: usize = 1_000;
/// Who was refused and then does nothing for so long, is told of by an entry of its own.
const QUIET: Millis = Millis::secs(30);

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
    /// Takes one entry. Answers how many of the same actor were not written since the last one, or `None` when this is too many.
    pub fn take(&self, who: Who<'_>, action: &str, code: &'static str, now: Time) -> Option<u64> {
        if !self.is_limited {
            return Some(0);
        }
        let key = who.key();
        let mut buckets = self.lock();
        if buckets.each.len() >= REMEMBERED {
            buckets.each.clear();
        }
        let own = buckets.each.get(&key).copied().unwrap_or_default().level(EACH, now);
        let common = if who.is_unknown() { buckets.unknown } else { buckets.known }.level(ALL, now);
        if own + 1.0 > EACH.0 || common + 1.0 > ALL.0 {
            buckets.count(key, who, action, code, now);
            return None;
        }
        buckets.each.insert(key.clone(), Bucket { used: own + 1.0, at: now });
        let common = Bucket { used: common + 1.0, at: now };
        if who.is_unknown() {
            buckets.unknown = common;
        } else {
            buckets.known = common;
        }
        Some(buckets.unwritten.remove(&(key, who.workspace)).map_or(0, |counted| counted.count))
    }
    /// What was only counted and is over for a while: each belongs into one entry.
    pub fn quiet(&self, now: Time) -> Vec<Unwritten> {
        let mut buckets = self.lock();
        let mut told = Vec::new();
        let mut strangers: Option<Unwritten> = None;
        buckets.unwritten.retain(|_, counted| {
            if now.since(counted.last) < QUIET {
                return true;
            }
            match (&mut strangers, counted.actor.kind == ActorKind::Anonymous) {
                (_, false) => told.push(counted.clone()),
                (None, true) => strangers = Some(counted.clone()),
                // However many addresses they have, strangers get one entry.
                (Some(all), true) => {
                    all.count += counted.count;
                    (all.first, all.last) = (all.first.min(counted.first), all.last.max(counted.last));
                }
            }
            false
        });
        told.extend(strangers);
        told
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buckets {
    fn count(&mut self, key: String, who: Who<'_>, action: &str, code: &'static str, now: Time) {
        let mut at = (key, who.workspace);
        let mut actor = who.actor.clone();
        if self.unwritten.len() >= COUNTERS && !self.unwritten.contains_key(&at) {
            at = (String::new(), None);
            actor = Actor { kind: ActorKind::Anonymous, label: "many".to_owned() };
        }
        let workspace = at.1;
        let fresh = || Unwritten { actor, workspace, count: 0, first: now, last: now, action: String::new(), code };
        let counted = self.unwritten.entry(at).or_insert_with(fresh);
        counted.count += 1;
        (counted.last, counted.code) = (now, code);
        action.clone_into(&mut counted.action);
    }
}

/// Writes down what was only counted. Called now and then.
pub(crate) async fn tell_unwritten(app: &App) {
    let now = app.clock.now();
    for counted in app.refusals.quiet(now) {
        let origin = Origin::default();
        let refused = Refused {
            actor: &counted.actor,
            origin: &origin,
            workspace: counted.workspace,
            action: &counted.action,
            target_kind: Kind::Platform,
            target_id: "",
            details: Some(json!({
                "code": counted.code, "and_more": counted.count, "first": counted.first, "last": counted.last,
            })),
        };
        if let Err(error) = app.store.audit_refused(refused, now).await {
            tracing::error!(%error, count = counted.count, "refused attempts could not be written to the audit trail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::Id as _;

    fn nobody() -> Actor {
        Actor { kind: ActorKind::Anonymous, label: "anonymous".to_owned() }
    }

    fn take(budget: &Budget, actor: &Actor, address: &str, now: Time) -> Option<u64> {
        budget.take(Who { actor, address, workspace: None }, "workload.start", "forbidden", now)
    }

    #[test]
    fn a_flood_is_counted_and_told_with_the_next_entry() {
        let (budget, nobody) = (Budget::new(true), nobody());
        let now = Time::from_millis(1_000_000);
        let written = (0..100).filter(|_| take(&budget, &nobody, "192.0.2.1", now).is_some()).count();
        assert_eq!(written, 30);
        assert_eq!(take(&budget, &nobody, "192.0.2.2", now), Some(0), "another address is not held up");
        assert_eq!(take(&budget, &nobody, "192.0.2.1", now + Millis::secs(5)), Some(70));
        assert_eq!(take(&budget, &nobody, "192.0.2.1", now + Millis::secs(5)), None);
    }

    #[test]
    fn s15_who_has_an_account_has_a_budget_too_and_the_rest_is_one_entry() {
        let budget = Budget::new(true);
        let mut now = Time::from_millis(1_000_000);
        let owner = ostler_model::UserId::from_parts(now, 7);
        let viewer = Actor { kind: ActorKind::User(owner), label: "Vera".to_owned() };
        let (mut written, mut counted) = (0, 0);
        // 1,350 in twelve seconds, from addresses and keys of all sorts.
        for number in 0..1350_u32 {
            let key = Actor {
                kind: ActorKind::Key { id: ostler_model::KeyId::from_parts(now, u128::from(number)), owner },
                label: "Key".to_owned(),
            };
            let actor = if number % 2 == 0 { &viewer } else { &key };
            if let Some(before) = take(&budget, actor, &format!("a{number}"), now) {
                (written, counted) = (written + 1, counted + before);
            }
            now = now + Millis(9);
        }
        assert!((30..=33).contains(&written), "{written}");
        assert!(budget.quiet(now).is_empty(), "it may be going on");
        let told = budget.quiet(now + QUIET);
        assert_eq!(told.len(), 1);
        assert_eq!(written + counted + told[0].count, 1350, "each is told once");
        assert!(budget.quiet(now + QUIET).is_empty(), "once");
        let other = Actor { kind: ActorKind::User(ostler_model::UserId::from_parts(now, 8)), label: "O".to_owned() };
        assert_eq!(take(&budget, &other, "a1", now), Some(0), "others are not held up");
    }

    #[test]
    fn many_addresses_together_have_a_limit_too_and_strangers_get_one_entry() {
        let (budget, nobody) = (Budget::new(true), nobody());
        let now = Time::from_millis(1_000_000);
        let written = (0..10_000).filter(|i| take(&budget, &nobody, &format!("a{i}"), now).is_some()).count();
        assert_eq!(written, 600);
        let told = budget.quiet(now + QUIET);
        assert_eq!((told.len(), told[0].count), (1, 9_400));
    }
}
