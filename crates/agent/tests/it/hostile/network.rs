//! What a workload's network leads to: players from outside see the game and are seen, and the game finds its way out.

use super::{free_port, has_python, port, python};
use crate::machine::{Here, needs_root};
use crate::support::{but, eventually};
use ostler_agent::driver::Meter;
use ostler_model::bounds::agent::NETWORK_FLOWS;
use ostler_model::workload::Power;
use ostler_model::workload::blueprint::Protocol;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The network beyond this machine: a namespace with one interface, with addresses for examples.
struct Outside {
    life: Child,
    interface: String,
    machine: Ipv4Addr,
    player: Ipv4Addr,
    machine_v6: String,
}

fn run(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).output().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

impl Outside {
    fn new() -> Outside {
        let life = Command::new("unshare").args(["-n", "sleep", "120"]).stdout(Stdio::null()).spawn().unwrap();
        let pid = life.id().to_string();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let its = || std::fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|net| net != own);
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while !its() {
            assert!(std::time::Instant::now() < until, "no namespace of its own");
            std::thread::yield_now();
        }
        let base = u32::from(Ipv4Addr::new(198, 51, 100, 0)) + std::process::id() % 60 * 4;
        let (machine, player) = (Ipv4Addr::from_bits(base + 1), Ipv4Addr::from_bits(base + 2));
        let interface = format!("out{pid}");
        run("ip", &["link", "add", "dev", &interface, "type", "veth", "peer", "name", "eth0", "netns", &pid]);
        run("ip", &["addr", "add", &format!("{machine}/30"), "dev", &interface]);
        let v6 = |end: u8| format!("2001:db8:0:{:x}::{end}", life.id() % 0xffff);
        let (machine_v6, player_v6) = (v6(1), v6(2));
        run("ip", &["addr", "add", &format!("{machine_v6}/64"), "dev", &interface, "nodad"]);
        run("ip", &["link", "set", &interface, "up"]);
        let outside = Outside { life, interface, machine, player, machine_v6 };
        outside.run(&["ip", "addr", "add", &format!("{player}/30"), "dev", "eth0"]);
        outside.run(&["ip", "addr", "add", &format!("{player_v6}/64"), "dev", "eth0", "nodad"]);
        outside.run(&["ip", "link", "set", "eth0", "up"]);
        outside
    }
    /// Runs a program out there.
    fn run(&self, args: &[&str]) -> String {
        let pid = self.life.id().to_string();
        run("nsenter", &[&["-t", &pid, "-n"], args].concat())
    }
    fn python(&self, script: &str) -> String {
        self.run(&["/usr/bin/python3", "-c", script])
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        drop(self.life.kill());
        drop(self.life.wait());
        drop(Command::new("ip").args(["link", "del", "dev", &self.interface]).output());
    }
}

/// A game: answers on TCP, before anything is asked, and on UDP; then looks whether something outside answers.
const GAME: &str = r#"
import socket, sys, threading
port, outside = int(sys.argv[1].split()[0]), sys.argv[1].split()[1]
def say(*words): print(*words, flush=True)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); udp.bind(("::", port))
tcp = socket.socket(socket.AF_INET6); tcp.bind(("::", port)); tcp.listen()
def plain(who): return who[0].replace("::ffff:", "")
def answer():
    while True:
        text, who = udp.recvfrom(2000)
        say("udp from", plain(who)); udp.sendto(b"pong", who)
threading.Thread(target=answer, daemon=True).start()
try:
    with socket.create_connection((outside, 4000), timeout=5) as one: say("outside says", one.recv(9).decode())
except OSError as error: say("outside", error)
say("up")
while True:
    one, who = tcp.accept(); say("tcp from", plain(who)); one.sendall(b"welcome"); one.close()
"#;

