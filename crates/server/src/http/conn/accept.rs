//! Letting connections in.

use super::io::{Guarded, Socket};
use super::stage::Progress;
use super::table::Table;
use super::{owner, serve};
use crate::app::App;
use crate::http::client::{Hop, Peer};
use crate::http::router::Front;
use ostler_model::Millis;
use ostler_runtime::{HttpSpawn, Spawn};
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd as _;
use tokio::net::{TcpListener, UnixListener};

/// Room that does not come by itself is looked for again after this long.
const PAUSE: Millis = Millis(100);

/// Where connections come from.
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A new connection.
struct Fresh {
    socket: Socket,
    descriptor: i32,
    /// Both ends, over TCP.
    ends: Option<(SocketAddr, SocketAddr)>,
    /// The account at the other end of a Unix socket.
    account: Option<u32>,
}

/// Serves what comes until the server stops.
pub async fn accept(app: App, front: Front, family: Spawn, listener: Listener, table: Table) {
    loop {
        while table.is_full() {
            if !table.is_clearing() {
                table.make_room();
            }
            app.clock.timeout(PAUSE, table.freed()).await;
        }
        let accepted = tokio::select! {
            () = app.drain.cancelled() => return,
            accepted = listener.next() => accepted,
        };
        match accepted {
            Ok(fresh) => enter(&app, &front, &family, fresh, &table),
            // The other side's doing.
            Err(error) if is_peers(&error) => {}
            Err(error) => {
                // Out of descriptors or memory, most likely: a connection less is what helps.
                let made = table.make_room();
                tracing::warn!(%error, made_room = made, "could not accept a connection");
                app.clock.timeout(PAUSE, table.freed()).await;
            }
        }
    }
}

fn is_peers(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

fn enter(app: &App, front: &Front, family: &Spawn, fresh: Fresh, table: &Table) {
    let Fresh { socket, descriptor, ends, account } = fresh;
    if table.is_reserved(descriptor) && !table.make_room() {
        refuse(&socket);
        return;
    }
    let trusted = &app.config.trusted_proxies;
    let address = ends.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |(peer, _)| peer.ip().to_canonical());
    let mut hop = Hop { is_proxy: trusted.iter().any(|proxy| proxy.is_at(address) || proxy.is_by_socket(account)) };
    if ends.is_none() && !hop.is_proxy {
        tracing::warn!(uid = account, "the Unix socket serves only accounts that trusted_proxies names");
        return;
    }
    let progress = Progress::new(&app.clock);
    let counted = ends.filter(|_| !hop.is_proxy).map(|_| address);
    let Some(place) = table.admit(counted, &progress) else {
        refuse(&socket);
        return;
    };
    let (app, front, executor) = (app.clone(), front.clone(), HttpSpawn::new(family.clone()));
    family.spawn("http.connection", async move {
        // Whose it is has to be looked up only where the configuration trusts an account on this machine.
        let trusts_here = app.config.trusted_proxies.iter().any(|proxy| proxy.is_here(address));
        if let Some((peer, here)) = ends.filter(|_| trusts_here) {
            let found = tokio::task::spawn_blocking(move || owner::of(peer, here)).await.ok().flatten();
            hop.is_proxy = app.config.trusted_proxies.iter().any(|proxy| proxy.is_run_by(address, found));
            if hop.is_proxy {
                place.exempt();
            }
        }
        let stream = Guarded::new(socket, progress.clone(), place);
        serve::connection(&app, front, stream, progress, (Peer(address), hop), executor).await;
    });
}

/// Says in the shortest way that there is no room; who is not ready to hear it hears nothing.
fn refuse(socket: &Socket) {
    const FULL: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = match socket {
        Socket::Tcp(socket) => socket.try_write(FULL),
        Socket::Unix(socket) => socket.try_write(FULL),
    };
}

impl Listener {
    async fn next(&self) -> std::io::Result<Fresh> {
        match self {
            Listener::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                // Small answers should leave at once; a socket that refuses is closed soon anyway.
                let _ = socket.set_nodelay(true);
                let (descriptor, ends) = (socket.as_raw_fd(), socket.local_addr().ok().map(|here| (peer, here)));
                Ok(Fresh { socket: Socket::Tcp(socket), descriptor, ends, account: None })
            }
            Listener::Unix(listener) => {
                let (socket, _) = listener.accept().await?;
                let account = socket.peer_cred().ok().map(|who| who.uid());
                let descriptor = socket.as_raw_fd();
                Ok(Fresh { socket: Socket::Unix(socket), descriptor, ends: None, account })
            }
        }
    }
}
