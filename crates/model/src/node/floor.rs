//! Floors of a node: the free disk and memory below which nothing new starts there.

use crate::bounds::workload::{NODE_FREE_DISK, NODE_FREE_MEMORY};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a node has too little of. What runs goes on; nothing new starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Low {
    /// Free space in the file system of the volumes.
    pub disk: bool,
    /// Memory that programs could still get.
    pub memory: bool,
}

/// What is free on a node now; `None` where that cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Free {
    pub disk_bytes: Option<u64>,
    pub memory_bytes: Option<u64>,
}

impl Low {
    /// True when there is enough of everything.
    pub fn is_none(&self) -> bool {
        !self.disk && !self.memory
    }
    /// After a measurement. Below the floor is low, and stays so until a quarter more than the floor is free: a node at its
    /// floor must not change its mind with every file.
    #[must_use]
    pub fn after(self, free: Free) -> Low {
        let judge = |was: bool, free: Option<u64>, floor: u64| match free {
            Some(free) if was => free < floor + floor / 4,
            Some(free) => free < floor,
            None => false,
        };
        Low {
            disk: judge(self.disk, free.disk_bytes, NODE_FREE_DISK),
            memory: judge(self.memory, free.memory_bytes, NODE_FREE_MEMORY),
        }
    }
    /// A stable word and a sentence; `None` when there is enough.
    pub fn says(self) -> Option<(&'static str, String)> {
        let at_least = |bytes: u64| format!("{} MiB", bytes >> 20);
        if self.disk {
            let floor = at_least(NODE_FREE_DISK);
            Some(("low_disk", format!("its node has less than {floor} of free disk; free some there, and it starts")))
        } else if self.memory {
            let floor = at_least(NODE_FREE_MEMORY);
            Some((
                "low_memory",
                format!("its node has less than {floor} of free memory; free some there, and it starts"),
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_a_node_is_low_below_its_floor_and_stays_so_until_there_is_clearly_more() {
        let disk = |bytes| Free { disk_bytes: Some(bytes), memory_bytes: None };
        let (floor, above) = (NODE_FREE_DISK, NODE_FREE_DISK + NODE_FREE_DISK / 4);
        let (enough, low) = (Low::default(), Low { disk: true, memory: false });
        for (before, free, after) in [
            (enough, disk(floor), enough),
            (enough, disk(floor - 1), low),
            (enough, disk(0), low),
            (low, disk(floor), low),
            (low, disk(above - 1), low),
            (low, disk(above), enough),
            (low, Free::default(), enough),
        ] {
            assert_eq!(before.after(free), after, "{before:?} {free:?}");
        }
        let memory = Free { disk_bytes: Some(u64::MAX), memory_bytes: Some(NODE_FREE_MEMORY - 1) };
        assert_eq!(enough.after(memory).says().map(|(word, _)| word), Some("low_memory"));
        assert_eq!(enough.says(), None);
    }
}
