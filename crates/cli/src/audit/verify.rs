//! Checking a trail entry by entry, on this machine: nothing that the server says of itself is believed, only computed anew.

use anyhow::Result;
use ostler_model::audit::{Broken, Checkpoint, Entry, Walk};
use ostler_wire::audit::{AuditChain, AuditCheckpoint, AuditRecord};
use ring::signature::{ED25519, UnparsedPublicKey};
use std::collections::BTreeMap;

/// What is wrong with a trail.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{0}")]
    Broken(#[from] Broken),
    #[error("line {0} of the export cannot be read")]
    Unreadable(usize),
    #[error("the trail ends at entry {have}, and it has {head}: entries are missing at the end")]
    Short { have: u64, head: u64 },
    #[error("the newest entry {0} has another hash than the server's own record of it")]
    Head(u64),
    #[error("the checkpoint at entry {0} was not signed by a key that you trust")]
    Signature(u64),
    #[error("entry {0} is not the one that its signed checkpoint saw: the chain was written anew")]
    Rewritten(u64),
    #[error("there is a signed checkpoint of entry {0}, which the trail does not have any more: its end was cut off")]
    CutOff(u64),
}

/// A trail under examination.
pub(crate) struct Check {
    chain: AuditChain,
    walk: Walk,
    marks: BTreeMap<u64, Vec<Checkpoint>>,
    entries: u64,
    /// Checkpoints that agreed.
    agreed: usize,
    lines: usize,
}

/// What was found to be in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub entries: u64,
    pub last: u64,
    pub checkpoints: usize,
}

impl Check {
    /// Against what the server says now, checkpoints that were kept elsewhere, and a key that was written down earlier.
    pub(crate) fn new(chain: AuditChain, kept: Vec<AuditCheckpoint>, trusted: Option<&str>) -> Result<Self, Problem> {
        let mut marks: BTreeMap<u64, Vec<Checkpoint>> = BTreeMap::new();
        let own = chain.checkpoints.iter().cloned().chain(kept);
        for mark in own.map(Checkpoint::from).filter(|mark| mark.chain == chain.chain) {
            if !is_signed(&chain, &mark, trusted) {
                return Err(Problem::Signature(mark.seq));
            }
            let here = marks.entry(mark.seq).or_default();
            if !here.contains(&mark) {
                here.push(mark);
            }
        }
        let walk = Walk::after(chain.workspace, chain.anchor.seq, chain.anchor.hash.clone());
        let mut check = Self { chain, walk, marks, entries: 0, agreed: 0, lines: 0 };
        check.compare()?;
        Ok(check)
    }

    /// Takes the next line of an export.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Problem> {
        self.lines += 1;
        if line.trim().is_empty() {
            return Ok(());
        }
        let record: AuditRecord = serde_json::from_str(line).map_err(|_| Problem::Unreadable(self.lines))?;
        self.walk.step(&Entry::from(record))?;
        self.entries += 1;
        self.compare()
    }

    /// The end of the export. Entries that came after the head was read are there already, and welcome.
    pub(crate) fn finish(self) -> Result<Report, Problem> {
        let (last, _) = self.walk.position();
        if last < self.chain.head.seq {
            return Err(Problem::Short { have: last, head: self.chain.head.seq });
        }
        if let Some((seq, _)) = self.marks.range(last + 1..).next() {
            return Err(Problem::CutOff(*seq));
        }
        Ok(Report { entries: self.entries, last, checkpoints: self.agreed })
    }

    fn compare(&mut self) -> Result<(), Problem> {
        let (seq, hash) = self.walk.position();
        if seq == self.chain.head.seq && hash != self.chain.head.hash {
            return Err(Problem::Head(seq));
        }
        for mark in self.marks.get(&seq).map(Vec::as_slice).unwrap_or_default() {
            if mark.hash != hash {
                return Err(Problem::Rewritten(seq));
            }
            self.agreed += 1;
        }
        Ok(())
    }
}

