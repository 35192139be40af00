//! Calling the system's own tools: argument lists only, no shell, bounded output, a deadline.

use ostler_model::Millis;
use ostler_runtime::Clock;
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longer than any of the tools that are called this way takes.
const LIMIT: Millis = Millis::secs(60);
/// Enough for a sentence that explains a failure.
const SAID_MOST: u64 = 64 * 1024;

/// Where programs are looked for, also those of administrators and games.
pub(crate) const PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/games:/usr/games";

/// A program in [`PATH`].
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let is_program = |path: &std::path::Path| {
        std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    PATH.split(':').map(|dir| std::path::Path::new(dir).join(program)).find(|path| is_program(path))
}

/// Runs a tool; its output, or a sentence about its failure.
pub(crate) async fn run(clock: &Clock, program: &str, arguments: &[&str]) -> Result<String, String> {
    talk(clock, Call { program, arguments, input: "", limit: LIMIT }, |_| ()).await
}

/// One call of a tool.
pub(crate) struct Call<'a> {
    pub program: &'a str,
    pub arguments: &'a [&'a str],
    /// What it reads, at most what a pipe holds.
    pub input: &'a str,
    pub limit: Millis,
}

/// Runs a tool that reads something and starts in a special way.
pub(crate) async fn talk(
    clock: &Clock,
    call: Call<'_>,
    prepare: impl FnOnce(&mut tokio::process::Command),
) -> Result<String, String> {
    let Call { program, arguments, input, limit } = call;
    let path = find(program).ok_or_else(|| format!("{program} is not installed"))?;
    let mut command = tokio::process::Command::new(path);
    command
        .args(arguments)
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    prepare(&mut command);
    let mut child = command.spawn().map_err(|e| format!("{program} cannot be run: {e}"))?;
    let (out, err, reads) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
    let work = async {
        if let Some(mut reads) = reads {
            // A tool that ends before it has read says why.
            let _ = reads.write_all(input.as_bytes()).await;
        }
        let (mut said, mut complaint) = (Vec::new(), Vec::new());
        let read_out = async {
            if let Some(out) = out {
                let _ = out.take(SAID_MOST).read_to_end(&mut said).await;
            }
        };
        let read_err = async {
            if let Some(err) = err {
                let _ = err.take(SAID_MOST).read_to_end(&mut complaint).await;
            }
        };
        futures_util::join!(read_out, read_err);
        (child.wait().await, said, complaint)
    };
    let (status, said, complaint) =
        clock.timeout(limit, work).await.ok_or_else(|| format!("{program} did not end within {} s", limit.0 / 1000))?;
    let status = status.map_err(|e| format!("{program} cannot be waited for: {e}"))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&said).into_owned());
    }
    let complaint = String::from_utf8_lossy(if complaint.is_empty() { &said } else { &complaint }).trim().to_owned();
    Err(format!("{program} failed ({status}): {complaint}"))
}
