//! Which machine is the node: a number that the control plane hands to each agent process, and that only the newest one has.
//!
//! An agent's state can be copied: a cloned disk image, a restored backup. Keys do not tell the copies apart, so each agent
//! process is handed a new lease when it first connects, and shows it the next time. A copy shows an older one.
//! Numbers grow, so a control plane that was restored from a backup recognises leases that it has handed out since.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What the control plane hands out and the agent shows the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub number: u32,
    pub nonce: [u8; 16],
}

/// A random name of one agent process.
pub type Boot = [u8; 16];

/// What the control plane remembers of a node's leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub now: Lease,
    /// The one before, until the present one has been stored by its agent: it may have crashed in between.
    pub before: Option<Lease>,
    pub is_stored: bool,
    /// The process that the present one was handed to.
    pub boot: Boot,
}

/// What becomes of a request for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The process that has the lease; it keeps it.
    Same,
    /// A new process of the node: it gets a lease with this number.
    Next(u32),
    /// Another machine has been the node since.
    Copied,
}

/// Decides on a process that shows this lease. `kept` is `None` when the node has never had one, or it was taken back.
pub fn decide(kept: Option<&Kept>, shown: Option<Lease>, boot: &Boot) -> Decision {
    let next = |number: u32| number.checked_add(1).map_or(Decision::Copied, Decision::Next);
    let Some(kept) = kept else { return next(shown.map_or(0, |lease| lease.number)) };
    if kept.boot == *boot {
        return Decision::Same;
    }
    match shown {
        Some(shown) if shown == kept.now => next(kept.now.number),
        // Handed out after the backup from which this control plane was restored.
        Some(shown) if shown.number > kept.now.number => next(shown.number),
        shown if !kept.is_stored && shown == kept.before => next(kept.now.number),
        _ => Decision::Copied,
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:032x}", self.number, u128::from_be_bytes(self.nonce))
    }
}

/// It is not a number, a dash and 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseError;

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a lease is a number, a dash and 32 hexadecimal digits")
    }
}
impl std::error::Error for LeaseError {}

impl FromStr for Lease {
    type Err = LeaseError;
    fn from_str(text: &str) -> Result<Self, LeaseError> {
        let (number, nonce) = text.split_once('-').ok_or(LeaseError)?;
        if nonce.len() != 32 || !nonce.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(LeaseError);
        }
        let nonce = u128::from_str_radix(nonce, 16).map_err(|_| LeaseError)?.to_be_bytes();
        let number = Some(number).filter(|n| n.bytes().all(|b| b.is_ascii_digit())).ok_or(LeaseError)?;
        Ok(Lease { number: number.parse().map_err(|_| LeaseError)?, nonce })
    }
}

/// Another machine that showed this node's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    pub at: crate::Time,
    /// The address that it came from, when it is known.
    pub from: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(number: u32) -> Lease {
        Lease { number, nonce: [u8::try_from(number).unwrap_or(u8::MAX); 16] }
    }

    #[test]
    fn f5_only_the_newest_holder_of_a_lease_is_the_node() {
        let kept = Kept { now: lease(7), before: Some(lease(6)), is_stored: true, boot: [1; 16] };
        let fresh = Kept { is_stored: false, ..kept };
        let first = Kept { now: lease(1), before: None, is_stored: false, boot: [1; 16] };
        let (own, other) = ([1; 16], [2; 16]);
        let forged = Lease { nonce: [9; 16], ..lease(7) };
        for (why, kept, shown, boot, expected) in [
            ("a node that joins", None, None, own, Decision::Next(1)),
            ("a lease that was taken back", None, Some(lease(7)), other, Decision::Next(8)),
            ("its other links, and after a cut", Some(kept), Some(lease(7)), own, Decision::Same),
            ("the answer was lost on the way", Some(fresh), Some(lease(6)), own, Decision::Same),
            ("a restart", Some(kept), Some(lease(7)), other, Decision::Next(8)),
            ("a crash before it was stored", Some(fresh), Some(lease(6)), other, Decision::Next(8)),
            ("a crash before the first was stored", Some(first), None, other, Decision::Next(2)),
            ("a control plane restored from a backup", Some(kept), Some(lease(12)), other, Decision::Next(13)),
            ("a copy of the state from before", Some(kept), Some(lease(6)), other, Decision::Copied),
            ("a copy from long ago", Some(fresh), Some(lease(3)), other, Decision::Copied),
            ("a copy from before the first link", Some(kept), None, other, Decision::Copied),
            ("the same number with another nonce", Some(kept), Some(forged), other, Decision::Copied),
            ("a number at its end", Some(kept), Some(lease(u32::MAX)), other, Decision::Copied),
        ] {
            assert_eq!(decide(kept.as_ref(), shown, &boot), expected, "{why}");
        }
    }

    #[test]
    fn a_lease_reads_back_as_itself_and_nothing_else_is_one() {
        assert_eq!(lease(7).to_string().parse(), Ok(lease(7)));
        for wrong in
            ["", "7", "7-", "-7-00", "+7-00000000000000000000000000000000", "7-0000000000000000000000000000000G"]
        {
            assert_eq!(wrong.parse::<Lease>(), Err(LeaseError), "{wrong}");
        }
    }
}
