//! The bare hash that a sign-in has to compute, with the product's own parameters.

use anyhow::Result;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ostler_server::limits;
use std::io::{BufRead, Write};
use std::time::Instant;

/// Computes one for every line that it reads, and writes how long it took, in microseconds. Its memory is kept from one to
/// the next, as the server keeps it.
pub(crate) fn run() -> Result<()> {
    let (memory, passes, lanes) = limits::ARGON2;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut blocks = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        line?;
        let began = Instant::now();
        let (password, salt) = (b"correct horse battery staple", b"sixteen bytes ok");
        let done = argon2.hash_password_into_with_memory(password, salt, &mut [0; 32], &mut blocks[..]);
        done.map_err(|error| anyhow::anyhow!("{error}"))?;
        writeln!(out, "{}", began.elapsed().as_micros())?;
        out.flush()?;
    }
    Ok(())
}
