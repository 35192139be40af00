//! Where a request comes from. Only configured hops are believed.

use http::HeaderMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The peer of the connection; set by whoever accepted it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What is known of the peer besides its address; set by whoever accepted the connection.
#[derive(Debug, Clone, Copy)]
pub struct Hop {
    /// It is one of the trusted proxies.
    pub is_proxy: bool,
}

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
    /// True when some address of it is this machine's own.
    pub fn touches_loopback(&self) -> bool {
        self.is_loopback() || self.contains(Ipv4Addr::LOCALHOST.into()) || self.contains(Ipv6Addr::LOCALHOST.into())
    }
    /// True when all addresses of it are this machine's own.
    fn is_loopback(&self) -> bool {
        match plain(self.address) {
            IpAddr::V4(ip) => ip.is_loopback() && (self.bits >= 8 || self.address.is_ipv6()),
            IpAddr::V6(ip) => ip.is_loopback() && self.bits == 128,
        }
    }
}

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    uid: u32,
    name: Option<String>,
}

impl std::str::FromStr for Account {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} names no account; use uid=33 or user=www-data");
        match text.split_once(['=', ':']) {
            Some(("uid", number)) => Ok(Self { uid: number.parse().map_err(|_| wrong())?, name: None }),
            Some(("user", name)) if !name.is_empty() => {
                let uid = crate::config::uid_of(name)
                    .ok_or_else(|| format!("there is no account {name} on this machine; use its number: uid=33"))?;
                Ok(Self { uid, name: Some(name.to_owned()) })
            }
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "user={name}"),
            None => write!(f, "uid={}", self.uid),
        }
    }
}

/// A hop whose word about its client is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxy {
    /// On other machines, by its address: `10.0.0.5`, `10.0.0.0/8`.
    Network(Network),
    /// On this machine, over TCP, when the account owns the connection: `127.0.0.1 uid=33`. The address alone says nothing:
    /// every process of the machine has it.
    Here { network: Network, account: Account },
    /// On this machine, by the Unix socket: `unix user=www-data`.
    Socket(Account),
}

impl std::str::FromStr for Proxy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (place, account) = (words.next().unwrap_or_default(), words.next());
        if words.next().is_some() {
            return Err(format!("{text:?} has too many words; use an address, and an account for this machine's own"));
        }
        match (place, account) {
            ("unix", Some(account)) => account.parse().map(Proxy::Socket),
            ("unix", None) => Err("\"unix\" alone trusts every account; add one: \"unix user=www-data\"".to_owned()),
            (address, None) => address.parse().map(Proxy::Network),
            (address, Some(account)) => {
                let network: Network = address.parse()?;
                if !network.is_loopback() {
                    return Err(format!(
                        "{text:?}: only connections from this machine (127.0.0.1, ::1) have an account here"
                    ));
                }
                Ok(Proxy::Here { network, account: account.parse()? })
            }
        }
    }
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Proxy::Network(network) => network.fmt(f),
            Proxy::Here { network, account } => write!(f, "{network} {account}"),
            Proxy::Socket(account) => write!(f, "unix {account}"),
        }
    }
}

impl Proxy {
    /// True for a hop at this address of another machine.
    pub fn is_at(&self, address: IpAddr) -> bool {
        matches!(self, Proxy::Network(network) if network.contains(address) && !plain(address).is_loopback())
    }
    /// True when a connection from this address, of this machine, may be its own.
    pub fn is_here(&self, address: IpAddr) -> bool {
        matches!(self, Proxy::Here { network, .. } if network.contains(address))
    }
    /// True when a connection from this address of this machine is its own, by the account that holds the other end.
    pub fn is_run_by(&self, address: IpAddr, uid: Option<u32>) -> bool {
        self.is_here(address) && matches!(self, Proxy::Here { account, .. } if Some(account.uid) == uid)
    }
    /// True for the account at the other end of the Unix socket.
    pub fn is_by_socket(&self, uid: Option<u32>) -> bool {
        matches!(self, Proxy::Socket(account) if Some(account.uid) == uid)
    }
}

