//! A network in memory, with bad weather: delay, hold, partition, and cuts at any byte.
//!
//! Agents dial through [`Net::dial`], which is the agent's own seam; what travels is real HTTP, byte for byte, so codec, upgrade
//! and HTTP/2 are the real ones. Every host (one per agent) has its own weather.

use crate::faults::Weather;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use ostler_agent::link::dial::{ANSWER_MOST, Answer, Ask, Dial, DialError};
use ostler_model::Time;
use ostler_runtime::{Clock, Sleep, Spawn};
use ostler_server::http::Peer;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::ServiceExt as _;

/// Bytes that may be under way in one direction, like a socket's buffers.
const UNDER_WAY_MOST: usize = 256 * 1024;

/// The network. Cheap to clone.
#[derive(Clone)]
pub struct Net(Arc<Inner>);

struct Inner {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    server: Option<Server>,
    hosts: BTreeMap<String, Host>,
}

#[derive(Clone)]
struct Server {
    service: Service,
    spawn: Spawn,
}

/// What answers: the server's front door, or a test's router.
type Service = tower::util::BoxCloneSyncService<Request<Body>, Response<Body>, std::convert::Infallible>;

#[derive(Default)]
struct Host {
    weather: Weather,
    wires: Vec<Weak<Wire>>,
}

impl Net {
    /// A network without a server, in fine weather.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, state: Mutex::default() }))
    }
    /// From now on connections reach this server. Those to the one before stay as they are.
    pub fn serve<S>(&self, service: S, spawn: Spawn)
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = std::convert::Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let service = tower::util::BoxCloneSyncService::new(service);
        self.state().server = Some(Server { service, spawn });
    }
    /// The server's machine is gone: all connections break, new ones are refused.
    pub fn unplug(&self) {
        let mut state = self.state();
        state.server = None;
        for host in state.hosts.values_mut() {
            host.cut();
        }
    }
    /// The way of one host to the server.
    pub fn dial(&self, host: &str) -> Arc<MemoryDial> {
        Arc::new(MemoryDial { net: self.clone(), host: host.to_owned(), most: ANSWER_MOST })
    }
    /// The way of a person, who reads longer answers than an agent does.
    pub fn browser(&self, host: &str) -> MemoryDial {
        MemoryDial { net: self.clone(), host: host.to_owned(), most: 64 << 20 }
    }
    /// Changes a host's weather, for connections that exist, too.
    pub fn set(&self, host: &str, weather: Weather) {
        let mut state = self.state();
        let host = state.hosts.entry(host.to_owned()).or_default();
        host.weather = weather.clone();
        for wire in host.wires.iter().filter_map(Weak::upgrade) {
            wire.change(|s| s.weather = weather.clone());
        }
    }
    /// Breaks all of a host's connections, in the middle of whatever is being said.
    pub fn cut(&self, host: &str) {
        if let Some(host) = self.state().hosts.get_mut(host) {
            host.cut();
        }
    }
    /// Breaks each of a host's connections after this many more bytes towards the server.
    pub fn cut_after(&self, host: &str, bytes: usize) {
        if let Some(host) = self.state().hosts.get(host) {
            for wire in host.wires.iter().filter_map(Weak::upgrade) {
                wire.change(|s| s.up.left = Some(bytes));
            }
        }
    }
    /// Connections of a host that are whole.
    pub fn connections(&self, host: &str) -> usize {
        let state = self.state();
        let wires = state.hosts.get(host).map_or(&[][..], |h| &h.wires);
        wires.iter().filter_map(Weak::upgrade).filter(|w| !w.state().is_broken).count()
    }

    fn connect(&self, host: &str) -> io::Result<End> {
        let mut state = self.state();
        let Some(server) = state.server.clone() else { return Err(io::ErrorKind::ConnectionRefused.into()) };
        let host = state.hosts.entry(host.to_owned()).or_default();
        if host.weather.is_partitioned {
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        let wire = Arc::new(Wire { state: Mutex::new(WireState::new(host.weather.clone())) });
        host.wires.retain(|w| w.strong_count() > 0);
        host.wires.push(Arc::downgrade(&wire));
        drop(state);
        let (agent, far) = (self.end(&wire, Side::Agent), self.end(&wire, Side::Server));
        server.spawn.spawn("memory connection", serve(far, server.service));
        Ok(agent)
    }
    fn end(&self, wire: &Arc<Wire>, side: Side) -> End {
        End { wire: wire.clone(), side, clock: self.0.clock.clone(), sleep: None }
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    fn cut(&mut self) {
        for wire in self.wires.drain(..).filter_map(|w| w.upgrade()) {
            wire.change(|s| s.is_broken = true);
        }
    }
}

async fn serve(end: End, service: Service) {
    // Some address: the server wants to know where people come from.
    let peer = Peer(Ipv4Addr::LOCALHOST.into());
    let service = service.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        request.map(Body::new)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(end), TowerToHyperService::new(service))
        .with_upgrades();
    // A broken connection is what this network is for.
    let _ = connection.await;
}

/// A host's way to the server.
pub struct MemoryDial {
    net: Net,
    host: String,
    most: usize,
}

