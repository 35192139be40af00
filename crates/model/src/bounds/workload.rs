//! Ceilings of workloads and workspaces, and the floors of nodes.

use super::row::bounds;

bounds! {
    /// Memory of one workload, unless a platform admin sets it: the largest game servers take a quarter.
    WORKLOAD_MEMORY = 64 << 30, Bytes, Member, "422, which names the field and the highest value", "s11_a_limit_of_zero_and_a_limit_beyond_the_ceiling_name_the_field_and_the_highest_value";
    /// Thousandths of processors of one workload, unless a platform admin sets it.
    WORKLOAD_CPU_MILLIS = 32_000, Count, Member, "422, which names the field and the highest value", "s11_a_limit_of_zero_and_a_limit_beyond_the_ceiling_name_the_field_and_the_highest_value";
    /// Processes and threads of one workload, unless a platform admin sets it.
    WORKLOAD_PIDS = 8192, Count, Member, "422, which names the field and the highest value", "s11_a_limit_of_zero_and_a_limit_beyond_the_ceiling_name_the_field_and_the_highest_value";
    /// Disk of each volume of one workload, unless a platform admin sets it.
    WORKLOAD_DISK = 1 << 40, Bytes, Member, "422, which names the field and the highest value", "s11_a_limit_of_zero_and_a_limit_beyond_the_ceiling_name_the_field_and_the_highest_value";
    /// Workloads of one workspace: more than any community runs.
    WORKSPACE_WORKLOADS = 5000, Count, Member, "409 `too_many_workloads`", "s11_a_workspace_has_at_most_so_many_workloads_and_so_much_of_shared_nodes";
    /// Memory that one workspace may reserve on the platform's nodes, all together.
    WORKSPACE_SHARED_MEMORY = 256 << 30, Bytes, Member, "409 `too_much_shared`", "s11_a_workspace_has_at_most_so_many_workloads_and_so_much_of_shared_nodes";
    /// Thousandths of processors that one workspace may reserve on the platform's nodes, all together.
    WORKSPACE_SHARED_CPU_MILLIS = 512_000, Count, Member, "409 `too_much_shared`", "s11_a_workspace_has_at_most_so_many_workloads_and_so_much_of_shared_nodes";
    /// Ports of one of the platform's nodes that one workspace may hold, so that others get some, too.
    WORKSPACE_PORTS_ON_SHARED_NODE = 100, Count, Member, "409 `too_many_ports`", "f2_a_workspace_holds_at_most_its_share_of_the_ports_of_a_shared_node";
    /// Free disk of a node below which nothing new starts there: enough for the agent's journal and for what runs to save.
    NODE_FREE_DISK = 1 << 30, Bytes, Workload, "the start waits, and the overview says so", "s11_a_node_is_low_below_its_floor_and_stays_so_until_there_is_clearly_more";
    /// Free memory of a node below which nothing new starts there: enough for the agent and the machine's own services.
    NODE_FREE_MEMORY = 128 << 20, Bytes, Workload, "the start waits, and the overview says so", "s11_a_node_is_low_below_its_floor_and_stays_so_until_there_is_clearly_more";
}
