//! Which account of this machine the other end of a loopback connection belongs to.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The kernel's number of the state in which both ends are there; in any other, the account is not told.
const ESTABLISHED: &str = "01";

/// The account of whoever opened this connection from this machine. Reads the kernel's table of connections, so not for an
/// async thread.
pub(super) fn of(peer: SocketAddr, here: SocketAddr) -> Option<u32> {
    // A program that speaks IPv6 to an IPv4 address is in the other table.
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|path| find(&fs::read_to_string(path).ok()?, peer, here))
}

fn find(table: &str, peer: SocketAddr, here: SocketAddr) -> Option<u32> {
    let same = |text: &str, address: SocketAddr| {
        read(text).is_some_and(|found| {
            (found.ip().to_canonical(), found.port()) == (address.ip().to_canonical(), address.port())
        })
    };
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (from, to, state) = (fields.next()?, fields.next()?, fields.next()?);
        if state != ESTABLISHED || !same(from, peer) || !same(to, here) {
            return None;
        }
        // Queues, timer and retransmissions stand in between.
        fields.nth(3)?.parse().ok()
    })
}

/// `0100007F:1F90`: words of four bytes in the machine's order, and a port.
fn read(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match address.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at * 8)?);
            }
            IpAddr::from(bytes)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read_and_only_whole_connections_count() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let row =
            "   0: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000    33        0 1 1 0 20\n";
        let (peer, here) = ("127.0.0.1:49153".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        assert_eq!(find(&format!("{head}{row}"), peer, here), Some(33));
        assert_eq!(find(&format!("{head}{row}"), here, peer), None, "the other end is not it");
        // What has hung up belongs to nobody any more, which the kernel shows as account 0.
        let gone = row.replace(" 01 ", " 05 ").replace("   33  ", "    0  ");
        assert_eq!(find(&format!("{head}{gone}"), peer, here), None);
        let six = "   0: 0000000000000000FFFF00000100007F:C001 0000000000000000FFFF00000100007F:1F90 01 \
                   00000000:00000000 00:00000000 00000000   101        0 1 1 0 20\n";
        assert_eq!(find(&format!("{head}{six}"), peer, here), Some(101));
    }

    #[test]
    fn a_real_connection_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, peer) = listener.accept().unwrap();
        let me = rustix::process::geteuid().as_raw();
        assert_eq!(of(peer, far.local_addr().unwrap()), Some(me));
        drop(near);
    }
}