impl MemoryDial {
    async fn send(&self, ask: Ask) -> Result<Answer, DialError> {
        let failed = |e: &dyn std::error::Error| DialError(format!("the network in memory: {e}"));
        let end = self.net.connect(&self.host).map_err(|e| failed(&e))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(end)).await;
        let (mut sender, connection) = handshake.map_err(|e| failed(&e))?;
        let mut request = Request::new(Full::new(ask.body));
        *request.method_mut() = ask.method;
        *request.uri_mut() = ask.path.parse().map_err(|e: http::uri::InvalidUri| failed(&e))?;
        *request.headers_mut() = ask.headers;
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("ostler.test"));
        let answer = async {
            let mut response = sender.send_request(request).await.map_err(|e| failed(&e))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let upgrade = hyper::upgrade::on(&mut response);
            if status == http::StatusCode::SWITCHING_PROTOCOLS {
                let io = upgrade.await.map_err(|e| failed(&e))?;
                let connection = Some(Box::new(TokioIo::new(io)) as Box<_>);
                return Ok(Answer { status, headers, body: Bytes::new(), connection });
            }
            let body = Limited::new(response.into_body(), self.most).collect().await.map_err(|e| failed(&*e))?;
            Ok(Answer { status, headers, body: body.to_bytes(), connection: None })
        };
        // Polled here and not in a task of its own, so that nothing is left when the agent gives up.
        let mut connection = std::pin::pin!(connection.with_upgrades());
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            answer = &mut answer => answer,
            ended = &mut connection => match ended {
                Ok(()) => answer.await,
                Err(e) => Err(failed(&e)),
            },
        }
    }
}

impl Dial for MemoryDial {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, DialError>> {
        Box::pin(self.send(ask))
    }
}

/// One connection: two directions that share their weather and their end.
struct Wire {
    state: Mutex<WireState>,
}

struct WireState {
    weather: Weather,
    is_broken: bool,
    /// Towards the server.
    up: Direction,
    /// Towards the agent.
    down: Direction,
}

#[derive(Default)]
struct Direction {
    under_way: VecDeque<(Time, BytesMut)>,
    bytes: usize,
    /// Nothing more will be written.
    is_shut: bool,
    /// Bytes until the connection breaks.
    left: Option<usize>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Agent,
    Server,
}

impl WireState {
    fn new(weather: Weather) -> Self {
        let up = Direction { left: weather.cut_after, ..Direction::default() };
        Self { weather, is_broken: false, up, down: Direction::default() }
    }
    fn written_by(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Agent => &mut self.up,
            Side::Server => &mut self.down,
        }
    }
    fn read_by(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Agent => &mut self.down,
            Side::Server => &mut self.up,
        }
    }
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, WireState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Changes the state and lets everybody look at it anew.
    fn change(&self, change: impl FnOnce(&mut WireState)) {
        let mut state = self.state();
        change(&mut state);
        let WireState { up, down, .. } = &mut *state;
        let wakers: Vec<Waker> = [&mut up.reader, &mut up.writer, &mut down.reader, &mut down.writer]
            .into_iter()
            .filter_map(Option::take)
            .collect();
        drop(state);
        for waker in wakers {
            waker.wake();
        }
    }
}

/// One end of a connection.
struct End {
    wire: Arc<Wire>,
    side: Side,
    clock: Clock,
    /// Until the next bytes arrive.
    sleep: Option<(Time, Sleep)>,
}

impl AsyncRead for End {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut state = this.wire.state();
        if state.is_broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let is_held = state.weather.is_held || state.weather.is_partitioned;
        let direction = state.read_by(this.side);
        direction.reader = Some(cx.waker().clone());
        if is_held {
            return Poll::Pending;
        }
        let Some((arrives, front)) = direction.under_way.front_mut() else {
            return if direction.is_shut { Poll::Ready(Ok(())) } else { Poll::Pending };
        };
        if *arrives > this.clock.now() {
            let arrives = *arrives;
            drop(state);
            if this.sleep.as_ref().is_none_or(|(at, _)| *at != arrives) {
                this.sleep = Some((arrives, this.clock.sleep_until(arrives)));
            }
            let (_, sleep) = this.sleep.as_mut().expect("it was just set");
            std::task::ready!(sleep.as_mut().poll(cx));
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let taken = front.split_to(front.len().min(buf.remaining()));
        if front.is_empty() {
            direction.under_way.pop_front();
        }
        buf.put_slice(&taken);
        direction.bytes -= taken.len();
        let writer = direction.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.wire.state();
        if state.is_broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let arrives = self.clock.now() + state.weather.delay;
        let direction = state.written_by(self.side);
        if direction.is_shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if direction.left == Some(0) {
            drop(state);
            self.wire.change(|s| s.is_broken = true);
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let room = UNDER_WAY_MOST.saturating_sub(direction.bytes);
        if room == 0 {
            direction.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let written = buf.len().min(room).min(direction.left.unwrap_or(usize::MAX));
        direction.left = direction.left.map(|left| left - written);
        // A change of the weather never lets later bytes overtake earlier ones.
        let arrives = direction.under_way.back().map_or(arrives, |(before, _)| arrives.max(*before));
        direction.under_way.push_back((arrives, BytesMut::from(&buf[..written])));
        direction.bytes += written;
        let reader = direction.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Poll::Ready(Ok(written))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let side = self.side;
        self.wire.change(|s| s.written_by(side).is_shut = true);
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    /// Like a closed socket: the other side reads what is under way and then the end; what it writes breaks.
    fn drop(&mut self) {
        let side = self.side;
        self.wire.change(|s| {
            s.written_by(side).is_shut = true;
            s.read_by(side).is_shut = true;
        });
    }
}
