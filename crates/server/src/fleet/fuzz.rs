//! Lines of a node's stream, as bytes that no node would send, cut as no network would cut them.

use super::lines::Lines;
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use ostler_model::{Id as _, NodeId, Time};
use ostler_wire::link::Observation;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What is read of an answer with these bytes. The reader of the answer is hyper's own: there is no other way to a body.
async fn read(data: Vec<u8>) -> Vec<Result<String, ()>> {
    let (near, mut far) = tokio::io::duplex(1000);
    let node = async move {
        let mut asked = [0; 1000];
        let _ = far.read(&mut asked).await;
        let _ = far.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
        let _ = far.write_all(&data).await;
    };
    let server = async {
        let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
        let work = async {
            let request = http::Request::get("/observed").header("host", "node").body(Empty::<Bytes>::new()).unwrap();
            let body = send.send_request(request).await.unwrap().into_body();
            let mut lines = Lines::<Observation>::new(NodeId::from_parts(Time::from_millis(1), 7), body, true);
            let mut found = vec![];
            while let Some(line) = lines.next().await {
                let is_good = line.is_ok();
                found.push(line.map(|seen| serde_json::to_string(&seen).unwrap()).map_err(drop));
                if !is_good {
                    break;
                }
            }
            drop(send);
            found
        };
        tokio::join!(work, async { drop(connection.await) }).0
    };
    tokio::join!(node, server).1
}

#[test]
fn fuzz_link_lines() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let beat = "{\"type\":\"beat\",\"at\":\"2026-01-01T00:00:00.000Z\"}\n";
    let samples = [
        format!("{beat}{{\"type\":\"synced\",\"seq\":4}}\n\n{beat}").into_bytes(),
        format!("{beat}{{\"type\":\"from a newer node\"}}\n{beat}").into_bytes(),
    ];
    ostler_fuzz::run("link_lines", &samples, |data| {
        // Lines that are too long have a test of their own.
        let data = &data[..data.len().min(8 << 10)];
        let found = runtime.block_on(read(data.to_vec()));
        let lines = data.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n") && line.len() > 1);
        let mut wanted = vec![];
        for line in lines {
            let seen = serde_json::from_slice::<Observation>(line).map(|seen| serde_json::to_string(&seen).unwrap());
            let is_good = seen.is_ok();
            wanted.push(seen.map_err(drop));
            if !is_good {
                break;
            }
        }
        assert_eq!(found, wanted, "each whole line counts once, up to the first that cannot be read");
    });
}
