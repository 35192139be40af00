//! Downloads and packages on this machine.

use crate::machine::Here;
use crate::support::{ids, workload};
use ostler_model::bounds::agent::DOWNLOAD_BYTES;
use ostler_model::workload::blueprint::{How, PackageManager, Probe, Resource, What};
use ostler_model::workload::{Desired, Phase};
use sha2::Digest as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const CONTENT: &[u8] = b"a world of its own";

/// Serves the content once per connection, under any path; `/cut` promises more than it sends.
async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let n = stream.read(&mut head).await.unwrap_or(0);
            let is_cut = head[..n].starts_with(b"GET /cut");
            let is_huge = head[..n].starts_with(b"GET /huge");
            let length = match (is_cut, is_huge) {
                (true, _) => 1000,
                (_, true) => DOWNLOAD_BYTES * 10,
                (false, false) => CONTENT.len() as u64,
            };
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.write_all(CONTENT).await;
        }
    });
    format!("http://{address}")
}

fn with(url: String, sha256: String, path: &str) -> Desired {
    let mut want = workload(&ids(), &["/bin/sh", "-c", "cat world.bin; exec sleep 1000"]);
    let what = What::Download { url, sha256, volume: "data".into(), path: path.into() };
    want.blueprint.resources.push(Resource { key: "download/world".into(), what });
    want
}

#[tokio::test]
async fn a_download_takes_its_place_only_when_its_sum_is_right() {
    let base = serve().await;
    let sum = hex::encode(sha2::Sha256::digest(CONTENT));
    let here = Here::with(None).await;
    let mut node = here.node().await;
    let good = with(format!("{base}/world"), sum.clone(), "world.bin");
    let wrong = with(format!("{base}/world"), "0".repeat(64), "world.bin");
    let cut = with(format!("{base}/cut"), sum.clone(), "world.bin");
    let out = with(format!("{base}/world"), sum.clone(), "../world.bin");
    let file = with("file:///etc/passwd".into(), sum, "world.bin");
    let all = [good.clone(), wrong.clone(), cut.clone(), out.clone(), file.clone()];
    node.want(&all).await;
    node.running(good.id).await;
    node.prints(good.id, "a world of its own").await;
    for (want, words) in
        [(&wrong, "SHA-256"), (&cut, "cannot be reached"), (&out, "not a path"), (&file, "must begin with")]
    {
        let report = node.until(want.id, "failed", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
        let condition = report.conditions.iter().find(|c| c.resource == "download/world").unwrap();
        assert!(condition.message.contains(words), "{condition:?}");
        assert_eq!(std::fs::read_dir(here.volume(want.id)).unwrap().count(), 0);
    }
    for want in &all {
        here.remove(&mut node, want).await;
    }
}

#[tokio::test]
async fn a_download_that_says_it_is_too_large_is_not_begun() {
    let base = serve().await;
    let here = Here::with(None).await;
    let mut node = here.node().await;
    let huge = with(format!("{base}/huge"), hex::encode(sha2::Sha256::digest(CONTENT)), "world.bin");
    node.want(&[huge.clone()]).await;
    let report = node.until(huge.id, "failed", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    let condition = report.conditions.iter().find(|c| c.resource == "download/world").unwrap();
    assert!(condition.message.contains("larger than 16 GiB"), "{condition:?}");
    assert_eq!(std::fs::read_dir(here.volume(huge.id)).unwrap().count(), 0);
    here.remove(&mut node, &huge).await;
}

#[tokio::test]
async fn an_npm_package_is_installed_into_its_volume_without_running_its_scripts() {
    if !here_is("npm") {
        return;
    }
    let here = Here::with(None).await;
    let mut node = here.node().await;
    let mut want =
        workload(&ids(), &["node", "-e", "console.log('is ' + require('is-number')(5)); setInterval(() => {}, 1000)"]);
    want.blueprint.run.limits.memory_bytes = 256 << 20;
    want.blueprint.run.ready = vec![Probe::Log("is true".into())];
    let package = |name: &str| What::Package {
        manager: PackageManager::Npm,
        name: name.into(),
        version: Some("7.0.0".into()),
        provides: None,
        volume: Some("data".into()),
    };
    want.blueprint.resources.push(Resource { key: "package/is-number".into(), what: package("is-number") });
    node.want(&[want.clone()]).await;
    node.running(want.id).await;
    assert!(matches!(want.blueprint.run.how, How::Process(_)));
    here.remove(&mut node, &want).await;

    let mut trap = workload(&ids(), &["true"]);
    trap.blueprint.resources.push(Resource { key: "package/trap".into(), what: package("--global") });
    node.want(&[trap.clone()]).await;
    let report = node.until(trap.id, "refused", |r| matches!(r.seen.phase, Phase::Failed { .. })).await;
    assert!(format!("{:?}", report.conditions).contains("does not name an npm package"));
    here.remove(&mut node, &trap).await;
}

fn here_is(program: &str) -> bool {
    let is_there = ["/usr/bin", "/usr/local/bin"].iter().any(|dir| std::path::Path::new(dir).join(program).exists());
    assert!(is_there || std::env::var_os("CI").is_none(), "CI has {program}");
    if !is_there {
        eprintln!("SKIPPED: {program} is not installed");
    }
    is_there
}
