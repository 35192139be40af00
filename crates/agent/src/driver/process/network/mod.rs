//! A network for each workload: a veth pair, one end in a namespace that only root can change, translation of
//! addresses on the host, and two filters.
//!
//! Exactly its ports lead in, with the address of who comes. The way out leads to the internet: not to this machine under any
//! of its addresses, not to other workloads, not to private, link-local or metadata addresses. The filter inside the namespace
//! does not depend on the host's firewall, which others may flush; the one on the host does not depend on which
//! addresses the machine had when the workload began. Everything is in the kernel and outlives the agent. It goes with the
//! namespace but for one table of rules, which [`disconnect`] removes.

mod host;
mod rules;

pub(crate) use host::has_resolver;
pub(super) use host::{other_resolv_conf, traffic};

use super::sys::{self, Before, Net};
use crate::driver::tool::{self, Call};
use ostler_model::workload::blueprint::{Protocol, Resource, What};
use ostler_model::{Foreign, Millis};
use ostler_runtime::Clock;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::oneshot;

/// Longer than any of these tools takes on a busy machine.
const LIMIT: Millis = Millis::secs(20);
/// As many accounts as there are networks of four addresses in 198.18.0.0/15.
const ACCOUNTS: u32 = 32_768;

/// Which network processes get here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Each its own.
    Own,
    /// The machine's.
    Shared,
}

/// The numbers of one workload's network, all from its account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers(u32);

impl Numbers {
    fn of(account: u32) -> Result<Self, String> {
        let is_small = account > 0 && account < ACCOUNTS;
        is_small
            .then_some(Self(account))
            .ok_or_else(|| format!("its account's number, {account}, is too large for a network"))
    }
    /// The host's end.
    fn interface(self) -> String {
        format!("{}{}", rules::PREFIX, self.0)
    }
    fn table(self) -> String {
        format!("ostler-{}", self.0)
    }
    fn v4(self, at: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + self.0 * 4 + at)
    }
    /// What holds on the host, for all and for this one. The zone is another for each run.
    fn rules(self, host: &host::Host, zone: u16, ports: &[(u16, Protocol)]) -> String {
        let (table, interface) = (self.table(), self.interface());
        let v6 = host.has_v6.then(|| self.v6(2));
        rules::shared(host)
            + &rules::own(rules::Own { table: &table, interface: &interface, zone, ports, v4: self.v4(2), v6 })
    }
    fn v6(self, at: u16) -> Ipv6Addr {
        let own = u16::try_from(self.0).expect("fewer than ACCOUNTS");
        Ipv6Addr::new(0xfd6f, 0x7374, 0x6c72, own, 0, 0, 0, at)
    }
}

/// The ports of these resources.
pub(crate) fn ports(resources: &[Resource]) -> Vec<(u16, Protocol)> {
    let port = |resource: &Resource| match &resource.what {
        What::Port { port, protocol, .. } => Some((*port, *protocol)),
        What::Account {} | What::Volume { .. } | What::File { .. } | What::Package { .. } | What::Download { .. } => {
            None
        }
    };
    resources.iter().filter_map(port).collect()
}

/// Tries out whether networks can be made, in one that is thrown away. The error says what is missing.
pub(crate) async fn probe(clock: &Clock) -> Result<(), String> {
    let alone = |command: &mut tokio::process::Command| {
        sys::prepare(command, Before { network: Net::New, ..Before::default() });
    };
    let (numbers, host) = (Numbers(1), host::Host::look());
    let text = numbers.rules(&host, 1, &[(1, Protocol::Both)]);
    tool::talk(clock, nft(&text), alone).await?;
    tool::talk(clock, nft(&rules::inside(&host)), alone).await?;
    let interfaces = "link add dev trial0 mtu 1500 type veth peer name trial1 mtu 1500\nlink set trial0 up\n";
    tool::talk(clock, ip(interfaces), alone).await?;
    let forwards = "/proc/sys/net/ipv4/ip_forward";
    let is_writable = File::options().write(true).open(forwards).map(drop);
    is_writable.map_err(|e| format!("{forwards} cannot be written: {e}"))
}

