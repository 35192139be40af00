//! What workloads can make grow on the node they run on.

use super::row::bounds;

bounds! {
    /// Descriptors of each process of a workload: as many as busy servers need, and few enough that a workload of a thousand processes
    /// leaves the kernel room.
    PROCESS_DESCRIPTORS = 16_384, Count, Workload, "the next file or connection is refused", "s19_a_hostile_process_reaches_nothing";
}
