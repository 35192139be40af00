//! The socket of one connection: tells what comes, notices a reader that has stopped, and closes so that the client sees the
//! last answer.

use super::stage::{Progress, Stage};
use super::table::Place;
use ostler_model::Millis;
use ostler_model::bounds::http as bound;
use ostler_runtime::Sleep;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Thrown away at a time while closing.
const CHUNK: usize = 16 << 10;

/// Either kind of socket.
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A socket with its place in the table.
pub(super) struct Guarded {
    socket: Socket,
    progress: Arc<Progress>,
    /// Ends the wait for a reader that has stopped.
    stall: Option<Sleep>,
    closing: Option<Closing>,
    _place: Place,
}

/// What still comes is thrown away until then.
struct Closing {
    is_shut: bool,
    lingers: bool,
    until: Sleep,
}

impl Guarded {
    pub(super) fn new(socket: Socket, progress: Arc<Progress>, place: Place) -> Self {
        Self { socket, progress, stall: None, closing: None, _place: place }
    }
    /// The result of a write, or an error when the reader has not moved for too long.
    fn watched<T>(&mut self, written: Poll<Result<T>>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let progress = &self.progress;
        let stall = self.stall.get_or_insert_with(|| progress.clock().sleep(Millis(bound::WRITE_STALL_MS)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the reader has stopped")))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buf.filled().len();
        let done = match &mut self.socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            Socket::Unix(socket) => Pin::new(socket).poll_read(cx, buf),
        };
        let came = buf.filled().get(before..).unwrap_or_default();
        if !came.is_empty() {
            self.progress.read(came);
        }
        done
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let written = match &mut self.socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_write(cx, buf),
            Socket::Unix(socket) => Pin::new(socket).poll_write(cx, buf),
        };
        self.watched(written, cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = match &mut self.socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Socket::Unix(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
        };
        self.watched(written, cx)
    }
    fn is_write_vectored(&self) -> bool {
        true
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        // The kernel's buffer is all there is.
        Poll::Ready(Ok(()))
    }
    /// Ends the answer. A socket that is closed while something still comes is reset, and the client may lose what it has not
    /// read: so where something was refused half-read, what comes is thrown away for a while.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        let progress = &this.progress;
        let closing = this.closing.get_or_insert_with(|| Closing {
            is_shut: false,
            lingers: progress.stage() != Stage::Upgraded && progress.close(),
            until: progress.clock().sleep(Millis(bound::LINGER_MS)),
        });
        if !closing.is_shut {
            ready!(match &mut this.socket {
                Socket::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
                Socket::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
            })?;
            closing.is_shut = true;
        }
        if !closing.lingers {
            return Poll::Ready(Ok(()));
        }
        loop {
            if closing.until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; CHUNK];
            let mut buf = ReadBuf::new(&mut chunk);
            let read = match &mut this.socket {
                Socket::Tcp(socket) => Pin::new(socket).poll_read(cx, &mut buf),
                Socket::Unix(socket) => Pin::new(socket).poll_read(cx, &mut buf),
            };
            match ready!(read) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