fn is_signed(chain: &AuditChain, mark: &Checkpoint, trusted: Option<&str>) -> bool {
    let known = chain.keys.iter().find(|key| key.id == mark.key_id).map(|key| key.public_key.as_str());
    // With a trusted key only that one counts; the server's own list may be as forged as its chain.
    let public = trusted.or(known).and_then(|text| hex::decode(text).ok());
    let signature = hex::decode(&mark.signature).ok();
    match (public, signature) {
        (Some(public), Some(signature)) => {
            UnparsedPublicKey::new(&ED25519, public).verify(&mark.message(), &signature).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::audit::Outcome;
    use ostler_model::{AuditId, Id as _, Time};
    use ostler_wire::audit::{AuditKey, AuditPlace};
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    fn trail(count: u64) -> Vec<AuditRecord> {
        let mut previous = String::new();
        let one = |seq: u64, previous: &str| {
            let mut entry = Entry {
                id: AuditId::from_parts(Time::from_millis(1000), u128::from(seq)),
                seq,
                at: Time::from_millis(1000),
                workspace: None,
                actor_kind: "user".into(),
                actor_id: Some("us_1".into()),
                actor_label: "ada@example.org".into(),
                action: "key.create".into(),
                target_kind: "key".into(),
                target_id: format!("key_{seq}"),
                outcome: Outcome::Done,
                request_id: None,
                address: None,
                user_agent: None,
                details: Some("{\"b\":1,\"a\":2}".into()),
                hash: String::new(),
                previous: previous.to_owned(),
            };
            entry.hash = entry.digest();
            entry
        };
        (1..=count)
            .map(|seq| {
                let entry = one(seq, &previous);
                previous.clone_from(&entry.hash);
                entry.into()
            })
            .collect()
    }

    fn pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
    }

    fn sign(pair: &Ed25519KeyPair, seq: u64, hash: &str) -> AuditCheckpoint {
        let mut mark = Checkpoint {
            chain: "platform".into(),
            seq,
            hash: hash.into(),
            at: Time::from_millis(2000),
            key_id: "k".into(),
            signature: String::new(),
        };
        mark.signature = hex::encode(pair.sign(&mark.message()));
        mark.into()
    }

    fn chain(trail: &[AuditRecord], marks: Vec<AuditCheckpoint>) -> AuditChain {
        let last = trail.last().unwrap();
        AuditChain {
            chain: "platform".into(),
            workspace: None,
            anchor: AuditPlace { seq: 0, hash: String::new() },
            head: AuditPlace { seq: last.seq, hash: last.hash.clone() },
            checkpoints: marks,
            keys: vec![AuditKey { id: "k".into(), public_key: hex::encode(pair(1).public_key()) }],
        }
    }

    fn run(
        chain: AuditChain,
        kept: Vec<AuditCheckpoint>,
        trusted: Option<&str>,
        trail: &[AuditRecord],
    ) -> Result<Report, Problem> {
        let mut check = Check::new(chain, kept, trusted)?;
        for record in trail {
            check.line(&serde_json::to_string(record).unwrap())?;
        }
        check.finish()
    }

    #[test]
    fn a_whole_trail_is_found_whole() {
        let trail = trail(20);
        let mark = sign(&pair(1), 7, &trail[6].hash);
        let report = run(chain(&trail, vec![mark]), vec![], None, &trail).unwrap();
        assert_eq!(report, Report { entries: 20, last: 20, checkpoints: 1 });
    }

    #[test]
    fn hyperion_20_any_changed_removed_added_or_reordered_entry_is_found() {
        let good = trail(12);
        for at in 0..12 {
            let found = |bad: &[AuditRecord]| run(chain(&good, vec![]), vec![], None, bad).unwrap_err();
            let mut removed = good.clone();
            removed.remove(at);
            found(&removed);
            let mut doubled = good.clone();
            doubled.insert(at, good[at].clone());
            found(&doubled);
            if at > 0 {
                let mut swapped = good.clone();
                swapped.swap(at - 1, at);
                assert_eq!(found(&swapped), Problem::Broken(Broken::Missing { seq: at as u64 }));
            }
            let edits: [fn(&mut AuditRecord); 12] = [
                |r| r.actor_label = "eve".into(),
                |r| r.actor_id = None,
                |r| r.actor_kind = "node".into(),
                |r| r.action = "key.delete".into(),
                |r| r.target_id = "key_x".into(),
                |r| r.target_kind = "user".into(),
                |r| r.outcome = Outcome::Refused,
                |r| r.details = Some("{\"a\":2,\"b\":1}".into()),
                |r| r.address = Some("192.0.2.9".into()),
                |r| r.user_agent = Some("x".into()),
                |r| r.request_id = Some("req_1".into()),
                |r| r.at = Time::from_millis(1001),
            ];
            for edit in edits {
                let mut changed = good.clone();
                edit(&mut changed[at]);
                assert_eq!(found(&changed), Problem::Broken(Broken::Changed { seq: at as u64 + 1 }));
                // A forger who also computes the hash anew is caught one entry later, or by the head.
                changed[at].hash = Entry::from(changed[at].clone()).digest();
                found(&changed);
            }
        }
    }

    #[test]
    fn a_chain_that_was_written_anew_as_a_whole_is_found_by_a_checkpoint_that_was_kept() {
        let (old, mut new) = (trail(10), trail(10));
        let mut previous = String::new();
        for record in &mut new {
            record.actor_label = "eve".into();
            record.previous = previous;
            record.hash = Entry::from(record.clone()).digest();
            previous = record.hash.clone();
        }
        assert!(run(chain(&new, vec![]), vec![], None, &new).is_ok(), "without a checkpoint nobody can tell");
        let kept = sign(&pair(1), 5, &old[4].hash);
        assert_eq!(run(chain(&new, vec![]), vec![kept.clone()], None, &new), Err(Problem::Rewritten(5)));
        let cut = &old[..3];
        assert_eq!(run(chain(cut, vec![]), vec![kept], None, cut), Err(Problem::CutOff(5)));
    }

    #[test]
    fn a_checkpoint_of_another_key_counts_for_nothing() {
        let trail = trail(4);
        let forged = sign(&pair(2), 2, &trail[1].hash);
        assert_eq!(run(chain(&trail, vec![forged.clone()]), vec![], None, &trail), Err(Problem::Signature(2)));
        // The forger also put his key into the server's list; who wrote the right one down is not fooled.
        let mut chain = chain(&trail, vec![forged]);
        chain.keys[0].public_key = hex::encode(pair(2).public_key());
        assert!(run(chain.clone(), vec![], None, &trail).is_ok());
        let trusted = hex::encode(pair(1).public_key());
        assert_eq!(run(chain, vec![], Some(&trusted), &trail), Err(Problem::Signature(2)));
    }

    #[test]
    fn a_trail_with_an_anchor_begins_there() {
        let all = trail(10);
        let mut from = chain(&all, vec![sign(&pair(1), 4, &all[3].hash)]);
        from.anchor = AuditPlace { seq: 4, hash: all[3].hash.clone() };
        let report = run(from.clone(), vec![], None, &all[4..]).unwrap();
        assert_eq!(report, Report { entries: 6, last: 10, checkpoints: 1 });
        from.anchor.hash = all[2].hash.clone();
        assert_eq!(run(from, vec![], None, &all[4..]), Err(Problem::Rewritten(4)));
    }
}
