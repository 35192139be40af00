//! What happens in a simulation: operations, and how they are made from a seed.

use crate::clock::SimIds;
use crate::faults::{Database, Weather};
use ostler_model::Millis;
use ostler_runtime::{Clock, Ids};
use serde::{Deserialize, Serialize};

/// One thing that happens. Numbers name the n-th node and the n-th workload that was asked for; what names nothing does
/// nothing, so that any operation can be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Somebody asks for a workload, on a node or wherever there is room.
    Create {
        node: Option<usize>,
        start: bool,
    },
    Start {
        workload: usize,
    },
    Stop {
        workload: usize,
    },
    Restart {
        workload: usize,
    },
    Kill {
        workload: usize,
    },
    /// Its arguments change.
    Change {
        workload: usize,
        restart: bool,
    },
    Delete {
        workload: usize,
        force: bool,
    },
    /// The agent's process is killed; what it runs goes on.
    CrashAgent {
        node: usize,
    },
    /// The agent is started, if it is not there.
    StartAgent {
        node: usize,
    },
    /// The machine loses power: agent and runs are gone, the disk stays. The agent starts again.
    CrashMachine {
        node: usize,
    },
    /// The server is killed and started anew on the same database.
    RestartServer {
        away: Millis,
    },
    /// The network between a node and the server changes.
    Weather {
        node: usize,
        weather: Weather,
    },
    /// A node's connections break.
    Cut {
        node: usize,
    },
    /// They break after so many more bytes.
    CutAfter {
        node: usize,
        bytes: usize,
    },
    /// A run ends although nobody asked.
    CrashRun {
        workload: usize,
    },
    /// How workloads behave on a node.
    Temper {
        node: usize,
        temper: Temper,
    },
    /// A node's disk is full, or no longer.
    Disk {
        node: usize,
        is_full: bool,
    },
    /// The database gets into a mood.
    Database {
        database: Database,
    },
    /// Time passes.
    Wait {
        span: Millis,
    },
}

/// How workloads behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temper {
    Good,
    /// Everything takes long.
    Slow,
    /// Resources cannot be put in place.
    Unpreparable,
    /// Nothing starts.
    Unstartable,
    /// Nothing ever becomes ready.
    NeverReady,
    /// Requests to stop are ignored.
    Deaf,
    /// Runs end by themselves.
    Crashing,
    /// Nothing can be removed.
    Sticky,
}

/// A simulation that can be carried out again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub seed: u64,
    pub nodes: usize,
    /// How far the nodes' clocks are ahead of the server's, in milliseconds; those not named are right.
    #[serde(default)]
    pub ahead_ms: Vec<i64>,
    /// Between two operations.
    pub pause: Millis,
    pub ops: Vec<Op>,
}

impl Plan {
    /// The plan of this seed.
    pub fn generate(seed: u64) -> Plan {
        let mut dice = Dice(SimIds::ids(seed, &Clock::system()));
        let nodes = 2 + dice.below(4);
        let count = 30 + dice.below(90);
        let pause = [Millis(0), Millis(3), Millis(50), Millis(700)][dice.below(4)];
        let ahead_ms = (0..nodes).map(|_| [0, 0, 1_500, -1_500, 60_000, -60_000][dice.below(6)]).collect();
        let mut asked = 0;
        let mut ops = Vec::with_capacity(count);
        for _ in 0..count {
            let op = dice.op(nodes, asked);
            asked += usize::from(matches!(op, Op::Create { .. }));
            ops.push(op);
        }
        Plan { seed, nodes, ahead_ms, pause, ops }
    }
}

struct Dice(Ids);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        let random = u64::from_le_bytes(self.0.bytes());
        usize::try_from(random % u64::try_from(most.max(1)).unwrap_or(1)).unwrap_or(0)
    }
    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
    fn op(&mut self, nodes: usize, asked: usize) -> Op {
        let (node, workload) = (self.below(nodes), self.below(asked));
        match self.below(if asked == 0 { 20 } else { 100 }) {
            0..20 => Op::Create { node: self.coin().then_some(node), start: self.below(4) > 0 },
            20..26 => Op::Start { workload },
            26..33 => Op::Stop { workload },
            33..38 => Op::Restart { workload },
            38..42 => Op::Kill { workload },
            42..46 => Op::Change { workload, restart: self.coin() },
            46..54 => Op::Delete { workload, force: self.coin() },
            54..60 => Op::CrashAgent { node },
            60..65 => Op::StartAgent { node },
            65..68 => Op::CrashMachine { node },
            68..72 => Op::RestartServer { away: Millis(self.below(30_000) as u64) },
            72..79 => Op::Weather { node, weather: self.weather() },
            79..82 => Op::Cut { node },
            82..85 => Op::CutAfter { node, bytes: self.below(5000) },
            85..88 => Op::CrashRun { workload },
            88..93 => Op::Temper { node, temper: self.temper() },
            93..95 => Op::Disk { node, is_full: self.coin() },
            95..97 => Op::Database { database: self.database() },
            _ => Op::Wait { span: Millis([10, 1_000, 30_000, 400_000][self.below(4)]) },
        }
    }
    fn weather(&mut self) -> Weather {
        match self.below(6) {
            0 => Weather::fine(),
            1 => Weather::slow(Millis(20)),
            2 => Weather::slow(Millis(900)),
            3 => Weather { is_held: true, ..Weather::default() },
            4 => Weather::partitioned(),
            _ => Weather { cut_after: Some(200 + self.below(20_000)), ..Weather::default() },
        }
    }
    fn database(&mut self) -> Database {
        use Database::{Busy, Cut, Fine, Full, Mute, Slow};
        [Fine, Busy, Cut, Mute, Full, Slow][self.below(6)]
    }
    fn temper(&mut self) -> Temper {
        use Temper::{Crashing, Deaf, Good, NeverReady, Slow, Sticky, Unpreparable, Unstartable};
        [Good, Slow, Unpreparable, Unstartable, NeverReady, Deaf, Crashing, Sticky][self.below(8)]
    }
}
