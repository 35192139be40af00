//! What nodes send and hold.

use super::row::bounds;

bounds! {
    /// One fact of a node about itself: its host name, its system, its address.
    FACT_TEXT = 256, Bytes, Node, "the join or the link is refused with the field's name", "s10_facts_ten_times_over_a_bound_are_refused_with_the_field";
    /// Package managers that a node names.
    FACT_PACKAGES = 32, Count, Node, "the join or the link is refused", "s10_facts_ten_times_over_a_bound_are_refused_with_the_field";
    /// Sentences in which a node says what it does not enforce.
    FACT_NOTES = 64, Count, Node, "the join or the link is refused", "s10_facts_ten_times_over_a_bound_are_refused_with_the_field";
    /// A node's answer to the hello and to what is wanted of it; facts at their bounds fit into it several times.
    ANSWER_SHORT = 256 << 10, Bytes, Node, "the answer is not read, and the link is refused", "s10_a_hello_of_megabytes_is_not_read";
    /// Any other answer of a node that is read whole.
    ANSWER_WHOLE = 8 << 20, Bytes, Node, "the answer is not read", "s10_an_endless_answer_is_read_up_to_its_bound";
    /// One line of a node's reports: a workload with hundreds of resources fits.
    REPORT_LINE = 256 << 10, Bytes, Node, "the stream is ended, with a warning", "s10_lines_ten_times_too_long_end_the_stream";
    /// One line of measurements.
    STATS_LINE = 4 << 10, Bytes, Node, "the stream is ended", "s10_lines_ten_times_too_long_end_the_stream";
    /// One line of a console as it travels: 8 KiB of text, six bytes for each that JSON escapes.
    CONSOLE_LINE = 64 << 10, Bytes, Node, "the stream is ended", "s10_lines_ten_times_too_long_end_the_stream";
    /// All lines of one console request that is answered whole; an agent keeps 512 KiB of text.
    CONSOLE_ANSWER = 8 << 20, Bytes, Node, "the request is answered with an error", "s10_a_console_answer_has_a_byte_budget";
    /// Conditions kept of one report, one for each resource.
    CONDITIONS = 256, Count, Node, "the rest is left out", "s10_a_report_ten_times_over_its_bounds_is_cut";
    /// A name or a word in a report, in characters.
    REPORT_KEY = 256, Count, Node, "it is cut", "s10_a_report_ten_times_over_its_bounds_is_cut";
    /// A sentence in a report or a note, in characters.
    REPORT_TEXT = 500, Count, Node, "it is cut", "s10_a_report_ten_times_over_its_bounds_is_cut";
    /// Reports that one node may send at once after a rest: one for each of thousands of workloads, when it connects.
    REPORTS_AT_ONCE = 4000, Count, Node, "reading waits, and the agent sends only the latest of each workload", "s10_reports_come_at_their_rate_across_links";
    /// Reports that one node may send all the time.
    REPORTS_PER_SECOND = 50, PerSecond, Node, "reading waits, and the agent sends only the latest of each workload", "s10_reports_come_at_their_rate_across_links";
    /// Links that one node may have open: an agent has two, and one more while a connection is replaced.
    LINKS_PER_NODE = 8, Count, Node, "the oldest is closed", "s10_a_node_has_at_most_so_many_links";
}
