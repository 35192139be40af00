//! Whether the players' games still agree: hashes by majority, the winner by vote.

use super::journal::Due;
use super::limits::{HASH_PATIENCE_TURNS, HASH_WINDOW_TURNS};
use super::{Match, Output};
use ostler_model::Time;
use ostler_model::matches::{ClientId, Phase};
use ostler_wire::matches::ServerFrame;
use serde_json::Value;
use std::collections::BTreeMap;

impl Match {
    /// Takes one player's hash of one turn. The first one counts.
    pub(super) fn hash(&mut self, seat: usize, hash: i64, turn: u64, out: &mut Vec<Output>) {
        let closed = self.turns.len() as u64;
        if self.phase != Phase::Active || turn >= closed || turn + HASH_WINDOW_TURNS < closed {
            return;
        }
        let id = self.seats[seat].client_id;
        self.hashes.entry(turn).or_default().entry(id).or_insert(hash);
        self.compare_hashes(out);
    }

    /// Judges every turn that all connected players have reported, or that has waited long enough.
    pub(super) fn compare_hashes(&mut self, out: &mut Vec<Output>) {
        let closed = self.turns.len() as u64;
        let present: Vec<ClientId> = self.conns.values().map(|seat| self.seats[*seat].client_id).collect();
        let ready: Vec<u64> = self
            .hashes
            .iter()
            .filter(|(turn, by)| **turn + HASH_PATIENCE_TURNS < closed || present.iter().all(|id| by.contains_key(id)))
            .map(|(turn, _)| *turn)
            .collect();
        for turn in ready {
            if let Some(by) = self.hashes.remove(&turn) {
                self.judge(turn, &by, out);
            }
        }
    }

    fn judge(&mut self, turn: u64, by: &BTreeMap<ClientId, i64>, out: &mut Vec<Output>) {
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        for hash in by.values() {
            *counts.entry(*hash).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or(0);
        let mut leaders = counts.iter().filter(|(_, count)| **count == most);
        let leader = leaders.next().map(|(hash, _)| *hash);
        // Two equal camps: nobody can say who is right, so everybody is told that nobody knows.
        let correct = if leaders.next().is_some() { None } else { leader };
        if counts.len() < 2 {
            return;
        }
        let total = self.conns.len();
        for seat in &mut self.seats {
            let Some(yours) = by.get(&seat.client_id) else { continue };
            if Some(*yours) == correct || seat.is_desynced {
                continue;
            }
            seat.is_desynced = true;
            self.journal_due = self.journal_due.max(Due::WithTick);
            if let Some(conn) = seat.conn {
                let frame = ServerFrame::Desync {
                    turn,
                    correct_hash: correct,
                    clients_with_correct_hash: if correct.is_some() { most } else { 0 },
                    total_active_clients: total,
                    your_hash: Some(*yours),
                };
                Self::send(conn, &frame, out);
            }
        }
    }

    /// Takes one player's vote. More than half of the connected players decide.
    pub(super) fn vote(&mut self, seat: usize, winner: Value, stats: Value, now: Time, out: &mut Vec<Output>) {
        if self.phase != Phase::Active {
            return;
        }
        self.seats[seat].vote.get_or_insert((winner, stats));
        let Some((choice, stats)) = self.seats[seat].vote.clone() else { return };
        let present = self.conns.values().map(|at| &self.seats[*at]);
        let agreeing = present.filter(|s| s.vote.as_ref().is_some_and(|(theirs, _)| *theirs == choice)).count();
        if agreeing * 2 > self.conns.len() {
            self.winner = Some((choice, stats));
            self.finish("finished", now, out);
        }
    }
}
