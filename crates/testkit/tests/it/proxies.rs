//! Links through the proxies that people have: nginx with and without its lines for upgrades, Apache with `upgrade=websocket`.
//!
//! The programs run here as they are packaged, with a configuration of the test's own, on loopback.

use super::machine::{House, Process, enter};
use ostler_agent::link::HttpDial;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// A running proxy, which ends with the test.
struct Proxy {
    child: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its own process ends its workers on TERM; KILL would leave them.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn program(names: &[&str]) -> PathBuf {
    let folders = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
    let found = folders.split(':').flat_map(|dir| names.iter().map(move |name| Path::new(dir).join(name)));
    found.into_iter().find(|path| path.is_file()).unwrap_or_else(|| panic!("{} is not installed", names[0]))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn started(dir: tempfile::TempDir, port: u16, mut command: Command) -> Proxy {
    let log = File::create(dir.path().join("said")).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let child = command.spawn().unwrap();
    let mut proxy = Proxy { child, url: format!("http://127.0.0.1:{port}"), _dir: dir };
    let listens = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Ok(Some(status)) = proxy.child.try_wait() {
                let said = std::fs::read_to_string(proxy._dir.path().join("said")).unwrap_or_default();
                panic!("the proxy ended with {status}: {said}");
            }
            ostler_testkit::wait::pause(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), listens).await.expect("the proxy listens");
    proxy
}

async fn nginx(to: SocketAddr, lines: &str) -> Proxy {
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let at = dir.path().display().to_string();
    let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {at}/{what};\n"))
        .concat();
    let user = if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        "user root;"
    } else {
        ""
    };
    let text = format!(
        "daemon off;\n{user}\npid {at}/pid;\nerror_log {at}/error;\nworker_processes 1;\nevents {{}}\nhttp {{\naccess_log off;\n{temps}
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{to}; {lines} }} }}\n}}\n"
    );
    std::fs::write(dir.path().join("conf"), text).unwrap();
    let mut command = Command::new(program(&["nginx"]));
    command.args(["-p", &at, "-e", &format!("{at}/error"), "-c", &format!("{at}/conf")]);
    started(dir, port, command).await
}

async fn apache(to: SocketAddr) -> Proxy {
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let at = dir.path().display().to_string();
    let modules =
        ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"].into_iter().find(|at| Path::new(at).is_dir());
    let modules = modules.expect("Apache's modules are where packages put them");
    let load: String = ["mpm_event", "authz_core", "proxy", "proxy_http", "unixd"]
        .into_iter()
        .filter(|name| Path::new(modules).join(format!("mod_{name}.so")).is_file())
        .map(|name| format!("LoadModule {name}_module {modules}/mod_{name}.so\n"))
        .collect();
    let text = format!(
        "ServerRoot {at}\nServerName localhost\nPidFile {at}/pid\nErrorLog {at}/error\nDefaultRuntimeDir {at}\n{load}
         Listen 127.0.0.1:{port}\nUser nobody\nGroup nogroup\nProxyPass \"/\" \"http://{to}/\" upgrade=websocket\n"
    );
    std::fs::write(dir.path().join("conf"), text).unwrap();
    let mut command = Command::new(program(&["apache2", "httpd"]));
    command.args(["-DFOREGROUND", "-d", &at, "-f", &format!("{at}/conf")]);
    started(dir, port, command).await
}

async fn goes_online(house: &House, proxy: &Proxy) {
    let dir = tempfile::tempdir().unwrap();
    let identity = enter(dir.path(), &proxy.url, &house.token().await).await.unwrap();
    let node = identity.member.node;
    let agent = Process::start(identity, &Arc::default(), Arc::new(HttpDial::new(&proxy.url).unwrap()));
    agent.until_open(2).await;
    house.until_online(node).await;
    agent.spawn.shutdown().await;
}

#[tokio::test]
async fn f8_an_agent_joins_through_apache_with_upgrade_websocket() {
    let house = House::new().await;
    goes_online(&house, &apache(house.running.address).await).await;
}

#[tokio::test]
async fn f8_an_agent_joins_through_nginx_with_the_lines_that_the_message_names() {
    let house = House::new().await;
    let lines = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; \
                 proxy_read_timeout 1h;";
    goes_online(&house, &nginx(house.running.address, lines).await).await;
}

#[tokio::test]
async fn f9_nginx_without_its_lines_is_named_before_the_token_is_spent() {
    let house = House::new().await;
    let proxy = nginx(house.running.address, "").await;
    let (dir, token) = (tempfile::tempdir().unwrap(), house.token().await);
    let why = enter(dir.path(), &proxy.url, &token).await.unwrap_err().to_string();
    assert!(why.contains("does not pass upgrades") && why.contains("proxy_set_header Upgrade $http_upgrade"), "{why}");
    assert!(!house.is_spent(&token).await);
}
