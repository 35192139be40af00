//! Where a request comes from. Only configured hops are believed.

use http::HeaderMap;
use std::net::IpAddr;

/// The peer of the connection; set by whoever accepted it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// A network in the form `192.0.2.0/24`; a single address is one, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl std::str::FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is neither an address nor a network such as 192.0.2.0/24");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if self.bits == most { write!(f, "{}", self.address) } else { write!(f, "{}/{}", self.address, self.bits) }
    }
}

impl Network {
    /// True when the address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, plain(address)) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.bits);
                shift == 32 || u32::from(net) >> shift == u32::from(ip) >> shift
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.bits);
                shift == 128 || u128::from(net) >> shift == u128::from(ip) >> shift
            }
            _ => false,
        }
    }
    /// True when it is so large that everybody is in it.
    pub fn is_everybody(&self) -> bool {
        self.bits == 0
    }
}

/// The client's address and whether it came over TLS, read from the right end of what trusted hops added.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> (IpAddr, bool) {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = plain(peer);
    if !is_trusted(client) {
        return (client, false);
    }
    let is_secure = headers
        .get("x-forwarded-proto")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.rsplit(',').next())
        .is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"));
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .collect();
    for hop in hops.into_iter().rev() {
        // What cannot be read was written by nobody we trust: the last believed hop is the client then.
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = plain(address);
        if !is_trusted(client) {
            break;
        }
    }
    (client, is_secure)
}

fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        let trusted: Vec<Network> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        client(peer.parse().unwrap(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn only_configured_hops_are_believed() {
        assert_eq!(seen("198.51.100.9", "203.0.113.1", &[]), "198.51.100.9");
        assert_eq!(seen("198.51.100.9", "203.0.113.1", &["10.0.0.0/8"]), "198.51.100.9");
        assert_eq!(seen("10.0.0.2", "203.0.113.1", &["10.0.0.0/8"]), "203.0.113.1");
        assert_eq!(seen("::ffff:10.0.0.2", "203.0.113.1", &["10.0.0.0/8"]), "203.0.113.1");
        assert_eq!(seen("10.0.0.2", "1.1.1.1, 203.0.113.1, 10.0.0.7", &["10.0.0.0/8"]), "203.0.113.1");
        assert_eq!(seen("10.0.0.2", "203.0.113.1, nonsense", &["10.0.0.0/8"]), "10.0.0.2");
        assert_eq!(seen("10.0.0.2", "10.0.0.3", &["10.0.0.0/8"]), "10.0.0.3");
    }

    #[test]
    fn networks_are_read_strictly() {
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "example.org", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        let one: Network = "192.0.2.7".parse().unwrap();
        assert!(one.contains("192.0.2.7".parse().unwrap()) && !one.contains("192.0.2.8".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("203.0.113.9".parse().unwrap()));
    }
}
