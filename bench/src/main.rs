//! What `cargo xtask bench` runs beside the product: baselines, load, and agents by the thousand.
//!
//! Each command prints one figure, or says when it is ready and stays until it is stopped. Nothing here decides what is
//! compared with what; the rows in `xtask/src/bench` do.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the real clock and starts real tasks")]

mod agents;
mod bare;
mod console;
mod load;
mod matches;
mod search;
mod tunnel;
mod wait;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let many = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match words.as_slice() {
        // The answer's bytes, from a file.
        ["bare", body] => many()?.block_on(bare::run(&std::fs::read(body)?)),
        ["load", address, request, connections, seconds] => {
            // One thread, so that the other is the server's on a machine of two.
            let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let figure = one.block_on(load::run(address, request, connections.parse()?, seconds.parse()?))?;
            println!("{figure}");
            Ok(())
        }
        ["tunnel", what, side] => {
            println!("{}", many()?.block_on(tunnel::run(what, side))?);
            Ok(())
        }
        // A file's path or a URL, of an empty database.
        ["search", database, count] => many()?.block_on(search::run(database, count.parse()?)),
        // One thread, as for the load.
        ["watch", console, key, watchers, commands] => {
            let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let figure = one.block_on(console::watch(console, key, watchers.parse()?, commands.parse()?))?;
            println!("{figure}");
            Ok(())
        }
        ["bare-console"] => many()?.block_on(console::bare()),
        ["agents", url, key, count] => many()?.block_on(agents::run(url, key, count.parse()?)),
        ["matches", base, pid, matches, players, seconds, protocol @ ..] => {
            let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (matches, players, seconds) = (matches.parse()?, players.parse()?, seconds.parse()?);
            let protocol = protocol.first().copied().unwrap_or_default();
            let plan = matches::Plan { base, pid: pid.parse()?, matches, players, seconds, protocol };
            one.block_on(matches::run(&plan))
        }
        _ => bail!(
            "usage: bare FILE | load ADDRESS REQUEST CONNECTIONS SECONDS | tunnel WHAT SIDE | agents URL KEY COUNT \
             | search DATABASE COUNT | watch CONSOLE KEY WATCHERS COMMANDS | bare-console \
             | matches URL PID MATCHES PLAYERS SECONDS [PROTOCOL]"
        ),
    }
}
