//! What the host's own network is like, and what it has to do for those of workloads.

use crate::driver::tool;
use ostler_runtime::Clock;
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// systemd's own list of what its resolver on loopback asks.
const UPLINKS: &str = "/run/systemd/resolve/resolv.conf";
/// Whether IPv6 packets are forwarded.
const FORWARD_V6: &str = "/proc/sys/net/ipv6/conf/all/forwarding";
/// The smallest that IPv6 works with, and the usual one.
const MTU: (u32, u32) = (1280, 1500);

/// The host, as its network is now.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub own_v4: BTreeSet<Ipv4Addr>,
    pub own_v6: BTreeSet<Ipv6Addr>,
    pub resolvers_v4: BTreeSet<Ipv4Addr>,
    pub resolvers_v6: BTreeSet<Ipv6Addr>,
    /// It has a way out by IPv6, and may forward it.
    pub has_v6: bool,
    pub mtu: u32,
}

impl Host {
    pub(super) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mut host = Self {
            own_v4: own_v4(&read("/proc/net/fib_trie")),
            own_v6: own_v6(&read("/proc/net/if_inet6")),
            has_v6: has_v6(&read("/proc/net/ipv6_route")) && fs::File::options().write(true).open(FORWARD_V6).is_ok(),
            mtu: mtu(&read("/proc/net/route")).clamp(MTU.0, 65_535),
            ..Self::default()
        };
        for resolver in resolvers(&resolv_conf()) {
            match resolver {
                IpAddr::V4(v4) => drop(host.resolvers_v4.insert(v4)),
                IpAddr::V6(v6) => drop(host.resolvers_v6.insert(v6)),
            }
        }
        host
    }
}

/// The file in which a workload with a network of its own finds whom to ask for names, when that is not the usual one: one
/// that names only this machine leads nowhere from there.
pub(in crate::driver::process) fn other_resolv_conf() -> Option<&'static Path> {
    let usual = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    (resolvers(&usual).is_empty() && Path::new(UPLINKS).is_file()).then_some(Path::new(UPLINKS))
}

/// Whether names can be looked up from inside.
pub(crate) fn has_resolver() -> bool {
    !resolvers(&resolv_conf()).is_empty()
}

fn resolv_conf() -> String {
    let at = other_resolv_conf().unwrap_or(Path::new("/etc/resolv.conf"));
    fs::read_to_string(at).unwrap_or_default()
}

/// Those that are not on loopback.
fn resolvers(text: &str) -> BTreeSet<IpAddr> {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.split('%').next()?.parse::<IpAddr>().ok()).flatten()
    };
    text.lines().filter_map(of_line).filter(|address| !address.is_loopback() && !address.is_unspecified()).collect()
}

fn own_v4(fib: &str) -> BTreeSet<Ipv4Addr> {
    let mut found = BTreeSet::new();
    let mut last = None;
    for line in fib.lines() {
        match line.trim().strip_prefix("|-- ") {
            Some(address) => last = address.parse::<Ipv4Addr>().ok(),
            None if line.contains("/32 host LOCAL") => found.extend(last),
            None => {}
        }
    }
    found.retain(|address| !address.is_loopback());
    found
}

fn own_v6(table: &str) -> BTreeSet<Ipv6Addr> {
    let hex = table.lines().filter_map(|line| u128::from_str_radix(line.split_whitespace().next()?, 16).ok());
    hex.map(Ipv6Addr::from_bits).filter(|address| !address.is_loopback()).collect()
}

fn has_v6(routes: &str) -> bool {
    routes.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.len() >= 10 && words[0].bytes().all(|b| b == b'0') && words[1] == "00" && words[9] != "lo"
    })
}

/// The largest packet of the way out.
fn mtu(routes: &str) -> u32 {
    let out = routes.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (interface, to) = (words.next()?, words.next()?);
        (to == "00000000").then_some(interface)
    });
    let read = |interface| fs::read_to_string(format!("/sys/class/net/{interface}/mtu")).ok()?.trim().parse().ok();
    out.and_then(read).unwrap_or(MTU.1)
}

