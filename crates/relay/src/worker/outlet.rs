//! What goes out of one socket, written where it is decided: a turn that goes to ten players wakes nobody.
//!
//! What the network does not take at once waits here, and the socket's own task writes it. Frames leave in the order in
//! which they came, whoever writes them.

use axum::body::Bytes;
use futures_util::future::Either;
use hyper_util::rt::TokioIo;
use ostler_model::Millis;
use ostler_runtime::Clock;
use socket2::SockRef;
use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// Frames that may wait for one socket: a minute of turns. Who falls further behind is let go and rejoins.
const QUEUE_FRAMES: usize = 600;
/// A socket that takes nothing for so long is gone.
const SEND: Millis = Millis::secs(20);
/// Written at once of a long frame, so that a slow reader who takes some of it counts as one who takes something.
const PIECE_BYTES: usize = 16 << 10;
/// Longest reason that a closing frame has room for.
const REASON_CHARS: usize = 100;

/// The sending half of a socket. Clones of the handle are the same half.
pub(super) struct Outlet {
    /// Where it can be written without being its task.
    tcp: Option<Arc<TcpStream>>,
    line: Mutex<Line>,
    /// Something waits, or nothing will come any more.
    changed: Notify,
    /// Nothing waits any more.
    emptied: Notify,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Bytes>,
    /// Nothing more is taken; what waits goes out.
    is_over: bool,
    /// What waits does not go out, either.
    is_cut: bool,
}

/// The writing half of a socket, for the task that empties the queue.
pub(super) type Writer = Pin<Box<dyn AsyncWrite + Send>>;
/// The reading half of a socket.
pub(super) type Reader = Pin<Box<dyn AsyncRead + Send>>;

impl Outlet {
    /// The halves of an upgraded connection, and what of it was read before it was one.
    pub(super) fn open(upgraded: hyper::upgrade::Upgraded) -> (Arc<Self>, Reader, Writer, Bytes) {
        let (tcp, reader, writer, rest) = match plain(upgraded) {
            Either::Left((tcp, rest)) => {
                let tcp = Arc::new(tcp);
                let (reader, writer): (Reader, Writer) = (Box::pin(Shared(tcp.clone())), Box::pin(Shared(tcp.clone())));
                (Some(tcp), reader, writer, rest)
            }
            Either::Right(other) => {
                let (reader, writer) = tokio::io::split(TokioIo::new(other));
                let (reader, writer): (Reader, Writer) = (Box::pin(reader), Box::pin(writer));
                (None, reader, writer, Bytes::new())
            }
        };
        let outlet = Self { tcp, line: Mutex::default(), changed: Notify::new(), emptied: Notify::new() };
        (Arc::new(outlet), reader, writer, rest)
    }

    /// Sends a whole frame. False when the socket is over, or so far behind that it ends here.
    pub(super) fn send(&self, mut frame: Bytes) -> bool {
        let mut line = self.line();
        if line.is_over {
            return false;
        }
        if line.waiting.is_empty()
            && let Some(tcp) = &self.tcp
        {
            match tcp.try_write(&frame) {
                Ok(sent) if sent == frame.len() => return true,
                Ok(sent) => drop(frame.split_to(sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.cut(line);
                    return false;
                }
            }
        }
        if line.waiting.len() >= QUEUE_FRAMES {
            self.cut(line);
            return false;
        }
        line.waiting.push_back(frame);
        drop(line);
        self.changed.notify_one();
        true
    }

    /// Says why it ends, and takes nothing after that.
    pub(super) fn close(&self, reason: &str) {
        let reason = reason.chars().take(REASON_CHARS).collect::<String>();
        self.send(written(Frame::close(Some(CloseFrame { code: 1000.into(), reason: reason.into() }))));
        self.finish();
    }

    /// Takes nothing more. What waits goes out.
    pub(super) fn finish(&self) {
        self.line().is_over = true;
        self.changed.notify_one();
    }

    /// Resolves when nothing waits: for who has more to say than the queue holds.
    pub(super) async fn room(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.line().waiting.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Writes what waits, until it is over or the other side takes nothing any more, and says that nothing follows.
    pub(super) async fn drain(&self, clock: &Clock, mut writer: Writer) {
        loop {
            let changed = self.changed.notified();
            while let Some(frame) = self.first() {
                for piece in frame.chunks(PIECE_BYTES) {
                    let write = async {
                        writer.write_all(piece).await?;
                        writer.flush().await
                    };
                    if !matches!(clock.timeout(SEND, write).await, Some(Ok(()))) {
                        self.cut(self.line());
                        return;
                    }
                }
                // Only now, so that nothing overtakes it.
                self.line().waiting.pop_front();
            }
            self.emptied.notify_waiters();
            if self.line().is_over {
                // Whether it can say so or not, it is over.
                clock.timeout(SEND, writer.shutdown()).await;
                return;
            }
            changed.await;
        }
    }

    /// Nothing reaches the other side any more.
    pub(super) fn is_cut(&self) -> bool {
        self.line().is_cut
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self) -> Option<Bytes> {
        let line = self.line();
        if line.is_cut { None } else { line.waiting.front().cloned() }
    }

    /// Ends it without another word.
    fn cut(&self, mut line: MutexGuard<'_, Line>) {
        (line.is_over, line.is_cut) = (true, true);
        drop(line);
        self.changed.notify_one();
    }
}

/// A text message as it goes over the wire.
pub(super) fn text(text: String) -> Bytes {
    written(Frame::message(text, OpCode::Data(Data::Text), true))
}

/// A binary message as it goes over the wire.
pub(super) fn binary(bytes: Vec<u8>) -> Bytes {
    written(Frame::message(bytes, OpCode::Data(Data::Binary), true))
}

fn written(frame: Frame) -> Bytes {
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).expect("memory takes every write");
    bytes.into()
}

/// A plain TCP connection, where it is one.
fn plain(upgraded: hyper::upgrade::Upgraded) -> Either<(TcpStream, Bytes), hyper::upgrade::Upgraded> {
    match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => Either::Left((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => Either::Right(upgraded),
    }
}

/// A TCP connection of which the halves are one.
struct Shared(Arc<TcpStream>);

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(read) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}

/// What reads frames reads here; what it answers by itself (to pings, to a close) goes the way of all frames.
pub(super) struct Inlet {
    pub(super) reader: Reader,
    pub(super) outlet: Arc<Outlet>,
}

impl AsyncRead for Inlet {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.reader.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for Inlet {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let is_taken = self.outlet.send(Bytes::copy_from_slice(buf));
        Poll::Ready(if is_taken { Ok(buf.len()) } else { Err(io::ErrorKind::BrokenPipe.into()) })
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
