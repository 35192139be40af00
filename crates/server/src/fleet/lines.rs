//! An answer of one JSON value per line, read within the bounds of its kind.

use super::error::FleetError;
use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use ostler_model::NodeId;
use ostler_model::bounds::link::{CONSOLE_ANSWER, CONSOLE_LINE, REPORT_LINE, STATS_LINE};
use ostler_wire::console::ConsoleLine;
use ostler_wire::link::Observation;
use ostler_wire::stats::{NodeStats, WorkloadStats};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A value of which a node sends one per line.
pub trait Line: DeserializeOwned {
    /// The longest line that is read.
    const MOST: u64;
    /// All lines of one answer, where an answer ends.
    const ALL: Option<u64> = None;
}
impl Line for Observation {
    const MOST: u64 = REPORT_LINE;
}
impl Line for NodeStats {
    const MOST: u64 = STATS_LINE;
}
impl Line for WorkloadStats {
    const MOST: u64 = STATS_LINE;
}
impl Line for ConsoleLine {
    const MOST: u64 = CONSOLE_LINE;
    const ALL: Option<u64> = Some(CONSOLE_ANSWER);
}

/// Lines of JSON from a node. Dropping it tells the node to stop.
pub struct Lines<T> {
    node: NodeId,
    body: Incoming,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line's end.
    scanned: usize,
    /// What may still come of an answer that ends.
    left: Option<u64>,
    of: PhantomData<fn() -> T>,
}

impl<T: Line> Lines<T> {
    pub(super) fn new(node: NodeId, body: Incoming, is_endless: bool) -> Self {
        let left = T::ALL.filter(|_| !is_endless);
        Self { node, body, buffer: BytesMut::new(), scanned: 0, left, of: PhantomData }
    }
    /// The next line; `None` when the node ended the stream in order. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Option<Result<T, FleetError>> {
        loop {
            if let Some(line) = self.buffered() {
                if line.is_empty() {
                    continue;
                }
                if line.len() as u64 > T::MOST {
                    return Some(Err(self.too_long()));
                }
                return Some(serde_json::from_slice(&line).map_err(|e| self.unreadable(&e.to_string())));
            }
            if self.buffer.len() as u64 > T::MOST {
                return Some(Err(self.too_long()));
            }
            match self.body.frame().await {
                None => return None,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        if let Some(left) = &mut self.left {
                            match left.checked_sub(data.len() as u64) {
                                Some(rest) => *left = rest,
                                None => return Some(Err(self.unreadable("more lines than are read at once"))),
                            }
                        }
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(e)) => return Some(Err(FleetError::Cut { node: self.node, why: e.to_string() })),
            }
        }
    }

    fn buffered(&mut self) -> Option<BytesMut> {
        match self.buffer[self.scanned..].iter().position(|b| *b == b'\n') {
            Some(at) => {
                let line = self.buffer.split_to(self.scanned + at);
                self.buffer.advance(1);
                self.scanned = 0;
                Some(line)
            }
            None => {
                self.scanned = self.buffer.len();
                None
            }
        }
    }

    fn too_long(&self) -> FleetError {
        self.unreadable(&format!("a line of more than {} bytes", T::MOST))
    }
    fn unreadable(&self, why: &str) -> FleetError {
        FleetError::Unreadable { node: self.node, why: why.to_owned() }
    }
}
