//! Every bound of the agent, each with its reason.

use ostler_model::Millis;
use ostler_model::bounds::agent as bounds;

/// Lines kept of each console.
pub const CONSOLE_LINES: usize = bounds::CONSOLE_LINES as usize;
/// Bytes kept of each console.
pub const CONSOLE_BYTES: usize = bounds::CONSOLE_BYTES as usize;
/// The longest line; longer ones are split (promised in `wire::console`).
pub const LINE_BYTES: usize = bounds::CONSOLE_LINE_BYTES as usize;
/// Lines in one chunk of a console stream.
pub const CONSOLE_BATCH: usize = 256;
/// The longest command (promised in `wire::console`).
pub const COMMAND_BYTES: usize = 4096;
/// The largest desired snapshot: thousands of blueprints.
pub const SNAPSHOT_BYTES: usize = 64 << 20;
/// Silence on the observed stream after which it says that it is alive.
pub const BEAT_EVERY: Millis = Millis::secs(15);
/// Pause between two samples of a stats stream.
pub const STATS_EVERY: Millis = Millis::secs(2);
/// Pause between two measurements of a workload's volumes.
pub const MEASURE_EVERY: Millis = Millis::secs(60);
/// Progress is reported at most this often per workload: a download must not flood the link.
pub const PROGRESS_EVERY: Millis = Millis(500);
/// After the journal could not be written: a full disk is not freed within milliseconds.
pub const JOURNAL_PAUSE: Millis = Millis::secs(5);
/// Pause before it is looked again whether a workload that is held back may start.
pub const HELD_PAUSE: Millis = Millis::secs(5);
/// Pause between two measurements of the free disk and memory of this machine.
pub const MEASURE_MACHINE_EVERY: Millis = Millis::secs(15);
/// A start that has neither begun nor failed by now has failed.
pub const START_CALL: Millis = Millis::secs(120);
/// A stop or kill that has neither worked nor failed by now is given up; the plan repeats it.
pub const STOP_CALL: Millis = Millis::secs(15);
/// Pause between two readiness probes.
pub const PROBE_EVERY: Millis = Millis(300);
/// How long one probe may take.
pub const PROBE_LIMIT: Millis = Millis::secs(2);
/// Forwards at once, all workloads together: most of what the links can carry (`wire::link::tuning`).
pub const FORWARDS_MOST: usize = ostler_wire::link::tuning::FORWARDS_MOST;
/// A port on this machine answers at once or not at all.
pub const DIAL_LIMIT: Millis = Millis::secs(5);
/// Read at once from one side of a forward.
pub const FORWARD_BUFFER: usize = 16 * 1024;
/// A reader who takes nothing for this long is gone, whatever his connection says.
pub const FORWARD_STALL: Millis = Millis::secs(60);
/// A forward on which nothing moves for this long was forgotten; whatever keeps one open beats more often.
pub const FORWARD_IDLE: Millis = Millis::secs(1800);
/// Output that an agent shows again after a restart.
pub const OUTPUT_SHOWN_AGAIN: u64 = 256 * 1024;
