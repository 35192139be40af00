//! Whose a listening port is.
//!
//! Processes share the machine's network, so a port that is kept for one of them can be taken by another before the first
//! listens. What is forwarded may be meant for nobody else: the kernel says under which account somebody listens.

use std::io;

/// The kernel's word for a socket that listens.
const LISTENS: &str = "0A";

/// Fails unless somebody listens on this TCP port, and only this account does.
pub(super) fn is_of(port: u16, account: u32) -> io::Result<()> {
    let mut owners = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match std::fs::read_to_string(table) {
            Ok(text) => owners.extend(listeners(&text, port)),
            // A machine without IPv6 has no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    match owners.iter().find(|owner| **owner != account) {
        Some(_) => Err(io::Error::new(io::ErrorKind::PermissionDenied, "somebody else listens on its port")),
        None if owners.is_empty() => Err(io::Error::new(io::ErrorKind::ConnectionRefused, "it does not listen")),
        None => Ok(()),
    }
}

/// The accounts that listen on this port, by one of the kernel's tables.
fn listeners(table: &str, port: u16) -> Vec<u32> {
    let of_line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (at, state, owner) = (words.nth(1)?, words.nth(1)?, words.nth(3)?);
        let here = u16::from_str_radix(at.rsplit(':').next()?, 16).ok()?;
        (here == port && state == LISTENS).then(|| owner.parse().ok()).flatten()
    };
    table.lines().skip(1).filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn only_who_listens_is_named() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:6979 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 4711 1\n\
            1: 0100007F:6979 0100007F:B2C0 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1\n\
            2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1\n";
        assert_eq!(listeners(table, 0x6979), [999]);
        assert_eq!(listeners(table, 22), [0]);
        assert_eq!(listeners(table, 23), Vec::<u32>::new());
    }

    #[test]
    fn a_port_of_ones_own_is_told_from_that_of_others_and_from_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, me) = (listener.local_addr().unwrap().port(), rustix::process::geteuid().as_raw());
        is_of(port, me).unwrap();
        assert_eq!(is_of(port, me + 1).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        drop(listener);
        assert_eq!(is_of(port, me).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
