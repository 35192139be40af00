//! Attempts to sign in, counted per account and per address, so that guessing becomes slow however many guess at once.

use crate::db::error::Result;
use crate::db::store::{Store, change};
use crate::db::value::args;
use ostler_model::{Millis, Time};

/// How much is tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Attempts without any wait.
    pub free: u32,
    /// The wait after the first attempt too many; it doubles with each further one.
    pub wait_first: Millis,
    pub wait_most: Millis,
    /// After this long without an attempt everything is forgotten.
    pub forget_after: Millis,
}

/// May the attempt be made?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Yes, and it has been counted already; [`Store::throttle_succeeded`] takes that back after a success.
    Allowed,
    /// No. It was not counted.
    Blocked { until: Time },
}

/// What attempts from an address are counted under. Of IPv6, the network of 64 bits: whoever has one address of it has all.
pub fn address_subject(address: Option<&str>) -> String {
    let text = address.unwrap_or_default();
    match text.parse::<std::net::Ipv6Addr>().map(|ip| (ip.to_ipv4_mapped(), ip.segments())) {
        Ok((Some(v4), _)) => format!("address:{v4}"),
        Ok((None, [a, b, c, d, ..])) => format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64"),
        Err(_) => format!("address:{text}"),
    }
}

/// The subject under which a name is counted: addresses by [`address_subject`], everything else by itself.
fn counted(name: &str) -> String {
    match name.strip_prefix("address:") {
        Some(address) => address_subject(Some(address)),
        None => name.to_owned(),
    }
}

impl Store {
    /// Counts an attempt before it is made. Counting first is what makes many attempts at the same time count as many.
    ///
    /// Each subject is a text such as `account:ada@example.org` or `address:192.0.2.1` with its own policy.
    pub async fn throttle_attempt(&self, subjects: &[(&str, Policy)], at: Time) -> Result<Attempt> {
        // One order for everybody, so two attempts never wait for each other in a circle.
        let mut subjects: Vec<_> = subjects.iter().map(|(name, policy)| (counted(name), *policy)).collect();
        subjects.sort_by(|(a, _), (b, _)| a.cmp(b));
        change!(self, "throttle_attempt", at, |tx| {
            let mut counts = Vec::with_capacity(subjects.len());
            let mut blocked: Option<Time> = None;
            for (name, policy) in &subjects {
                let row = tx
                    .one(
                        "INSERT INTO throttle (subject, failures, first_at, last_at, blocked_until) VALUES ($1, 0, $2, $2, 0)
                         ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject
                         RETURNING failures, last_at, blocked_until",
                        args![name, at],
                    )
                    .await?;
                let until: Time = row.get("blocked_until")?;
                if until > at {
                    blocked = blocked.max(Some(until));
                }
                let last: Time = row.get("last_at")?;
                let failures: u32 = if last + policy.forget_after <= at { 0 } else { row.get("failures")? };
                counts.push(failures);
            }
            if let Some(until) = blocked {
                return Ok(Attempt::Blocked { until });
            }
            for ((name, policy), failures) in subjects.iter().zip(counts) {
                let failures = failures.saturating_add(1);
                let wait = wait(policy, failures);
                let until = if wait.0 == 0 { Time::ZERO } else { at + wait };
                tx.exec(
                    "UPDATE throttle SET failures = $2, last_at = $3, blocked_until = $4 WHERE subject = $1",
                    args![name, failures, at, until],
                )
                .await?;
            }
            Ok(Attempt::Allowed)
        })
    }
    /// Forgets what was counted, after a success.
    pub async fn throttle_clear(&self, subjects: &[&str], at: Time) -> Result<()> {
        let mut subjects: Vec<_> = subjects.iter().map(|name| counted(name)).collect();
        subjects.sort_unstable();
        change!(self, "throttle_clear", at, |tx| {
            for name in &subjects {
                tx.exec("DELETE FROM throttle WHERE subject = $1", args![name]).await?;
            }
            Ok(())
        })
    }
    /// After a success: forgets what was counted for `own`, and takes back the one attempt that was counted for each of
    /// `shared`. Not more: who may sign in to one account must not thereby get free guesses at all others, and the
    /// fortieth pupil of a school that comes from one address has done nothing wrong.
    pub async fn throttle_succeeded(&self, own: &str, shared: &[(&str, Policy)], at: Time) -> Result<()> {
        let mut subjects: Vec<_> = shared.iter().map(|(name, policy)| (counted(name), Some(*policy))).collect();
        subjects.push((counted(own), None));
        subjects.sort_by(|(a, _), (b, _)| a.cmp(b));
        change!(self, "throttle_succeeded", at, |tx| {
            for (name, policy) in &subjects {
                let Some(policy) = policy else {
                    tx.exec("DELETE FROM throttle WHERE subject = $1", args![name]).await?;
                    continue;
                };
                let sql = "UPDATE throttle SET failures = failures - 1 WHERE subject = $1 AND failures > 0
                           RETURNING failures, last_at, blocked_until";
                let Some(row) = tx.opt(sql, args![name]).await? else { continue };
                let (last, until): (Time, Time) = (row.get("last_at")?, row.get("blocked_until")?);
                let wait = wait(policy, row.get("failures")?);
                let until = if wait.0 == 0 { Time::ZERO } else { until.min(last + wait) };
                tx.exec("UPDATE throttle SET blocked_until = $2 WHERE subject = $1", args![name, until]).await?;
            }
            Ok(())
        })
    }
    /// Removes up to `limit` subjects without an attempt since a time, and says how many.
    pub async fn throttle_expire(&self, before: Time, limit: u32, at: Time) -> Result<u64> {
        change!(self, "throttle_expire", at, |tx| {
            tx.exec(
                "DELETE FROM throttle WHERE subject IN
                     (SELECT subject FROM throttle WHERE last_at < $1 AND blocked_until < $2 ORDER BY last_at LIMIT $3)",
                args![before, at, limit],
            )
            .await
        })
    }
}

/// The wait that follows this many attempts in a row.
fn wait(policy: &Policy, attempts: u32) -> Millis {
    let Some(over) = attempts.checked_sub(policy.free) else { return Millis(0) };
    // The wait begins with the last free attempt: the next one is the first too many.
    Millis(policy.wait_first.0.saturating_mul(1 << over.min(30)).min(policy.wait_most.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_a_network_of_addresses_is_counted_once() {
        let of = |text: &str| address_subject(Some(text));
        assert_eq!(of("192.0.2.1"), "address:192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "address:192.0.2.1");
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(address_subject(None), "address:");
        assert_eq!(counted(&of("2001:db8:1:2::1")), of("2001:db8:1:2::1"), "counting twice changes nothing");
        assert_eq!(counted("account:2001:db8::1"), "account:2001:db8::1");
    }
}
