//! Ceilings of one workload's limits. Zero, no limit, and more than the ceiling are for platform admins only.

use super::blueprint::Limits;
use super::kind::LowerError;
use crate::bounds::workload::{WORKLOAD_CPU_MILLIS, WORKLOAD_DISK, WORKLOAD_MEMORY, WORKLOAD_PIDS};

/// What is wrong with these limits, field by field. A limit that stays as it is in `before` is left alone: an admin may have
/// set it.
pub fn check_limits(limits: &Limits, before: Option<&Limits>) -> Vec<LowerError> {
    let parts =
        |limits: &Limits| [limits.memory_bytes, limits.cpu_millis.into(), limits.pids.into(), limits.disk_bytes];
    let names = [
        ("memory_bytes", WORKLOAD_MEMORY),
        ("cpu_millis", WORKLOAD_CPU_MILLIS),
        ("pids", WORKLOAD_PIDS),
        ("disk_bytes", WORKLOAD_DISK),
    ];
    let olds = before.map(parts);
    let mut wrong = vec![];
    for (i, (value, (name, most))) in parts(limits).into_iter().zip(names).enumerate() {
        let is_same = olds.is_some_and(|olds| olds[i] == value);
        if !is_same && !(1..=most).contains(&value) {
            let message = format!("use 1 to {most}; no limit (0) and more than that are for platform admins");
            wrong.push(LowerError { field: format!("limits.{name}"), message });
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_a_limit_of_zero_and_a_limit_beyond_the_ceiling_name_the_field_and_the_highest_value() {
        let good = Limits::default();
        assert_eq!(check_limits(&good, None), vec![]);
        let (cpu, pids) = (u32::try_from(WORKLOAD_CPU_MILLIS).unwrap(), u32::try_from(WORKLOAD_PIDS).unwrap());
        for (limits, field, most) in [
            (Limits { memory_bytes: 0, ..good }, "limits.memory_bytes", WORKLOAD_MEMORY),
            (Limits { memory_bytes: 10 * WORKLOAD_MEMORY, ..good }, "limits.memory_bytes", WORKLOAD_MEMORY),
            (Limits { cpu_millis: 0, ..good }, "limits.cpu_millis", WORKLOAD_CPU_MILLIS),
            (Limits { cpu_millis: 10 * cpu, ..good }, "limits.cpu_millis", WORKLOAD_CPU_MILLIS),
            (Limits { pids: 0, ..good }, "limits.pids", WORKLOAD_PIDS),
            (Limits { pids: 10 * pids, ..good }, "limits.pids", WORKLOAD_PIDS),
            (Limits { disk_bytes: 0, ..good }, "limits.disk_bytes", WORKLOAD_DISK),
            (Limits { disk_bytes: 10 * WORKLOAD_DISK, ..good }, "limits.disk_bytes", WORKLOAD_DISK),
        ] {
            let wrong = check_limits(&limits, Some(&good));
            assert_eq!(wrong.len(), 1, "{limits:?}");
            assert_eq!(wrong[0].field, field);
            assert!(wrong[0].message.contains(&most.to_string()), "{}", wrong[0].message);
            assert_eq!(check_limits(&limits, Some(&limits)), vec![], "what an admin has set stays");
        }
        let most = Limits { memory_bytes: WORKLOAD_MEMORY, cpu_millis: cpu, pids, disk_bytes: WORKLOAD_DISK };
        assert_eq!(check_limits(&most, None), vec![], "the ceiling itself is allowed");
    }
}
