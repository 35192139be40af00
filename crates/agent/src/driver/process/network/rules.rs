//! The rules, as `nft` reads them. Each text can be applied again at any time, and takes effect whole or not at all.

use super::host::Host;
use ostler_model::bounds::agent::NETWORK_FLOWS as FLOWS;
use ostler_model::workload::blueprint::Protocol;
use std::fmt::{Display, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

/// How the host's ends of all networks begin.
pub(super) const PREFIX: &str = "ost-";

/// Addresses that are no way out: this machine, networks behind it, neighbours, and clouds' metadata services.
const CLOSED_V4: [&str; 10] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
];
/// The same, and ways to write an IPv4 address as IPv6.
const CLOSED_V6: [&str; 12] = [
    "::/127",
    "::ffff:0:0/96",
    "64:ff9b::a00:0/104",
    "64:ff9b::7f00:0/104",
    "64:ff9b::a9fe:0/112",
    "64:ff9b::ac10:0/108",
    "64:ff9b::c0a8:0/112",
    "64:ff9b:1::/48",
    "2002::/16",
    "fc00::/7",
    "fe80::/9",
    "ff00::/8",
];

/// All networks' addresses. Without their interface, packets to them would leave by the way out.
const NETWORKS: &str = "198.18.0.0/15";

/// Replaces a table by these chains.
fn table(name: &str, chains: &str) -> String {
    format!("table inet {name} {{}}\ndelete table inet {name}\ntable inet {name} {{\n{chains}}}\n")
}

/// Removes a table.
pub(super) fn without(name: &str) -> String {
    format!("table inet {name} {{}}\ndelete table inet {name}\n")
}

/// What holds for all networks, on the host: nothing of this machine is reached from them, nor one from another, and into
/// one only what was translated.
pub(super) fn shared(host: &Host) -> String {
    // One of them may be this machine itself.
    let resolvers = resolvers(host);
    table(
        "ostler",
        &format!(
            "chain input {{
type filter hook input priority filter; policy accept;
iifname != \"{PREFIX}*\" accept
ct state established,related accept
icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
{resolvers}reject with icmpx admin-prohibited
}}
chain forward {{
type filter hook forward priority filter; policy accept;
ip daddr {NETWORKS} oifname != \"{PREFIX}*\" reject with icmpx admin-prohibited
iifname != \"{PREFIX}*\" oifname != \"{PREFIX}*\" accept
ct state established,related accept
iifname \"{PREFIX}*\" oifname \"{PREFIX}*\" reject with icmpx admin-prohibited
iifname \"{PREFIX}*\" accept
ct status dnat accept
drop
}}
chain leave {{
type nat hook postrouting priority srcnat; policy accept;
iifname \"{PREFIX}*\" oifname != \"{PREFIX}*\" masquerade
ip saddr 127.0.0.0/8 oifname \"{PREFIX}*\" masquerade
}}
"
        ),
    )
}

/// One network, as the host knows it.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    pub table: &'a str,
    pub interface: &'a str,
    /// Another for each run.
    pub zone: u16,
    pub ports: &'a [(u16, Protocol)],
    pub v4: Ipv4Addr,
    pub v6: Option<Ipv6Addr>,
}

/// The ports of one network: who asks for one of them at any address of this machine gets to it.
///
/// Whose packets come is remembered by the kernel together with where they go, and not looked up again while they keep coming. So each
/// run remembers in a zone of its own: a player who kept asking while the game was down gets to the new run.
pub(super) fn own(own: Own<'_>) -> String {
    let Own { table: name, interface, zone, ports, v4, v6 } = own;
    let (mut to, mut first) = (String::new(), String::new());
    let mut add = |word: &str, port: u16| {
        let _ = writeln!(first, "fib daddr type local {word} dport {port} ct original zone set {zone}");
        let _ = writeln!(to, "fib daddr type local {word} dport {port} dnat ip to {v4}");
        if let Some(v6) = v6 {
            let _ = writeln!(to, "fib daddr type local {word} dport {port} dnat ip6 to {v6}");
        }
    };
    for (port, protocol) in ports {
        if *protocol != Protocol::Udp {
            add("tcp", *port);
        }
        if *protocol != Protocol::Tcp {
            add("udp", *port);
        }
    }
    table(
        name,
        &format!(
            "chain arrive-first {{
type filter hook prerouting priority raw; policy accept;
iifname \"{PREFIX}*\" accept
{first}}}
chain local-first {{
type filter hook output priority raw; policy accept;
{first}}}
chain arrive {{
type nat hook prerouting priority dstnat; policy accept;
iifname \"{PREFIX}*\" accept
{to}}}
chain local {{
type nat hook output priority -100; policy accept;
ip6 daddr ::1 accept
{to}}}
chain bound {{
type filter hook forward priority filter; policy accept;
iifname \"{interface}\" ct state new ct count over {FLOWS} reject with icmpx admin-prohibited
}}
"
        ),
    )
}

/// What holds inside a network, wherever the packets would go on the host.
pub(super) fn inside(host: &Host) -> String {
    let resolvers = resolvers(host);
    let no = "reject with icmpx admin-prohibited";
    let closed = some("ip daddr", CLOSED_V4, no)
        + &some("ip6 daddr", CLOSED_V6, no)
        + &some("ip daddr", &host.own_v4, no)
        + &some("ip6 daddr", &host.own_v6, no);
    table(
        "ostler",
        &format!(
            "chain leave {{
type filter hook output priority filter; policy accept;
oifname \"lo\" accept
ct state established,related accept
icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
{resolvers}{closed}ct state new ct count over {FLOWS} reject with icmpx admin-prohibited
}}
"
        ),
    )
}

/// Lets questions for names through.
fn resolvers(host: &Host) -> String {
    let ask = "meta l4proto { tcp, udp } th dport 53 accept";
    some("ip daddr", &host.resolvers_v4, ask) + &some("ip6 daddr", &host.resolvers_v6, ask)
}

/// One rule about any of these, none when there are none.
fn some(what: &str, values: impl IntoIterator<Item: Display>, then: &str) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    if values.is_empty() { String::new() } else { format!("{what} {{ {} }} {then}\n", values.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ports_of_a_workload_lead_in() {
        let v4 = Ipv4Addr::new(198, 18, 0, 38);
        let ports = [(28_001, Protocol::Tcp), (28_002, Protocol::Udp)];
        let one = Own { table: "ostler-9", interface: "ost-9", zone: 7, ports: &ports, v4, v6: None };
        let text = own(one);
        assert_eq!(text.matches("tcp dport 28001 dnat ip to 198.18.0.38").count(), 2, "{text}");
        assert_eq!(text.matches("udp dport 28002 dnat ip to 198.18.0.38").count(), 2, "{text}");
        assert_eq!(text.matches(" dnat ").count(), 4, "{text}");
        let both = own(Own { ports: &[(7, Protocol::Both)], v6: Some(Ipv6Addr::LOCALHOST), ..one });
        assert_eq!(both.matches(" dnat ").count(), 8, "{both}");
    }

    #[test]
    fn resolvers_come_before_what_is_closed() {
        let host = Host { resolvers_v4: ["10.0.0.2".parse().unwrap()].into(), ..Host::default() };
        let text = inside(&host);
        assert!(text.find("10.0.0.2").unwrap() < text.find("10.0.0.0/8").unwrap(), "{text}");
        assert!(!text.contains("{  }"), "{text}");
    }
}
