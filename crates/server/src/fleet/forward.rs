//! Forwards: a stream of bytes over a node's link to a TCP port of a workload, by the port's name.
//!
//! Which port that is, and whether it may be reached, the agent decides by what it has been told to run. A link that breaks
//! ends its streams: whoever has one begins anew. What this room does not do: decide who may have one.

use super::error::FleetError;
use super::handle::Fleet;
use http::StatusCode;
use ostler_model::{NodeId, WorkloadId};
use ostler_wire::link::FORWARD;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

type Bytes = Box<dyn Both + Send + Unpin>;
trait Both: AsyncRead + AsyncWrite {}
impl<T: AsyncRead + AsyncWrite> Both for T {}

/// A stream to a port of a workload. Dropping it ends it at both ends.
pub struct Forward {
    stream: Bytes,
    _slots: Vec<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forward")
    }
}

impl Forward {
    /// Keeps this permit for as long as the stream is open.
    #[must_use]
    pub fn holding(mut self, slot: OwnedSemaphorePermit) -> Self {
        self._slots.push(slot);
        self
    }
}

impl Fleet {
    /// Opens a stream to the TCP port that the workload's blueprint has under this name.
    ///
    /// Refused with 404 when the node has no such workload or port, with 409 when it is not running, with 502 when nothing
    /// answers on the port, and with 503 when too many are open.
    pub async fn forward(&self, node: NodeId, workload: WorkloadId, port: &str) -> Result<Forward, FleetError> {
        let slot = self.forward_slots(node).try_acquire_owned().map_err(|_| FleetError::Refused {
            node,
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "too many forwards to this node are open".to_owned(),
        })?;
        let path = format!("/workloads/{workload}/ports/{port}");
        let stream = self.connect(node, &path, FORWARD).await?;
        Ok(Forward { stream: Box::new(stream), _slots: vec![slot] })
    }
}

impl AsyncRead for Forward {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Forward {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
