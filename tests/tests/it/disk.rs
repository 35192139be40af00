//! A control plane whose disk is full: on a small file system of its own, in a mount namespace of its own.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ostler_e2e::{folder, ostler, until_async};
use serde_json::{Value, json};

/// Stops what it holds, also when the test fails.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes until nothing goes in any more.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let chunk = vec![1; 64 << 10];
    while file.write_all(&chunk).is_ok() {}
    for size in [4096, 512, 1] {
        while file.write_all(&chunk[..size]).is_ok() {}
    }
}

#[tokio::test]
async fn f34_a_full_disk_is_told_by_ready_until_there_is_room() {
    let dir = folder().unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap().to_string();
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // Root has mount namespaces; everybody else one with a user namespace around it.
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let script =
        "mount -t tmpfs -o size=24m,mode=0700 tmpfs \"$0\" && exec \"$1\" server --data \"$0/data\" --listen \"$2\"";
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let mut command = Command::new("unshare");
    command.arg("-m").args(["--propagation", "private"]).args((!is_root).then_some("-Ur"));
    command.args(["sh", "-c", script]).arg(&disk).arg(ostler().unwrap()).arg(&listen);
    let child = command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().unwrap();
    let program = Program(child);
    let said = || std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();

    // A second provider in one process is refused, and just as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let ready = async || -> anyhow::Result<(u16, Value)> {
        let answer = http.get(format!("http://{listen}/ready")).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    };
    let came =
        until_async("it is ready", Duration::from_secs(30), async || Ok((ready().await?.0 == 200).then_some(())));
    came.await.unwrap_or_else(|error| panic!("{error:#}\n{}", said()));

    // What others see of the program's own file systems.
    let filler = Path::new("/proc")
        .join(program.0.id().to_string())
        .join("root")
        .join(disk.strip_prefix("/").unwrap())
        .join("filler");
    fill(&filler);
    let (status, body) = ready().await.unwrap();
    assert_eq!(status, 503, "{body}");
    assert!(body["message"].as_str().unwrap().contains("disk"), "{body}");
    // It stays so while changes fail, and what needs none goes on.
    let login = json!({"email": "ada@example.org", "password": "correct horse battery staple"});
    let login = http.post(format!("http://{listen}/api/v1/auth/login")).json(&login).send().await.unwrap();
    assert!(login.status().is_server_error() || login.status().is_client_error(), "{}", login.status());
    assert_eq!(ready().await.unwrap().0, 503);
    assert_eq!(http.get(format!("http://{listen}/health")).send().await.unwrap().status(), 200);

    std::fs::remove_file(&filler).unwrap();
    let again =
        until_async("it is ready again", Duration::from_secs(20), async || Ok((ready().await?.0 == 200).then_some(())));
    again.await.unwrap_or_else(|error| panic!("{error:#}\n{}", said()));
    drop(program);
}