/// What a player outside does, by both protocols.
fn play(machine: &str, port: u16) -> String {
    format!(
        "import socket
u = socket.socket(socket.AF_INET6 if ':' in '{machine}' else socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(3)
u.sendto(b'x', ('{machine}', {port})); print(u.recv(9).decode())
t = socket.create_connection(('{machine}', {port}), timeout=3); print(t.recv(9).decode())"
    )
}

/// A player who does not wait: asks from the same port before the game is there, and after each start.
fn ask(machine: Ipv4Addr, port: u16) -> String {
    format!(
        "import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('0.0.0.0', 5555)); u.settimeout(1)
u.sendto(b'x', ('{machine}', {port}))
try: print(u.recv(9).decode())
except OSError: print('nothing')"
    )
}

const PLAYED: &str = "pong\nwelcome\n";

#[tokio::test]
async fn s9_a_workloads_network_has_its_ports_and_a_way_out() {
    if !needs_root() || !has_python() {
        return;
    }
    let outside = Outside::new();
    let serve = "import socket\ns = socket.socket(); s.bind(('0.0.0.0', 4000)); s.listen()\none, who = s.accept(); one.sendall(who[0].encode())";
    let pid = outside.life.id().to_string();
    let words = ["-t", &pid, "-n", "/usr/bin/python3", "-c", serve];
    let mut answering = Command::new("nsenter").args(words).spawn().unwrap();
    let listens = || std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap().contains(":0FA0 ");
    eventually("the outside listens", listens).await;

    let here = Here::new().await;
    let mut node = here.node().await;
    let (at, machine) = (free_port(), outside.machine);
    let mut want = python(GAME, &format!("{at} {}", outside.player));
    port(&mut want, at, Protocol::Both);
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "Out up").await;
    // Out there, it is this machine.
    let printed = node.printed(want.id);
    assert!(printed.contains(&format!("outside says {}", &machine.to_string()[..9])), "{printed}");
    assert!(answering.wait().unwrap().success());

    // Players from outside, by both protocols; the game sees their address.
    assert_eq!(outside.python(&play(&machine.to_string(), at)), PLAYED);
    node.prints(want.id, &format!("tcp from {}", outside.player)).await;
    node.prints(want.id, &format!("udp from {}", outside.player)).await;
    // A machine without a way out by IPv6 gives none of it to its workloads.
    if run("ip", &["-6", "route", "show", "default"]).contains("default") {
        assert_eq!(outside.python(&play(&outside.machine_v6, at)), PLAYED);
        node.prints(want.id, "tcp from 2001:db8:").await;
    }
    // Players on this machine.
    for address in [Ipv4Addr::LOCALHOST, machine] {
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        udp.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        udp.send_to(b"x", (address, at)).unwrap();
        assert_eq!(udp.recv(&mut [0; 9]).unwrap(), 4, "{address}");
        let mut tcp = TcpStream::connect((address, at)).unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut tcp, &mut said).unwrap();
        assert_eq!(said, "welcome", "{address}");
    }
    // It is not reached by its own address, even if packets to that are routed here.
    let inside = Ipv4Addr::from_bits(0xC612_0000 + super::uid_of(&want) * 4 + 2);
    outside.run(&["ip", "route", "add", "198.18.0.0/15", "via", &machine.to_string()]);
    let knock = format!(
        "import socket\ns = socket.socket(); s.settimeout(1)\ntry: s.connect(('{inside}', {at})); print('in')\nexcept OSError: print('closed')"
    );
    assert_eq!(outside.python(&knock), "closed\n");
    let running = node.agent.supervisor().run_of(want.id).unwrap().unwrap();
    let stats = running.stats(&mut Meter::default()).await;
    assert!(stats.received_bytes.unwrap() > 0 && stats.sent_bytes.unwrap() > 0, "{stats:?}");
    here.remove(&mut node, &want).await;
}

