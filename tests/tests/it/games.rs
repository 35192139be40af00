//! Real games on a real node, from nothing to players on them and back to nothing.
//!
//! `ostler up` is server and agent in one process, so killing it is the hardest case: both are gone at once.

use crate::support::{READY, address, clean, create, gone, processes};
use ostler_e2e::{House, luanti, ostler, until};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

/// The server's own process: what holds the UDP port, found by the port in its arguments.
fn server_of(port: &str) -> BTreeSet<u32> {
    let wrapped =
        |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() == "minetestserver");
    processes(&format!("--port {port} ")).into_iter().filter(wrapped).collect()
}

#[tokio::test]
async fn players_join_a_luanti_server_that_survives_us_and_leaves_nothing_behind() {
    let mut house = House::start("up", &["--no-demo"]).await.unwrap();
    let id = create(&house, "World", "luanti", json!({})).await.unwrap();
    let address = address(&house, &id).await.unwrap();
    let port = address.rsplit(':').next().unwrap().to_owned();

    // A client is heard.
    let hello = luanti::handshake(&address, "ada", Duration::from_secs(20)).unwrap();
    assert_eq!(hello.player, "ada");

    // SIGKILL of server and agent: the game does not notice.
    let before = server_of(&port);
    assert_eq!(before.len(), 1, "one server, not {before:?}");
    house.server.as_mut().unwrap().signal("KILL").unwrap();
    house.server.as_mut().unwrap().ended(Duration::from_secs(10)).unwrap();
    assert_eq!(luanti::handshake(&address, "bob", Duration::from_secs(20)).unwrap().player, "bob");
    house.resume().await.unwrap();
    house.wait(&format!("/workloads/{id}"), READY, |w| w["state"] == "running").await.unwrap();
    assert_eq!(server_of(&port), before, "it was adopted, not started again");

    // SIGKILL of the game: it comes back by itself, as another process.
    let killed = before.first().unwrap().to_string();
    assert!(Command::new("kill").args(["-KILL", &killed]).status().unwrap().success());
    house
        .wait(&format!("/workloads/{id}"), READY, |w| w["crashes"].as_u64() > Some(0) && w["state"] == "running")
        .await
        .unwrap();
    assert!(server_of(&port).is_disjoint(&before));
    luanti::handshake(&address, "cid", Duration::from_secs(20)).unwrap();

    // Deleted: no file, account, process, cgroup, and the port is free.
    house.delete(&format!("/game/servers/{id}")).await.unwrap();
    gone(&house, &id).await.unwrap();
    clean(&house, &id).await.unwrap();
    std::net::UdpSocket::bind(("0.0.0.0", port.parse::<u16>().unwrap())).expect("the port is free again");
}

#[tokio::test]
async fn a_minecraft_bots_chat_is_on_the_console_and_a_typed_command_reaches_the_game() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let id = create(&house, "Blocks", "minecraft", json!({"accounts": false, "operators": true})).await.unwrap();
    let address = address(&house, &id).await.unwrap();
    let port = address.rsplit(':').next().unwrap();

    let bot = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/minecraft-bot/bot.js");
    let words = [bot, "127.0.0.1", port, "bot1", "hello from the bot"];
    let out = Command::new("node").args(words).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));

    let says = |line: &'static str| {
        move |page: &Value| {
            page["lines"]
                .as_array()
                .is_some_and(|all| all.iter().any(|l| l["text"].as_str().unwrap_or("").contains(line)))
        }
    };
    let lines = format!("/workloads/{id}/console/lines");
    house.wait(&lines, Duration::from_secs(20), says("<bot1> hello from the bot")).await.unwrap();

    // The same, as a person would see it.
    let out = Command::new(ostler().unwrap())
        .args(["game", "console", "Blocks", "--lines", "200"])
        .envs([("OSTLER_URL", house.url()), ("OSTLER_KEY", house.key.clone())])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("hello from the bot"), "{text}{}", String::from_utf8_lossy(&out.stderr));

    // A bot that waits for what is typed on the console proves that it reached the game.
    let listening = [bot, "127.0.0.1", port, "bot2", "listening", "typed by hand"];
    let mut bot = Command::new("node").args(listening).stdout(std::process::Stdio::null()).spawn().unwrap();
    house.wait(&lines, Duration::from_secs(60), says("<bot2> listening")).await.unwrap();
    house.post(&format!("/workloads/{id}/console/command"), json!({"command": "say typed by hand"})).await.unwrap();
    let ended = until("the bot heard it", Duration::from_secs(30), || Ok(bot.try_wait()?)).unwrap();
    assert!(ended.success(), "the bot left with {ended}");

    house.delete(&format!("/workloads/{id}")).await.unwrap();
    gone(&house, &id).await.unwrap();
    clean(&house, &id).await.unwrap();
}