/// Connects the network in which this process is: afterwards its ports are reached and it has its way out.
pub(crate) async fn connect(clock: &Clock, account: u32, pid: i32, ports: &[(u16, Protocol)]) -> Result<(), String> {
    let numbers = Numbers::of(account)?;
    let host = host::Host::look();
    let net = || File::open(format!("/proc/{pid}/ns/net")).map_err(|e| format!("its network is not there: {e}"));
    within(clock, net()?, nft(&rules::inside(&host))).await?;
    let (interface, mtu) = (numbers.interface(), host.mtu);
    if host::has_interface(&interface) {
        // Of a run whose last process is still ending.
        tool::run(clock, "ip", &["link", "del", "dev", &interface]).await?;
    }
    // The interface is there before its rules, so rules without a interface are always left over.
    let pair = format!("link add dev {interface} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {pid}\n");
    batch(clock, &pair, None).await?;
    on_host(clock, numbers, &host, pid, ports).await?;
    let mut outer = format!("addr add {}/30 dev {interface}\n", numbers.v4(1));
    let mut inner = format!(
        "link set lo up\naddr add {}/30 dev eth0\nlink set eth0 up\nroute add default via {}\n",
        numbers.v4(2),
        numbers.v4(1)
    );
    if host.has_v6 {
        outer += &format!("addr add {}/64 dev {interface} nodad\n", numbers.v6(1));
        inner += &format!("addr add {}/64 dev eth0 nodad\nroute add default via {}\n", numbers.v6(2), numbers.v6(1));
    }
    outer += &format!("link set {interface} up\n");
    batch(clock, &outer, None).await?;
    host::forward(&interface, host.has_v6)?;
    batch(clock, &inner, Some(net()?)).await
}

/// Makes sure of the connection of a run that goes on: the host's firewall may have been flushed, or a start interrupted.
pub(crate) async fn connect_again(
    clock: &Clock,
    account: u32,
    pid: i32,
    ports: &[(u16, Protocol)],
) -> Result<(), String> {
    let numbers = Numbers::of(account)?;
    if host::has_interface(&numbers.interface()) && host::is_connected(pid) {
        on_host(clock, numbers, &host::Host::look(), pid, ports).await
    } else {
        connect(clock, account, pid, ports).await
    }
}

/// Removes what is left on the host, whether or not it is there.
pub(crate) async fn disconnect(clock: &Clock, account: u32) -> Result<(), String> {
    let numbers = Numbers::of(account)?;
    tool::talk(clock, nft(&rules::without(&numbers.table())), |_| ()).await?;
    let interface = numbers.interface();
    if host::has_interface(&interface) {
        let gone = tool::run(clock, "ip", &["link", "del", "dev", &interface]).await;
        // It goes by itself, with the last process in it.
        if host::has_interface(&interface) {
            return gone.map(drop);
        }
    }
    Ok(())
}

/// Removes the rules of networks that are no more, as when everything was killed at once. They would take ports away from those who
/// get them next.
pub(crate) async fn sweep(clock: &Clock) {
    let Ok(tables) = tool::run(clock, "nft", &["list", "tables", "inet"]).await else { return };
    let names = tables.lines().filter_map(|line| line.trim().strip_prefix("table inet "));
    let accounts = names.filter_map(|name| name.strip_prefix("ostler-")?.parse::<u32>().ok());
    for numbers in accounts.filter_map(|account| Numbers::of(account).ok()) {
        if host::has_interface(&numbers.interface()) {
            continue;
        }
        if let Err(error) = tool::talk(clock, nft(&rules::without(&numbers.table())), |_| ()).await {
            tracing::warn!(error = %Foreign(error), "rules of a network that is no more cannot be removed");
        }
    }
}

async fn on_host(
    clock: &Clock,
    numbers: Numbers,
    host: &host::Host,
    pid: i32,
    ports: &[(u16, Protocol)],
) -> Result<(), String> {
    // A number that the run before did not have; zero means all.
    let zone = u16::try_from(pid.rem_euclid(i32::from(u16::MAX)) + 1).unwrap_or(1);
    let text = numbers.rules(host, zone, ports);
    tool::talk(clock, nft(&text), |_| ()).await?;
    host::let_through(clock).await;
    Ok(())
}

