//! A never-ending answer of one JSON value per line.

use super::error::FleetError;
use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use ostler_model::NodeId;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// The longest line that is read.
const LINE_MOST: usize = 1 << 20;

/// Lines of JSON from a node. Dropping it tells the node to stop.
pub struct Lines<T> {
    node: NodeId,
    body: Incoming,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line's end.
    scanned: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    pub(super) fn new(node: NodeId, body: Incoming) -> Self {
        Self { node, body, buffer: BytesMut::new(), scanned: 0, of: PhantomData }
    }
    /// The next line; `None` when the node ended the stream in order. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Option<Result<T, FleetError>> {
        loop {
            if let Some(line) = self.buffered() {
                if line.is_empty() {
                    continue;
                }
                return Some(serde_json::from_slice(&line).map_err(|e| self.unreadable(&e.to_string())));
            }
            if self.buffer.len() > LINE_MOST {
                return Some(Err(self.unreadable("a line is too long")));
            }
            match self.body.frame().await {
                None => return None,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
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

    fn unreadable(&self, why: &str) -> FleetError {
        FleetError::Unreadable { node: self.node, why: why.to_owned() }
    }
}
