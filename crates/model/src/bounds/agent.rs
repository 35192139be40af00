//! What workloads can make grow on the node they run on.

use super::row::bounds;

bounds! {
    /// Connections and exchanges of datagrams that a workload has begun towards the outside and that are still remembered: each
    /// takes a place in a table that the whole machine shares.
    NETWORK_FLOWS = 4096, Count, Workload, "the next one is refused", "s9_a_workload_cannot_fill_the_machines_table_of_connections";
    /// Descriptors of each process of a workload: as many as busy servers need, and few enough that a workload of a thousand processes
    /// leaves the kernel room.
    PROCESS_DESCRIPTORS = 16_384, Count, Workload, "the next file or connection is refused", "s19_a_hostile_process_reaches_nothing";
    /// Kept on disk of each of the two outputs of a run, whether the agent reads it or is away.
    OUTPUT_KEPT_BYTES = 4 << 20, Bytes, Workload, "the oldest is overwritten, and the console says how many bytes were dropped", "s3_a_workload_that_prints_without_end_disturbs_nothing_and_fills_no_disk";
    /// What a workload prints at once without waiting: a long stack trace of every thread, many times over.
    OUTPUT_BURST_BYTES = 32 << 20, Bytes, Workload, "it waits while it prints", "s3_a_workload_that_prints_without_end_disturbs_nothing_and_fills_no_disk";
    /// What a workload prints for longer than its burst, both outputs together.
    OUTPUT_RATE = 8 << 20, BytesPerSecond, Workload, "it waits while it prints", "s3_a_workload_that_prints_without_end_disturbs_nothing_and_fills_no_disk";
    /// What of an output reaches the console.
    OUTPUT_SHOWN_RATE = 1_638_400, BytesPerSecond, Workload, "the console falls behind, then goes on with the newest and says how many bytes were dropped", "s3_a_workload_that_prints_without_end_disturbs_nothing_and_fills_no_disk";
    /// Lines of an output that reach the console.
    OUTPUT_SHOWN_LINES = 5000, PerSecond, Workload, "the console falls behind, then goes on with the newest and says how many bytes were dropped", "s3_a_workload_that_prints_without_end_disturbs_nothing_and_fills_no_disk";
    /// Lines kept of each console: a screenful many times over.
    CONSOLE_LINES = 2000, Count, Workload, "the oldest are forgotten", "the_ring_is_bounded_in_lines_and_bytes_and_numbers_never_repeat";
    /// Bytes kept of each console, so that a hundred chatty workloads stay below 60 MB.
    CONSOLE_BYTES = 512 * 1024, Bytes, Workload, "the oldest lines are forgotten", "the_ring_is_bounded_in_lines_and_bytes_and_numbers_never_repeat";
    /// The longest line of a console.
    CONSOLE_LINE_BYTES = 8 * 1024, Bytes, Workload, "it is split between two characters", "f30_a_long_line_of_wide_characters_arrives_whole";
    /// Players that are counted by name on one console.
    PLAYERS_COUNTED = 10_000, Count, Workload, "further names are not counted", "players_are_counted_up_to_a_bound";
    /// The longest name of a player that is remembered.
    PLAYER_NAME_BYTES = 256, Bytes, Workload, "the name is cut", "players_are_counted_up_to_a_bound";
    /// Folders in folders of a tenant's tree that are measured and given to an account. Deleting has no such bound.
    TREE_DEPTH = 131_072, Count, Workload, "what is deeper is not measured, and that is said; a tree that is to be given away is refused", "folders_deeper_than_the_bound_are_not_measured_and_that_is_said";
    /// What a condition or a failure says: a sentence, and the last words of a tool.
    MESSAGE_BYTES = 4096, Bytes, Workload, "it is cut", "what_is_said_about_a_workload_is_bounded";
    /// The largest download.
    DOWNLOAD_BYTES = 16 << 30, Bytes, Member, "it is given up", "a_download_that_says_it_is_too_large_is_not_begun";
}
