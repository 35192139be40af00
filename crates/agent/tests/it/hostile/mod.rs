//! A hostile process on a real machine: it tries every way out that we know, and reaches nothing.

mod defaults;
mod network;

use crate::machine::{Here, needs_root, shell};
use crate::support::{Node, ids, workload};
use ostler_model::bounds::agent::PROCESS_DESCRIPTORS;
use ostler_model::node::Isolation;
use ostler_model::workload::Desired;
use ostler_model::workload::blueprint::{Protocol, Resource, What};
use rustix::io::FdFlags;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

/// All of a node's range, as the operator's default is.
const PORTS: (u16, u16) = (27_000, 27_999);

const ATTACK: &str = include_str!("attack.py");

/// What the attacks look for, as their argument.
fn aim(here: &Here, neighbour: &Desired, neighbours_port: u16, listener: &TcpListener, abstract_name: &str) -> String {
    let state = here.state();
    std::fs::write(state.join("agent.key"), "hush").unwrap();
    std::fs::write(here.volume(neighbour.id).join("world"), "hush").unwrap();
    let port = listener.local_addr().unwrap().port();
    let account = uid_of(neighbour);
    let private = |at: u32| std::net::Ipv4Addr::from_bits(0xC612_0000 + account * 4 + at).to_string();
    let own = ostler_agent::probe::facts::likely_address();
    let mut hosts = vec![
        ("loopback".to_owned(), "127.0.0.1".to_owned(), port),
        ("loopback_v6".to_owned(), "::1".to_owned(), port),
        ("other_loopback".to_owned(), "127.9.9.9".to_owned(), port),
        ("metadata".to_owned(), "169.254.169.254".to_owned(), 80),
        ("metadata_v6".to_owned(), "fd00:ec2::254".to_owned(), 80),
        ("metadata_by_nat64".to_owned(), "64:ff9b::a9fe:a9fe".to_owned(), 80),
        ("machine".to_owned(), own, port),
        ("gateway".to_owned(), private(1), port),
        ("neighbour".to_owned(), private(2), neighbours_port),
        ("neighbours_port".to_owned(), ostler_agent::probe::facts::likely_address(), neighbours_port),
    ];
    for (at, network) in ["10.0.0.1", "172.17.0.1", "192.168.0.1", "100.64.0.1"].iter().enumerate() {
        hosts.push((format!("private_{at}"), (*network).to_owned(), port));
    }
    serde_json::json!({
        "mark": "hush",
        "agent": std::process::id(),
        "secrets": {
            "key": state.join("agent.key"),
            "neighbour": here.volume(neighbour.id).join("world"),
        },
        "socket": state.join("control.sock"),
        "abstract": abstract_name,
        "ports": [PORTS.0, PORTS.1],
        "hosts": hosts,
    })
    .to_string()
}

fn uid_of(want: &Desired) -> u32 {
    let id = want.id.to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("ostler-{}:", &id[id.len() - 16..]))).unwrap();
    line.split(':').nth(2).unwrap().parse().unwrap()
}

/// Whether Python is there, for the attacks.
fn has_python() -> bool {
    let is_there = std::path::Path::new("/usr/bin/python3").is_file();
    assert!(is_there || std::env::var_os("CI").is_none(), "CI has /usr/bin/python3");
    if !is_there {
        eprintln!("SKIPPED: /usr/bin/python3 is not installed");
    }
    is_there
}

/// A workload that runs a script of Python's.
fn python(script: &str, argument: &str) -> Desired {
    let mut want = workload(&ids(), &["/usr/bin/python3", "-u", "{{volume.data}}/script.py", argument]);
    let what = What::File { volume: "data".into(), path: "script.py".into(), content: script.into(), keep: false };
    want.blueprint.resources.push(Resource { key: "file/script.py".into(), what });
    want
}

fn port(want: &mut Desired, port: u16, protocol: Protocol) {
    let what = What::Port { name: "game".into(), port, protocol };
    want.blueprint.resources.push(Resource { key: "port/game".into(), what });
}

fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// What came of each attempt.
fn results(node: &Node, want: &Desired) -> BTreeMap<String, String> {
    let printed = node.printed(want.id);
    let lines = printed.lines().filter_map(|line| line.strip_prefix("Out ")?.split_once(": "));
    lines.map(|(name, result)| (name.to_owned(), result.to_owned())).collect()
}

