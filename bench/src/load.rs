//! Load: so many connections, each asking again as soon as it has its answer.

use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Answers per second. `request` is a file with the request's exact bytes; every answer must be a 200.
pub(super) async fn run(address: &str, request: &str, connections: usize, seconds: u64) -> Result<f64> {
    let request = std::fs::read(request).context("the request's file cannot be read")?;
    let began = Instant::now();
    let warm = began + Duration::from_millis(500);
    let end = warm + Duration::from_secs(seconds);
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        tasks.spawn(connection(address.to_owned(), request.clone(), warm, end));
    }
    let mut all = 0;
    while let Some(done) = tasks.join_next().await {
        all += done??;
    }
    Ok(all as f64 / seconds as f64)
}

async fn connection(address: String, request: Vec<u8>, warm: Instant, end: Instant) -> Result<u64> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut answers = 0;
    loop {
        stream.write_all(&request).await?;
        buffer.clear();
        let whole = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                bail!("the connection ended");
            }
            if let Some(whole) = length(&buffer)?.filter(|whole| buffer.len() >= *whole) {
                break whole;
            }
        };
        if buffer.len() != whole {
            bail!("more came than was asked for");
        }
        let now = Instant::now();
        if now >= end {
            return Ok(answers);
        }
        answers += u64::from(now >= warm);
    }
}

/// The length of the whole answer, once its head is there.
fn length(answer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&answer[..head])?;
    if !text.starts_with("HTTP/1.1 200") {
        bail!("answered {}", text.lines().next().unwrap_or_default());
    }
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Ok(Some(head + 4 + length.context("an answer without a length")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        assert_eq!(length(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
        assert_eq!(length(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap(), Some(40));
        assert!(length(b"HTTP/1.1 429 Too Many Requests\r\n\r\n").is_err());
    }
}
