//! Attempts to sign in, counted per account and per address, so that guessing becomes slow however many guess at once.

use crate::db::error::{Result, Rule, StoreError};
use crate::db::store::{Store, change, read};
use crate::db::tx::Tx;
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
    /// Yes, and it has been counted already; [`Attempts`] take that back after a success.
    Allowed,
    /// No. It was not counted.
    Blocked { until: Time },
}

/// Attempts that were counted, and turned out well.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attempts<'a> {
    /// Everything that was counted for these is forgotten.
    pub forgotten: &'a [&'a str],
    /// The one attempt is taken back. Not more: who may sign in to one account must not thereby get free guesses at all
    /// others, and the fortieth pupil of a school that comes from one address has done nothing wrong.
    pub taken_back: &'a [(&'a str, Policy)],
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
        let counted = change!(self, "throttle_attempt", at, |tx| {
            for (name, policy) in &subjects {
                let is_free = "UPDATE throttle SET failures = failures + 1, last_at = $2
                               WHERE subject = $1 AND blocked_until = 0 AND last_at > $3 AND failures + 1 < $4";
                let long_ago = at - policy.forget_after;
                if tx.exec(is_free, args![name, at, long_ago, policy.free]).await? > 0 {
                    continue;
                }
                // Nothing is counted while somebody has to wait, so that waiting is no matter of luck.
                let row = tx
                    .opt(
                        "INSERT INTO throttle (subject, failures, first_at, last_at, blocked_until) VALUES ($1, 1, $2, $2, 0)
                         ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at,
                             failures = CASE WHEN throttle.last_at <= $3 THEN 1 ELSE throttle.failures + 1 END
                         WHERE throttle.blocked_until <= excluded.last_at RETURNING failures",
                        args![name, at, long_ago],
                    )
                    .await?;
                let wait = wait(policy, row.ok_or(Rule::Throttled)?.get("failures")?);
                if wait.0 > 0 {
                    let sql = "UPDATE throttle SET blocked_until = $2 WHERE subject = $1";
                    tx.exec(sql, args![name, at + wait]).await?;
                }
            }
            Ok(())
        });
        match counted {
            Ok(()) => Ok(Attempt::Allowed),
            Err(StoreError::Refused(Rule::Throttled)) => {
                Ok(Attempt::Blocked { until: self.blocked(&subjects, at).await? })
            }
            Err(other) => Err(other),
        }
    }
    /// How long the one of them has to wait that has to wait longest.
    async fn blocked(&self, subjects: &[(String, Policy)], at: Time) -> Result<Time> {
        read!(self, "throttle_blocked", |db| {
            let mut until = at;
            for (name, _) in subjects {
                let row = db.opt("SELECT blocked_until FROM throttle WHERE subject = $1", args![name]).await?;
                until = until.max(row.map_or(Ok(at), |row| row.get("blocked_until"))?);
            }
            Ok(until)
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

/// Makes attempts good again.
pub(crate) async fn succeeded(tx: &mut Tx, attempts: Attempts<'_>) -> Result<()> {
    // In the order of all others who change several.
    let forgotten = attempts.forgotten.iter().map(|name| (counted(name), None));
    let taken_back = attempts.taken_back.iter().map(|(name, policy)| (counted(name), Some(policy)));
    let mut subjects: Vec<_> = forgotten.chain(taken_back).collect();
    subjects.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, policy) in &subjects {
        let Some(policy) = policy else {
            // The row stays, because the next sign-in wants it again; it goes when it has not been used for long.
            let sql = "UPDATE throttle SET failures = 0, blocked_until = 0 WHERE subject = $1";
            tx.exec(sql, args![name]).await?;
            continue;
        };
        let waits_for_nothing = "UPDATE throttle SET failures = failures - 1
                                 WHERE subject = $1 AND failures > 0 AND blocked_until = 0";
        if tx.exec(waits_for_nothing, args![name]).await? > 0 {
            continue;
        }
        let sql = "UPDATE throttle SET failures = failures - 1 WHERE subject = $1 AND failures > 0
                   RETURNING failures, last_at, blocked_until";
        let Some(row) = tx.opt(sql, args![name]).await? else { continue };
        let (last, until): (Time, Time) = (row.get("last_at")?, row.get("blocked_until")?);
        let wait = wait(policy, row.get("failures")?);
        let earlier = if wait.0 == 0 { Time::ZERO } else { until.min(last + wait) };
        if earlier < until {
            tx.exec("UPDATE throttle SET blocked_until = $2 WHERE subject = $1", args![name, earlier]).await?;
        }
    }
    Ok(())
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
