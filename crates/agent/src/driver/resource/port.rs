//! Ports: checked before a start, so that a busy one has a name and a reason instead of a crash.

use crate::driver::Note;
use ostler_model::workload::blueprint::Protocol;
use ostler_model::workload::{PORT_TAKEN, Status};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Whether a port can be used. One that a foreign program holds is a note and no error: the control plane then gives out
/// another.
pub(crate) fn check(port: u16, protocol: Protocol, range: (u16, u16)) -> Result<Note, String> {
    if !(range.0..=range.1).contains(&port) {
        return Err(format!("port {port} is not among those that this node hands out ({} to {})", range.0, range.1));
    }
    let (tcp, udp) = match protocol {
        Protocol::Tcp => (true, false),
        Protocol::Udp => (false, true),
        Protocol::Both => (true, true),
    };
    let bound = |word: &str, bound: io::Result<()>| match bound {
        Ok(()) => Ok(Note::ready()),
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => Ok(Note {
            status: Status::Failed,
            reason: PORT_TAKEN.to_owned(),
            message: format!("port {port}/{word} is in use by something else on this node"),
        }),
        Err(e) => Err(format!("port {port}/{word} cannot be used: {e}")),
    };
    let mut note = Note::ready();
    if tcp {
        note = bound("tcp", TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map(drop))?;
    }
    if udp && note.status == Status::Ready {
        note = bound("udp", UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).map(drop))?;
    }
    Ok(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_a_port_that_a_foreign_program_holds_is_told_apart_from_one_that_cannot_be_used() {
        let foreign = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = foreign.local_addr().unwrap().port();
        let taken = check(port, Protocol::Both, (port, port)).unwrap();
        assert_eq!((taken.status, taken.reason.as_str()), (Status::Failed, PORT_TAKEN), "{}", taken.message);
        assert!(taken.message.contains(&format!("{port}/tcp")), "{}", taken.message);
        drop(foreign);
        let foreign = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = foreign.local_addr().unwrap().port();
        assert_eq!(check(port, Protocol::Udp, (port, port)).unwrap().reason, PORT_TAKEN);
        assert!(check(port, Protocol::Udp, (1, 2)).is_err(), "what the node does not hand out is a mistake");
    }
}