/// Whether the host has a interface of this name.
pub(super) fn has_interface(name: &str) -> bool {
    let interfaces = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    interfaces.lines().any(|line| line.split_once(':').is_some_and(|(interface, _)| interface.trim() == name))
}

/// Whether the network in which this process is has its way out, which it gets last.
pub(super) fn is_connected(pid: i32) -> bool {
    let routes = fs::read_to_string(format!("/proc/{pid}/net/route")).unwrap_or_default();
    routes.lines().any(|line| line.starts_with("eth0\t00000000\t"))
}

/// Bytes received and sent over the interface of the network in which this process is.
pub(in crate::driver::process) fn traffic(pid: i32) -> Option<(u64, u64)> {
    let interfaces = fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    let (_, numbers) =
        interfaces.lines().find_map(|line| line.split_once(':').filter(|(interface, _)| interface.trim() == "eth0"))?;
    let mut numbers = numbers.split_whitespace();
    Some((numbers.next()?.parse().ok()?, numbers.nth(7)?.parse().ok()?))
}

/// Makes the host forward packets to and from this interface.
pub(super) fn forward(interface: &str, has_v6: bool) -> Result<(), String> {
    let set = |path: String, value: &str| fs::write(&path, value).map_err(|e| format!("{path} cannot be written: {e}"));
    let v4 = "/proc/sys/net/ipv4";
    set(format!("{v4}/ip_forward"), "1")?;
    // Who asks at 127.0.0.1 on this machine comes from there; the other direction is closed by the filters.
    set(format!("{v4}/conf/{interface}/route_localnet"), "1")?;
    if !has_v6 {
        return Ok(());
    }
    let conf = "/proc/sys/net/ipv6/conf";
    if fs::read_to_string(FORWARD_V6).is_ok_and(|now| now.trim() == "1") {
        return Ok(());
    }
    for entry in fs::read_dir(conf).into_iter().flatten().flatten() {
        let accepts = entry.path().join("accept_ra");
        // A machine that forwards packets listens no more to routers, which would take its own addresses away; 2 keeps that.
        if fs::read_to_string(&accepts).is_ok_and(|now| now.trim() == "1") {
            set(accepts.display().to_string(), "2")?;
        }
    }
    set(FORWARD_V6.to_owned(), "1")
}

/// Container engines and firewalls forward nothing but their own. What goes to and from workloads is
/// decided by our own table, so theirs lets it through.
pub(super) async fn let_through(clock: &Clock) {
    for program in ["iptables", "ip6tables"] {
        let Ok(rules) = tool::run(clock, program, &["-w", "-S", "FORWARD"]).await else { continue };
        if rules.trim() == "-P FORWARD ACCEPT" {
            continue;
        }
        for direction in ["-i", "-o"] {
            let rule = [direction, "ost-+", "-j", "ACCEPT"];
            if rules.lines().any(|line| line.trim() == format!("-A FORWARD {}", rule.join(" "))) {
                continue;
            }
            let insert = [&["-w", "-I", "FORWARD"], rule.as_slice()].concat();
            if let Err(error) = tool::run(clock, program, &insert).await {
                tracing::warn!(%error, "the machine's firewall does not let workloads' packets through");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_addresses_and_resolvers_are_found() {
        let fib = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\nLocal:\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.0.2.0\n        /24 link UNICAST\n     |-- 192.0.2.2\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n";
        assert_eq!(own_v4(fib), ["192.0.2.2".parse().unwrap()].into());
        let v6 = "fd000000000000000000000000000002 04 40 00 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\n";
        assert_eq!(own_v6(v6), ["fd00::2".parse().unwrap()].into());
        let text = "# x\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\noptions edns0\n";
        assert_eq!(resolvers(text), ["10.0.0.2".parse().unwrap(), "fe80::1".parse().unwrap()].into());
    }

    #[test]
    fn a_way_out_by_ipv6_is_told_from_none() {
        let none = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n";
        let way = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n";
        assert!(!has_v6(none) && has_v6(&format!("{none}{way}")));
    }
}
