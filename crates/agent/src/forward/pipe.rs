//! Bytes in both directions until both have ended, or one cannot go on.

use crate::limits;
use ostler_model::Time;
use ostler_runtime::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};

/// Why a pipe ended.
pub(super) enum End {
    /// Both sides have said all.
    Done,
    /// Nothing moved for too long.
    Idle,
    /// One side broke, or took nothing for too long.
    Broken(std::io::Error),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Done => f.write_str("both sides have said all"),
            End::Idle => f.write_str("nothing moved for too long"),
            End::Broken(error) => error.fmt(f),
        }
    }
}

/// Copies until both sides have ended. What one side has closed is closed towards the other at once; the rest goes on.
pub(super) async fn both(
    clock: &Clock,
    a: impl AsyncRead + AsyncWrite + Unpin,
    b: impl AsyncRead + AsyncWrite + Unpin,
) -> End {
    let moved = AtomicI64::new(clock.now().as_millis());
    let ((from_a, to_a), (from_b, to_b)) = (split(a), split(b));
    let copied = async { tokio::try_join!(one(clock, &moved, from_a, to_b), one(clock, &moved, from_b, to_a)) };
    tokio::select! {
        copied = copied => match copied {
            Ok(_) => End::Done,
            Err(error) => End::Broken(error),
        },
        () = idle(clock, &moved) => End::Idle,
    }
}

async fn one(
    clock: &Clock,
    moved: &AtomicI64,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut buffer = vec![0; limits::FORWARD_BUFFER];
    loop {
        let n = from.read(&mut buffer).await?;
        moved.store(clock.now().as_millis(), Ordering::Relaxed);
        let passed = async {
            if n == 0 {
                return to.shutdown().await;
            }
            to.write_all(&buffer[..n]).await?;
            to.flush().await
        };
        let stalled = || std::io::Error::new(std::io::ErrorKind::TimedOut, "the other end takes nothing");
        clock.timeout(limits::FORWARD_STALL, passed).await.ok_or_else(stalled)??;
        if n == 0 {
            return Ok(());
        }
    }
}

/// Resolves when nothing has moved for too long.
async fn idle(clock: &Clock, moved: &AtomicI64) {
    loop {
        let until = Time::from_millis(moved.load(Ordering::Relaxed)) + limits::FORWARD_IDLE;
        if until <= clock.now() {
            return;
        }
        clock.sleep_until(until).await;
    }
}
