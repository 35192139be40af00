//! Where what runs here is reached: at an address of this machine, or inside a network of its own.

use crate::driver::process::{Identity, network::Inside};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::net::{TcpStream, UdpSocket};

/// One of the two.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    At(IpAddr),
    /// On the loopback of the network in which this run is.
    Inside(Identity),
}

impl Reach {
    /// A connection to this port.
    pub(crate) async fn tcp(&self, port: u16) -> io::Result<TcpStream> {
        match self {
            Reach::At(address) => TcpStream::connect((*address, port)).await,
            Reach::Inside(identity) => inside(identity)?.tcp(port).await,
        }
    }
    /// Datagrams to and from this port.
    pub(crate) async fn udp(&self, port: u16) -> io::Result<UdpSocket> {
        match self {
            Reach::At(address) => {
                let any: IpAddr =
                    if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
                let socket = UdpSocket::bind((any, 0)).await?;
                socket.connect((*address, port)).await?;
                Ok(socket)
            }
            Reach::Inside(identity) => inside(identity)?.udp(port).await,
        }
    }
    /// What a request says whom it asks.
    pub(crate) fn host(&self) -> IpAddr {
        match self {
            Reach::At(address) => *address,
            Reach::Inside(_) => Ipv4Addr::LOCALHOST.into(),
        }
    }
}

/// Opened first and looked at afterwards: the number may be given to another process at any time.
fn inside(identity: &Identity) -> io::Result<Inside> {
    let inside = Inside::of(identity.pid)?;
    if identity.is_alive() { Ok(inside) } else { Err(io::Error::new(io::ErrorKind::NotConnected, "it has ended")) }
}
