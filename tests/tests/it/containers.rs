//! A real game in a container of a real engine. Runs when `OSTLER_TEST_DOCKER_HOST` says where one is; CI must say so.

use crate::support::{READY, address, clean, create_from, gone};
use ostler_e2e::{House, luanti};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

const IMAGE: &str = "ostler-test/luanti:1";

fn engine() -> Option<String> {
    let host = std::env::var("OSTLER_TEST_DOCKER_HOST").ok().filter(|host| !host.is_empty());
    if host.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI sets OSTLER_TEST_DOCKER_HOST");
        eprintln!("SKIPPED: OSTLER_TEST_DOCKER_HOST does not say where a container engine is");
    }
    host
}

fn docker(host: &str, args: &[&str]) -> String {
    let out = Command::new("docker").args(["-H", host]).args(args).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)).trim().to_owned()
}

/// An image of the Luanti server that is installed here: the program, the libraries it names, and its game.
fn make_image(host: &str) {
    let dir = tempfile::tempdir().unwrap();
    let script = "set -e; mkdir -p r/tmp r/etc r/data r/usr/lib/minetest r/usr/share/games
        cp /usr/lib/minetest/minetestserver r/usr/lib/minetest/
        cp -rL /usr/share/games/minetest r/usr/share/games/minetest
        for l in $(ldd /usr/lib/minetest/minetestserver | grep -o '/[^ ]*'); do mkdir -p r$(dirname $l); cp -L $l r$l; done
        tar -C r -cf image.tar .";
    let made = Command::new("bash").args(["-c", script]).current_dir(&dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let tar = dir.path().join("image.tar");
    let entry = "ENTRYPOINT [\"/usr/lib/minetest/minetestserver\"]";
    docker(host, &["import", "-c", entry, tar.to_str().unwrap(), IMAGE]);
}

/// Everything that the engine has, in names: containers, networks, volumes.
fn inventory(host: &str) -> Vec<String> {
    let all = [["ps", "-a", "--format", "{{.Names}}"].as_slice(), &["network", "ls", "-q"], &["volume", "ls", "-q"]];
    all.iter().map(|words| docker(host, words)).collect()
}

#[tokio::test]
async fn players_join_a_luanti_container_that_survives_us_and_leaves_nothing_behind() {
    let Some(host) = engine() else { return };
    make_image(&host);
    let before = inventory(&host);
    let mut house = House::start("up", &["--no-demo", "--allow-image", "ostler-test/*"]).await.unwrap();
    let body = json!({
        "name": "Boxed", "template": "luanti", "runtime": "container", "variables": {"image": IMAGE},
    });
    let id = create_from(&house, body).await.unwrap();
    let address = address(&house, &id).await.unwrap();
    let port = address.rsplit(':').next().unwrap().to_owned();
    assert_eq!(luanti::handshake(&address, "ada", Duration::from_secs(20)).unwrap().player, "ada");
    let container = docker(&host, &["ps", "-q", "--filter", &format!("label=ostler.workload={id}")]);
    assert_eq!(container.lines().count(), 1, "{container}");
    let about = |what: &str| docker(&host, &["inspect", "-f", &format!("{{{{{what}}}}}"), &container]);
    assert_eq!(about(".HostConfig.ReadonlyRootfs"), "true");
    assert_eq!(about(".HostConfig.Memory"), (512 << 20).to_string());
    assert!(about(".HostConfig.CapDrop").to_lowercase().contains("all"), "{}", about(".HostConfig.CapDrop"));
    let run = about(".State.Pid");

    // SIGKILL of server and agent: the game does not notice, and is adopted.
    house.server.as_mut().unwrap().signal("KILL").unwrap();
    house.server.as_mut().unwrap().ended(Duration::from_secs(10)).unwrap();
    assert_eq!(luanti::handshake(&address, "bob", Duration::from_secs(20)).unwrap().player, "bob");
    house.resume().await.unwrap();
    house.wait(&format!("/workloads/{id}"), READY, |w| w["state"] == "running").await.unwrap();
    assert_eq!(about(".State.Pid"), run, "it was adopted, not started again");

    // SIGKILL of the game: it comes back by itself.
    docker(&host, &["kill", &container]);
    house
        .wait(&format!("/workloads/{id}"), READY, |w| w["crashes"].as_u64() > Some(0) && w["state"] == "running")
        .await
        .unwrap();
    luanti::handshake(&address, "cid", Duration::from_secs(20)).unwrap();

    house.delete(&format!("/game/servers/{id}")).await.unwrap();
    gone(&house, &id).await.unwrap();
    clean(&house, &id).await.unwrap();
    assert_eq!(inventory(&host), before, "no container, network or volume is left");
    std::net::UdpSocket::bind(("0.0.0.0", port.parse::<u16>().unwrap())).expect("the port is free again");
}