/// The client's address and whether it came over TLS, read from the right end of what trusted hops added.
///
/// `X-Forwarded-For` wins over `Forwarded`: a proxy that writes the latter has to remove the former.
pub fn client(peer: IpAddr, is_proxy: bool, headers: &HeaderMap, trusted: &[Proxy]) -> (IpAddr, bool) {
    let mut client = plain(peer);
    if !is_proxy {
        return (client, false);
    }
    let (hops, is_secure) = match lines(headers, "x-forwarded-for") {
        lines if !lines.is_empty() => (lines.iter().flat_map(|line| line.split(',')).map(address).collect(), None),
        _ => {
            let lines = lines(headers, "forwarded");
            let all: Vec<Element> = lines.iter().flat_map(|line| split(line, ',')).map(element).collect();
            let is_secure = all.last().and_then(|last| last.is_secure);
            (all.into_iter().map(|element| element.client).collect::<Vec<_>>(), is_secure)
        }
    };
    for hop in hops.into_iter().rev() {
        // What cannot be read was written by nobody we trust, or says on purpose that it does not tell: the last believed hop
        // is the client then.
        let Some(address) = hop else { break };
        client = address;
        if !trusted.iter().any(|proxy| proxy.is_at(client)) {
            break;
        }
    }
    let proto = lines(headers, "x-forwarded-proto").last().and_then(|line| line.rsplit(',').next()).map(str::trim);
    let is_secure = proto.map(|proto| proto.eq_ignore_ascii_case("https")).or(is_secure).unwrap_or(false);
    (client, is_secure)
}

fn lines<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    // A line that is no text is one hop that cannot be read.
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect()
}

/// One hop of `Forwarded` (RFC 7239).
struct Element {
    client: Option<IpAddr>,
    is_secure: Option<bool>,
}

fn element(text: &str) -> Element {
    let mut found = Element { client: None, is_secure: None };
    for (name, value) in split(text, ';').filter_map(|pair| pair.split_once('=')) {
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => found.client = address(value),
            "proto" => found.is_secure = Some(value.trim().trim_matches('"').eq_ignore_ascii_case("https")),
            _ => {}
        }
    }
    found
}

/// Splits where the separator does not stand in quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c| {
        if c == '"' {
            is_quoted = !is_quoted;
        }
        c == separator && !is_quoted
    })
}

/// A client's address in every notation that proxies write: with a port, in quotes, in brackets, with a zone. `unknown` and
/// made-up names (`_gazonk`) are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let is_port = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return is_port.then(|| without_zone(inside).parse::<Ipv6Addr>().ok()).flatten().map(|ip| plain(ip.into()));
    }
    if let Ok(ip) = without_zone(text).parse::<IpAddr>() {
        return Some(plain(ip));
    }
    let (ip, port) = text.split_once(':')?;
    is_port(port).then(|| ip.parse::<Ipv4Addr>().ok()).flatten().map(IpAddr::V4)
}

/// A number, or a made-up name for one.
fn is_port(text: &str) -> bool {
    let is_name = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    text.parse::<u16>().is_ok() || text.strip_prefix('_').is_some_and(is_name)
}

/// Zones name an interface of whoever wrote the address.
fn without_zone(text: &str) -> &str {
    text.split_once('%').map_or(text, |(address, _)| address)
}

fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(peer: &str, header: &'static str, forwarded: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header, forwarded.parse().unwrap());
        let trusted: Vec<Proxy> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        let peer: IpAddr = peer.parse().unwrap();
        let is_proxy = trusted.iter().any(|proxy| proxy.is_at(peer));
        client(peer, is_proxy, &headers, &trusted).0.to_string()
    }

    fn seen(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        told(peer, "x-forwarded-for", forwarded, trusted)
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
    fn f11_every_notation_of_a_forwarded_address_is_read() {
        for (written, read) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:51234", "203.0.113.7"),
            ("\"203.0.113.7:51234\"", "203.0.113.7"),
            ("  203.0.113.7  ", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]\"", "2001:db8::1"),
            ("\"[2001:db8::1]:_port\"", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
            // Not told, or not an address: the proxy itself is the last one that is known.
            ("unknown", "10.0.0.2"),
            ("_hidden", "10.0.0.2"),
            ("203.0.113.7:99999", "10.0.0.2"),
            ("[2001:db8::1]x", "10.0.0.2"),
            ("", "10.0.0.2"),
        ] {
            assert_eq!(seen("10.0.0.2", written, &["10.0.0.0/8"]), read, "{written}");
            assert_eq!(seen("10.0.0.2", &format!("1.1.1.1, {written}"), &["10.0.0.0/8"]), read, "{written}");
            let quoted = if written.starts_with('"') || written.is_empty() {
                written.to_owned()
            } else {
                format!("\"{written}\"")
            };
            let forwarded = format!("for=1.1.1.1;proto=http, For={quoted};by=203.0.113.43;host=\"a,b\"");
            assert_eq!(told("10.0.0.2", "forwarded", &forwarded, &["10.0.0.0/8"]), read, "{forwarded}");
        }
        assert_eq!(told("10.0.0.2", "forwarded", "for=203.0.113.7, for=10.0.0.9", &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(told("10.0.0.2", "forwarded", "proto=https", &["10.0.0.0/8"]), "10.0.0.2");
    }

    #[test]
    fn f11_the_scheme_is_read_from_either_header_and_one_of_them_decides_about_the_client() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let read = |pairs: &[(&'static str, &str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let (client, is_secure) = client([10, 0, 0, 2].into(), true, &headers, &trusted);
            (client.to_string(), is_secure)
        };
        assert_eq!(read(&[("forwarded", "for=203.0.113.7;proto=https")]), ("203.0.113.7".into(), true));
        assert_eq!(read(&[("forwarded", "proto=https;for=1.1.1.1, for=203.0.113.7")]), ("203.0.113.7".into(), false));
        let both = [("forwarded", "for=1.1.1.1;proto=https"), ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(read(&both), ("203.0.113.7".into(), false), "clients can add what their proxy does not write");
        assert_eq!(read(&[("x-forwarded-proto", "http, https")]), ("10.0.0.2".into(), true));
    }

    #[test]
    fn s9_loopback_is_a_proxy_only_with_its_account() {
        let at = |text: &str| text.parse::<Proxy>();
        let nginx = at("127.0.0.1 uid=33").unwrap();
        let here: IpAddr = [127, 0, 0, 1].into();
        assert!(nginx.is_run_by(here, Some(33)) && !nginx.is_run_by(here, Some(1000)) && !nginx.is_run_by(here, None));
        assert!(!nginx.is_run_by([127, 0, 0, 2].into(), Some(33)) && !nginx.is_at(here));
        // Also where a wide network happens to hold loopback, which the configuration refuses anyway.
        assert!(!at("0.0.0.0/1").unwrap().is_at(here));
        let socket = at("unix user=root").unwrap();
        assert!(socket.is_by_socket(Some(0)) && !socket.is_by_socket(Some(33)) && !socket.is_by_socket(None));
        for text in ["127.0.0.1 uid=33", "::1 user=root", "unix uid=7", "10.0.0.0/8", "127.0.0.0/8 uid=1"] {
            assert_eq!(at(text).unwrap().to_string(), text);
        }
        for wrong in
            ["unix", "127.0.0.1 uid=x", "10.0.0.5 uid=33", "127.0.0.1 33", "127.0.0.1 uid=33 x", "unix user=", ""]
        {
            assert!(at(wrong).is_err(), "{wrong}");
        }
        for (text, touches) in [
            ("127.0.0.1", true),
            ("127.9.0.0/16", true),
            ("::1", true),
            ("0.0.0.0/1", true),
            ("10.0.0.0/8", false),
            ("::ffff:127.0.0.1", true),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().touches_loopback(), touches, "{text}");
        }
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
