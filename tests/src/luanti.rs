//! The first half of a Luanti client: enough to prove that a server really speaks the game's protocol.
//!
//! A client gets a peer id, says its name with `INIT`, and the server answers `HELLO` with the name that it understood.
//! Packet: protocol id (4 bytes), sender's peer id (2), channel (1), then control, original or reliable content.

use anyhow::{Context, Result, bail};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

const PROTOCOL: u32 = 0x4f45_7403;
const CONTROL: u8 = 0;
const ORIGINAL: u8 = 1;
const RELIABLE: u8 = 3;
const ACK: u8 = 0;
const SET_PEER_ID: u8 = 1;
const FIRST_SEQUENCE: u16 = 65500;
/// Client → server, and server → client: both are command 2.
const INIT: u16 = 2;
const HELLO: u16 = 2;

/// What the server said in its `HELLO`.
#[derive(Debug, PartialEq, Eq)]
pub struct Hello {
    /// The protocol version that the server chose.
    pub protocol: u16,
    /// The player's name as the server understood it.
    pub player: String,
}

/// Says hello to a server as `player`. The client repeats itself until the deadline: datagrams may be lost.
pub fn handshake(address: &str, player: &str, limit: Duration) -> Result<Hello> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address).with_context(|| format!("{address} is not an address"))?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    let deadline = Instant::now() + limit;
    let mut peer = 0;
    while Instant::now() < deadline {
        let next = if peer == 0 { connect() } else { packet(peer, 1, &init(player)) };
        // Nobody listening yet shows as a refused send or receive; it is one more reason to try again.
        if socket.send(&next).is_err() {
            std::thread::yield_now();
        }
        let mut buf = [0; 2048];
        while let Ok(length) = socket.recv(&mut buf) {
            match read(&buf[..length]) {
                Some(Heard::Peer { id, sequence }) => {
                    peer = id;
                    socket.send(&packet(peer, 0, &ack(sequence)))?;
                    socket.send(&packet(peer, 1, &init(player)))?;
                }
                Some(Heard::Hello(hello)) => return Ok(hello),
                None => {}
            }
            if Instant::now() >= deadline {
                break;
            }
        }
    }
    bail!("{address} did not answer a Luanti handshake within {} s", limit.as_secs())
}

enum Heard {
    Peer { id: u16, sequence: u16 },
    Hello(Hello),
}

fn read(bytes: &[u8]) -> Option<Heard> {
    if bytes.get(..4)? != PROTOCOL.to_be_bytes() {
        return None;
    }
    let (sequence, content) = match *bytes.get(7)? {
        RELIABLE => (u16::from_be_bytes([*bytes.get(8)?, *bytes.get(9)?]), bytes.get(10..)?),
        _ => (0, bytes.get(7..)?),
    };
    match (*content.first()?, *content.get(1)?) {
        (CONTROL, SET_PEER_ID) => {
            Some(Heard::Peer { id: u16::from_be_bytes([*content.get(2)?, *content.get(3)?]), sequence })
        }
        (ORIGINAL, _) if content.get(1..3)? == HELLO.to_be_bytes() => {
            // After the command: serialisation (1), compression (2), protocol (2), ways to sign in (4), name (2 + n).
            let protocol = u16::from_be_bytes([*content.get(6)?, *content.get(7)?]);
            let length = usize::from(u16::from_be_bytes([*content.get(12)?, *content.get(13)?]));
            let player = String::from_utf8_lossy(content.get(14..14 + length)?).into_owned();
            Some(Heard::Hello(Hello { protocol, player }))
        }
        _ => None,
    }
}

fn packet(peer: u16, channel: u8, content: &[u8]) -> Vec<u8> {
    let mut out = PROTOCOL.to_be_bytes().to_vec();
    out.extend(peer.to_be_bytes());
    out.push(channel);
    out.extend(content);
    out
}

/// An empty reliable packet from nobody: the server answers with a peer id.
fn connect() -> Vec<u8> {
    let mut content = vec![RELIABLE];
    content.extend(FIRST_SEQUENCE.to_be_bytes());
    content.push(ORIGINAL);
    packet(0, 0, &content)
}

fn ack(sequence: u16) -> Vec<u8> {
    let mut content = vec![CONTROL, ACK];
    content.extend(sequence.to_be_bytes());
    content
}

fn init(player: &str) -> Vec<u8> {
    let mut content = vec![ORIGINAL];
    content.extend(INIT.to_be_bytes());
    content.push(29); // newest serialisation that we read
    content.extend(0_u16.to_be_bytes()); // no compression
    content.extend(37_u16.to_be_bytes()); // oldest and newest protocol
    content.extend(44_u16.to_be_bytes());
    content.extend(u16::try_from(player.len()).unwrap_or(0).to_be_bytes());
    content.extend(player.as_bytes());
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_read_and_torn_packets_are_not() {
        let hello =
            [&[0x4f, 0x45, 0x74, 0x03, 0, 1, 0, 3, 0xff, 0xdd, 1, 0, 2, 29, 0, 0, 0, 41, 0, 0, 0, 4, 0, 3][..], b"ada"]
                .concat();
        let Some(Heard::Hello(heard)) = read(&hello) else { panic!("not read") };
        assert_eq!(heard, Hello { protocol: 41, player: "ada".into() });
        for length in 0..hello.len() {
            assert!(read(&hello[..length]).is_none(), "{length} bytes are not a whole hello");
        }
    }

    #[test]
    fn silence_is_an_error_within_the_limit() {
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = nobody.local_addr().unwrap().to_string();
        let error = handshake(&address, "ada", Duration::from_millis(400)).unwrap_err().to_string();
        assert!(error.contains("did not answer"), "{error}");
    }
}