#[tokio::test]
async fn s9_players_reach_a_game_whatever_is_started_again() {
    if !needs_root() || !has_python() {
        return;
    }
    let outside = Outside::new();
    let here = Here::new().await;
    let mut node = here.node().await;
    let (at, machine) = (free_port(), outside.machine);
    assert_eq!(outside.python(&ask(machine, at)), "nothing\n");
    let mut want = python(GAME, &format!("{at} 127.0.0.1"));
    port(&mut want, at, Protocol::Both);
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "Out up").await;
    assert_eq!(outside.python(&ask(machine, at)), "pong\n");

    // The agent is away, and a firewall is flushed meanwhile, which the next agent puts right.
    let (member, seq) = node.kill().await;
    assert_eq!(outside.python(&play(&machine.to_string(), at)), PLAYED);
    run("nft", &["delete", "table", "inet", &format!("ostler-{}", super::uid_of(&want))]);
    let node = here.again(member, seq).await;
    node.running(want.id).await;
    eventually("adopted", || node.agent.supervisor().run_of(want.id).unwrap().is_some()).await;
    assert_eq!(outside.python(&play(&machine.to_string(), at)), PLAYED);
    // An agent that was killed before it had connected a start: the next one does.
    let (member, seq) = node.kill().await;
    run("ip", &["link", "del", "dev", &format!("ost-{}", super::uid_of(&want))]);
    let mut node = here.again(member, seq).await;
    node.running(want.id).await;
    eventually("adopted", || node.agent.supervisor().run_of(want.id).unwrap().is_some()).await;
    assert_eq!(outside.python(&play(&machine.to_string(), at)), PLAYED);

    // Its port is its own while it has it, and free when it has ended.
    assert!(UdpSocket::bind(("0.0.0.0", at)).is_err());
    let off = but(&want, |w| w.power = Power::Off);
    node.want(&[off.clone()]).await;
    node.stopped(want.id).await;
    drop(UdpSocket::bind(("0.0.0.0", at)).unwrap());
    assert_eq!(outside.python(&ask(machine, at)), "nothing\n");
    let on = but(&off, |w| w.power = Power::On);
    node.want(&[on.clone()]).await;
    node.running(on.id).await;
    // Once before, which the agent that adopted it has read again, and once now.
    let is_up_again = || node.printed(on.id).matches("Out up").count() == 2;
    eventually("it is up again", is_up_again).await;
    assert_eq!(outside.python(&ask(machine, at)), "pong\n");
    here.remove(&mut node, &on).await;
}

/// Begins as many exchanges as it can.
const FLOOD: &str = r#"
import socket, sys
where, count = sys.argv[1].split()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent = refused = 0
for port in range(1, int(count) + 1):
    try: u.sendto(b"x", (where, port)); sent += 1
    except OSError: refused += 1
print("refused", "many" if refused > 1000 else refused, flush=True)
import signal; signal.pause()
"#;

#[tokio::test]
async fn s9_a_workload_cannot_fill_the_machines_table_of_connections() {
    if !needs_root() || !has_python() {
        return;
    }
    let outside = Outside::new();
    let here = Here::new().await;
    let mut node = here.node().await;
    let flows = || {
        let count = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count").unwrap();
        count.trim().parse::<u64>().unwrap()
    };
    let before = flows();
    let want = python(FLOOD, &format!("{} {}", outside.player, NETWORK_FLOWS * 10));
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    node.prints(want.id, "refused many").await;
    // Others use the machine's table meanwhile.
    assert!(flows() < before + NETWORK_FLOWS * 2, "{before} became {}", flows());
    here.remove(&mut node, &want).await;
}

/// Container engines make the machine's firewall forward nothing, and then let through what is theirs.
#[test]
fn s9_a_firewall_that_forwards_nothing_lets_players_through() {
    if !needs_root() || !has_python() {
        return;
    }
    if Command::new("iptables").arg("-V").output().is_err() {
        eprintln!("SKIPPED: iptables is not installed");
        return;
    }
    let script = "ip link set lo up; ip link add dev up0 type dummy; ip link set up0 up; ip -6 route add default dev up0; \
                  iptables -P FORWARD DROP; ip6tables -P FORWARD DROP; \
                  exec \"$0\" --exact hostile::network::s9_a_workloads_network_has_its_ports_and_a_way_out --nocapture";
    let myself = std::env::current_exe().unwrap();
    let out = Command::new("unshare").args(["-n", "sh", "-c", script]).arg(myself).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
}
