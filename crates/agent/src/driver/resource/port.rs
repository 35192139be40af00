//! Ports: checked before a start, so that a busy one has a name and a reason instead of a crash.

use crate::driver::Note;
use ostler_model::workload::blueprint::Protocol;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

pub(super) fn check(port: u16, protocol: Protocol, range: (u16, u16)) -> Result<Note, String> {
    if !(range.0..=range.1).contains(&port) {
        return Err(format!("port {port} is not among those that this node hands out ({} to {})", range.0, range.1));
    }
    let (tcp, udp) = match protocol {
        Protocol::Tcp => (true, false),
        Protocol::Udp => (false, true),
        Protocol::Both => (true, true),
    };
    let say = |word: &str, e: io::Error| match e.kind() {
        io::ErrorKind::AddrInUse => format!("port {port}/{word} is in use by something else on this node"),
        _ => format!("port {port}/{word} cannot be used: {e}"),
    };
    if tcp {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|e| say("tcp", e))?;
    }
    if udp {
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|e| say("udp", e))?;
    }
    Ok(Note::ready())
}