/// What each attempt may come to; every attempt is named here, those of a kind by how they begin.
fn is_refused(name: &str, result: &str) -> bool {
    let number = || result.parse::<u64>().unwrap_or(u64::MAX);
    match name {
        // It may have them all, of its own network.
        "ports_taken" => number() == 1000,
        "end" => result == "reached",
        "descriptors" => result == "[]",
        "secret_in_environment" => result == "False",
        "processes_seen" => result == "few",
        "CapEff" | "CapPrm" | "CapAmb" => result == "0000000000000000",
        "NoNewPrivs" => result == "1",
        "Seccomp" => result == "2",
        "environment" => result.split(' ').all(|name| ENVIRONMENT.contains(&name)),
        "signal_agent" => result == "ESRCH",
        // A link may be made; it leads nowhere.
        "make_link_key" | "make_link_neighbour" => result == "DONE",
        "list_above_volumes" => result == "DONE",
        "clone3" | "io_uring_setup" | "landlock_of_the_future" => result == "ENOSYS",
        "call_as_32_bits" => result == "signal 31",
        "become_root" => ["EPERM", "EINVAL"].contains(&result),
        "memory" => result == "signal 9",
        "lower_score" => ["EACCES", "EPERM"].contains(&result),
        "forks" => result == "EAGAIN",
        "forks_at_most" => number() < 32,
        "descriptors_without_end" => result == "EMFILE",
        "descriptors_at_most" => number() <= PROCESS_DESCRIPTORS,
        _ => REFUSALS.contains(&result),
    }
}

/// What a process has in its environment: nothing of the agent's but how to reach the network.
const ENVIRONMENT: &[&str] = &[
    "HOME",
    "LANG",
    "LC_CTYPE",
    "LOGNAME",
    "PATH",
    "PWD",
    "TMPDIR",
    "USER",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
];

const REFUSALS: &[&str] = &[
    "EPERM",
    "EACCES",
    "ENOENT",
    "EROFS",
    "ENXIO",
    "ECONNREFUSED",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "EAFNOSUPPORT",
    "ENOTDIR",
    "timeout",
];

#[tokio::test]
async fn s19_a_hostile_process_reaches_nothing() {
    if !needs_root() || !has_python() {
        return;
    }
    let here = Here::new().await;
    assert_eq!(here.real.facts().can.isolation, Isolation::Full, "{:?}", here.real.facts().can.notes);
    // A file that the agent has open and forgot to keep to itself.
    let forgotten = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&forgotten, FdFlags::empty()).unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let name = format!("ostler-test-{}", std::process::id());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();

    let mut node = here.node().await;
    let _control = UnixListener::bind(here.state().join("control.sock")).unwrap();
    let neighbours_port = free_port();
    let mut neighbour = python(
        "import socket, sys, time\ns = socket.socket(); s.bind(('0.0.0.0', int(sys.argv[1]))); s.listen(); print('up')\ntime.sleep(1000)",
        &neighbours_port.to_string(),
    );
    port(&mut neighbour, neighbours_port, Protocol::Tcp);
    node.want(&[neighbour.clone()]).await;
    node.running(neighbour.id).await;
    node.prints(neighbour.id, "Out up").await;
    let attack = python(ATTACK, &aim(&here, &neighbour, neighbours_port, &listener, &name));
    node.want(&[neighbour.clone(), attack.clone()]).await;
    node.running(attack.id).await;
    node.prints(attack.id, "end: reached").await;

    let seen = results(&node, &attack);
    assert!(seen.len() > 100, "{}", node.printed(attack.id));
    let got_through: Vec<_> = seen.iter().filter(|(name, result)| !is_refused(name, result)).collect();
    assert!(got_through.is_empty(), "{got_through:#?}\n{}", node.printed(attack.id));
    // Ports that it took are taken nowhere else.
    let free = (PORTS.0..=PORTS.1).filter(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok()).count();
    assert!(free > 900, "only {free} of the machine's ports are free");
    // What it was to reach is there for those who may.
    std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    std::net::TcpStream::connect(("127.0.0.1", neighbours_port)).unwrap();
    here.remove(&mut node, &attack).await;
    node.want(&[neighbour.clone()]).await;
    here.remove(&mut node, &neighbour).await;
}

#[tokio::test]
async fn s2_a_root_agent_separates_fully_and_leaves_no_network_behind() {
    if !needs_root() {
        return;
    }
    let nft = |words: &[&str]| {
        let out = std::process::Command::new("nft").args(words).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    // Of an agent that was killed together with what it ran.
    nft(&["add", "table", "inet", "ostler-32001"]);
    let here = Here::new().await;
    assert!(!nft(&["list", "tables"]).contains("ostler-32001"));
    let can = here.real.facts().can;
    assert_eq!((can.isolation, can.sandbox.as_str()), (Isolation::Full, "bubblewrap"), "{:?}", can.notes);
    let mut node = here.node().await;
    let want = shell("readlink /proc/self/ns/net; exec sleep 1000");
    node.want(&[want.clone()]).await;
    let report = node.running(want.id).await;
    assert!(!report.conditions.iter().any(|c| c.reason == "shared_network"), "{report:#?}");
    node.prints(want.id, "net:[").await;
    let host = std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
    assert!(!node.printed(want.id).contains(&host), "{}", node.printed(want.id));
    let account = uid_of(&want);
    let interfaces = || std::fs::read_to_string("/proc/net/dev").unwrap();
    assert!(interfaces().contains(&format!("ost-{account}:")), "{}", interfaces());
    here.remove(&mut node, &want).await;
    assert!(!interfaces().contains(&format!("ost-{account}:")), "{}", interfaces());
    let tables = nft(&["list", "tables"]);
    assert!(!tables.lines().any(|line| line.ends_with(&format!(" ostler-{account}"))), "{tables}");
}
