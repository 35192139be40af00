//! The rules, as `nft` reads them. Each text can be applied again at any time, and takes effect whole or not at all.

use super::host::Host;
use ostler_model::workload::blueprint::Protocol;
use std::fmt::{Display, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

/// How the host's ends of all networks begin.
pub(super) const CARDS: &str = "ost-";

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
pub(super) fn shared() -> String {
    table(
        "ostler",
        &format!(
            "chain input {{
type filter hook input priority filter; policy accept;
iifname != \"{CARDS}*\" accept
ct state established,related accept
icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
reject with icmpx admin-prohibited
}}
chain forward {{
type filter hook forward priority filter; policy accept;
iifname != \"{CARDS}*\" oifname != \"{CARDS}*\" accept
ct state established,related accept
iifname \"{CARDS}*\" oifname \"{CARDS}*\" reject with icmpx admin-prohibited
iifname \"{CARDS}*\" accept
ct status dnat accept
drop
}}
chain leave {{
type nat hook postrouting priority srcnat; policy accept;
iifname \"{CARDS}*\" oifname != \"{CARDS}*\" masquerade
ip saddr 127.0.0.0/8 oifname \"{CARDS}*\" masquerade
}}
"
        ),
    )
}

/// The ports of one network: who asks for one of them at any address of this machine gets to it.
pub(super) fn own(name: &str, ports: &[(u16, Protocol)], v4: Ipv4Addr, v6: Option<Ipv6Addr>) -> String {
    let mut to = String::new();
    let mut add = |word: &str, port: u16| {
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
            "chain arrive {{
type nat hook prerouting priority dstnat; policy accept;
iifname \"{CARDS}*\" accept
{to}}}
chain local {{
type nat hook output priority -100; policy accept;
ip6 daddr ::1 accept
{to}}}
"
        ),
    )
}

/// What holds inside a network, wherever the packets would go on the host.
pub(super) fn inside(host: &Host) -> String {
    let resolvers = some("ip daddr", &host.resolvers_v4, "meta l4proto { tcp, udp } th dport 53 accept")
        + &some("ip6 daddr", &host.resolvers_v6, "meta l4proto { tcp, udp } th dport 53 accept");
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
{resolvers}{closed}}}
"
        ),
    )
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
        let text =
            own("ostler-9", &[(28_001, Protocol::Tcp), (28_002, Protocol::Udp)], Ipv4Addr::new(198, 18, 0, 38), None);
        assert_eq!(text.matches("tcp dport 28001 dnat ip to 198.18.0.38").count(), 2, "{text}");
        assert_eq!(text.matches("udp dport 28002 dnat ip to 198.18.0.38").count(), 2, "{text}");
        assert_eq!(text.matches("dnat").count(), 4, "{text}");
        let both = own("ostler-9", &[(7, Protocol::Both)], Ipv4Addr::new(198, 18, 0, 38), Some(Ipv6Addr::LOCALHOST));
        assert_eq!(both.matches("dnat").count(), 8, "{both}");
    }

    #[test]
    fn resolvers_come_before_what_is_closed() {
        let host = Host { resolvers_v4: ["10.0.0.2".parse().unwrap()].into(), ..Host::default() };
        let text = inside(&host);
        assert!(text.find("10.0.0.2").unwrap() < text.find("10.0.0.0/8").unwrap(), "{text}");
        assert!(!text.contains("{  }"), "{text}");
    }
}