fn nft(text: &str) -> Call<'_> {
    Call { program: "nft", arguments: &["-f", "-"], input: text, limit: LIMIT }
}

fn ip(text: &str) -> Call<'_> {
    Call { program: "ip", arguments: &["-batch", "-"], input: text, limit: LIMIT }
}

async fn within(clock: &Clock, net: File, call: Call<'_>) -> Result<String, String> {
    let enter = |command: &mut tokio::process::Command| {
        sys::prepare(command, Before { network: Net::Of(net.into()), ..Before::default() });
    };
    tool::talk(clock, call, enter).await
}

async fn batch(clock: &Clock, text: &str, net: Option<File>) -> Result<(), String> {
    match net {
        Some(net) => within(clock, net, ip(text)).await.map(drop),
        None => tool::talk(clock, ip(text), |_| ()).await.map(drop),
    }
}

/// Ports that are held while a workload has them, so that nothing else on the machine is given them: what arrives there
/// is translated before it would reach these sockets.
#[derive(Debug, Default)]
pub(crate) struct Held {
    _tcp: Vec<TcpSocket>,
    _udp: Vec<std::net::UdpSocket>,
}

impl Held {
    pub(crate) fn take(ports: &[(u16, Protocol)]) -> Result<Self, String> {
        let mut held = Self::default();
        for (port, protocol) in ports {
            let say =
                |word: &str, e: io::Error| format!("port {port}/{word} is in use by something else on this node: {e}");
            if *protocol != Protocol::Udp {
                let socket = TcpSocket::new_v4().map_err(|e| say("tcp", e))?;
                socket.bind((Ipv4Addr::UNSPECIFIED, *port).into()).map_err(|e| say("tcp", e))?;
                held._tcp.push(socket);
            }
            if *protocol != Protocol::Tcp {
                let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, *port)).map_err(|e| say("udp", e))?;
                held._udp.push(socket);
            }
        }
        Ok(held)
    }
}

/// The network of a process, to connect inside it.
#[derive(Debug)]
pub(crate) struct Inside(File);

impl Inside {
    /// The caller makes sure that the number still means that process.
    pub(crate) fn of(pid: i32) -> io::Result<Self> {
        File::open(format!("/proc/{pid}/ns/net")).map(Self)
    }
    /// A connection to its loopback.
    pub(crate) async fn tcp(self, port: u16) -> io::Result<TcpStream> {
        let socket = self.make(TcpSocket::new_v4).await?;
        socket.connect((Ipv4Addr::LOCALHOST, port).into()).await
    }
    /// Datagrams to and from its loopback.
    pub(crate) async fn udp(self, port: u16) -> io::Result<UdpSocket> {
        let socket = self.make(|| std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).await?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        socket.connect((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(socket)
    }
    /// A socket stays in the network in which it was made; the thread that goes there for it ends with that.
    async fn make<T: Send + 'static>(self, make: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new().name("network".to_owned()).spawn(move || {
            let there = move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network));
            // Who asked may be gone.
            let _ = tell.send(there.map_err(io::Error::from).and_then(|()| make()));
        })?;
        told.await.unwrap_or_else(|_| Err(io::Error::other("its network could not be entered")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_addresses_of_its_own() {
        let (one, other) = (Numbers::of(999).unwrap(), Numbers::of(ACCOUNTS - 1).unwrap());
        assert_eq!((one.v4(1).to_string(), one.v4(2).to_string()), ("198.18.15.157".into(), "198.18.15.158".into()));
        assert_eq!(one.v6(2).to_string(), "fd6f:7374:6c72:3e7::2");
        assert_eq!(other.v4(3).to_string(), "198.19.255.255");
        assert!(Numbers::of(0).is_err() && Numbers::of(ACCOUNTS).is_err());
        assert!(other.interface().len() < 16, "the kernel's longest name");
    }
}