/// A real client of the game, without a window. It ends when it is dropped.
struct Client(std::process::Child);

impl Client {
    fn join(folder: &std::path::Path, address: &str, password: &str) -> Self {
        let config = folder.join("openttd.cfg");
        std::fs::write(&config, "[network]\nclient_name = Ada\n").unwrap();
        let mut command = Command::new("/usr/games/openttd");
        command.args(["-v", "null:ticks=100000000", "-s", "null", "-m", "null", "-x", "-c"]).arg(config);
        command
            .args(["-n", address, "-p", password])
            .envs(["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map(|v| (v, folder)));
        let quiet = std::process::Stdio::null;
        Self(command.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().unwrap())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn f6_f24_a_real_openttd_client_joins_with_the_password_as_it_was_typed_and_is_counted() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    for (name, password) in [("Quoted", "\"quoted\""), ("Spaced", " lead and tail ")] {
        let id = create(&house, name, "openttd", json!({"password": password, "size": 6})).await.unwrap();
        let address = address(&house, &id).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let client = Client::join(folder.path(), &address, password);
        let players = async |count: u64| {
            let page =
                house.wait(&format!("/workloads/{id}"), Duration::from_secs(60), |w| w["players"] == count).await;
            page.unwrap()
        };
        players(1).await;
        drop(client);
        players(0).await;
        house.delete(&format!("/workloads/{id}")).await.unwrap();
        gone(&house, &id).await.unwrap();
        clean(&house, &id).await.unwrap();
    }
}

#[tokio::test]
async fn s3_a_process_that_prints_for_ever_does_not_delay_the_control_plane() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let id = create(&house, "Chatty", "process", json!({"program": "yes"})).await.unwrap();
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        let begun = std::time::Instant::now();
        house.get(&format!("/workloads/{id}")).await.unwrap();
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "one answer took {slowest:?}");
    house.post(&format!("/workloads/{id}/stop"), Value::Null).await.unwrap();
    let stopped = house.wait(&format!("/workloads/{id}"), READY, |w| w["state"] == "stopped").await.unwrap();
    assert_eq!(stopped["crashes"], 0);
    house.delete(&format!("/workloads/{id}")).await.unwrap();
    gone(&house, &id).await.unwrap();
    clean(&house, &id).await.unwrap();
}

#[tokio::test]
async fn openttd_and_a_plain_process_run_stop_and_go() {
    let house = House::start("up", &["--no-demo"]).await.unwrap();
    let ttd = create(&house, "Trains", "openttd", json!({})).await.unwrap();
    let address = address(&house, &ttd).await.unwrap();
    std::net::TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(5)).unwrap();
    house.post(&format!("/game/servers/{ttd}/stop"), Value::Null).await.unwrap();
    let stopped = house.wait(&format!("/workloads/{ttd}"), READY, |w| w["state"] == "stopped").await.unwrap();
    assert_eq!(stopped["crashes"], 0, "a stop that was asked for is not a crash");
    let plain = create(&house, "Plain", "process", json!({"program": "sleep", "arguments": "100000"})).await.unwrap();
    for id in [ttd, plain] {
        house.delete(&format!("/workloads/{id}")).await.unwrap();
        gone(&house, &id).await.unwrap();
        clean(&house, &id).await.unwrap();
    }
}
