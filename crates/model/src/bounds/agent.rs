//! What workloads can make grow on the node they run on.

use super::row::bounds;

bounds! {
    /// Connections and exchanges of datagrams that a workload has begun towards the outside and that are still remembered: each
    /// takes a place in a table that the whole machine shares.
    NETWORK_FLOWS = 4096, Count, Workload, "the next one is refused", "s9_a_workload_cannot_fill_the_machines_table_of_connections";
    /// Descriptors of each process of a workload: as many as busy servers need, and few enough that a workload of a thousand processes
    /// leaves the kernel room.
    PROCESS_DESCRIPTORS = 16_384, Count, Workload, "the next file or connection is refused", "s19_a_hostile_process_reaches_nothing";
}
