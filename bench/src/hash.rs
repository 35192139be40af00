//! The bare hash that a sign-in has to compute, with the product's own parameters.

use anyhow::Result;
use argon2::{Algorithm, Argon2, Params, Version};
use ostler_server::limits;
use std::time::Instant;

const WARM: usize = 5;
const TIMES: usize = 60;

/// The median of one hash, in microseconds.
pub(crate) fn run() -> Result<f64> {
    let (memory, passes, lanes) = limits::ARGON2;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut times = Vec::with_capacity(TIMES);
    for n in 0..WARM + TIMES {
        let began = Instant::now();
        let mut out = [0; 32];
        let done = argon2.hash_password_into(b"correct horse battery staple", b"sixteen bytes ok", &mut out);
        done.map_err(|error| anyhow::anyhow!("{error}"))?;
        if n >= WARM {
            times.push(began.elapsed());
        }
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}
