//! A workload's own standard input and output.

use ostler_model::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of output. Sequence numbers grow by one; a gap means that lines were dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsoleLine {
    pub seq: u64,
    pub at: Time,
    pub stream: ConsoleStream,
    /// Without the line break; invalid UTF-8 is replaced; at most 8 KiB, longer lines are split.
    pub text: String,
}

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleStream {
    Out,
    Err,
    /// What somebody typed.
    In,
    /// What the agent says about the workload: started, crashed, killed.
    Agent,
}

/// Sends one line to the workload's standard input.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleCommand {
    /// One line, without the line break.
    #[schemars(length(min = 1, max = 4096))]
    pub command: String,
}

/// Text frames of the console socket, client to server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConsoleInput {
    Command { command: String },
}

/// Text frames of the console socket, server to client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConsoleFrame {
    Lines {
        lines: Vec<ConsoleLine>,
    },
    /// A command could not be delivered.
    Refused {
        message: String,
    },
}

/// A page of the ring buffer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsoleLines {
    pub lines: Vec<ConsoleLine>,
    /// The oldest sequence number that is still kept.
    pub first_seq: u64,
    /// Ask again with `after` set to this.
    pub last_seq: u64,
}

/// Which lines are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleQuery {
    /// Only lines after this sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// 1 to 1,000, default 200. The newest when there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}
