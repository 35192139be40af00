//! What runs a decoder on bytes that nobody would send: a corpus of real samples, and what a mutator makes of them.
//!
//! A target is a test called `fuzz_<name>` beside the decoder, private or not, that calls [`run`]. It takes two seconds with
//! the same inputs each time; `cargo xtask fuzz` gives it more time and other inputs. Nothing here looks at which branches an
//! input takes: that needs a compiler of the night. What this crate does not do: know any decoder.

#![allow(clippy::disallowed_methods, reason = "it measures real time and reads real files, in tests only")]

mod memory;
mod mutate;
mod random;

use mutate::mutate;
use random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long each target runs, in seconds.
pub const SECONDS: &str = "OSTLER_FUZZ_SECONDS";
/// Where its inputs begin; the same number gives the same inputs.
pub const SEED: &str = "OSTLER_FUZZ_SEED";
/// One file to run instead.
pub const INPUT: &str = "OSTLER_FUZZ_INPUT";
/// Writes the samples that a target makes into its corpus.
pub const WRITE: &str = "OSTLER_FUZZ_WRITE";

/// Longest input: decoders have bounds of their own, and this is past most of them.
const LONGEST: usize = 96 << 10;
/// A decoder that takes longer for one input can be held up. Generous: tests run unoptimised, beside others.
const SLOW: Duration = Duration::from_secs(4);
/// A decoder that makes a process grow by this much can be made to.
const GROWTH: u64 = 512 << 20;

/// Runs a target on its corpus and on mutations of it. `samples` are what the project's own writers make.
///
/// # Panics
/// When the target does, or takes too long or too much memory; the input is in the corpus then.
pub fn run(name: &str, samples: &[Vec<u8>], target: impl Fn(&[u8])) {
    let folder = corpus(name);
    if std::env::var_os(WRITE).is_some() {
        write(&folder, samples);
    }
    if let Some(path) = std::env::var_os(INPUT) {
        let input = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return target(&input);
    }
    let corpus = read(&folder);
    assert!(!corpus.is_empty(), "{} is empty: {WRITE}=1 writes the samples into it", folder.display());
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let until = Instant::now() + Duration::from_secs(number(SECONDS).unwrap_or(2));
    let seed = number(SEED).unwrap_or(0);
    let mut random = Random::new(seed);
    let mut found = 0_u64;
    let memory = memory::peak();
    for input in corpus.iter().chain(samples) {
        once(name, &folder, input, &target);
        found += 1;
    }
    while Instant::now() < until {
        // The clock is asked now and then only: small inputs take less time than it does.
        for _ in 0..16 {
            let input = mutate(&corpus, &mut random, LONGEST);
            once(name, &folder, &input, &target);
            found += 1;
        }
    }
    let grown = memory::peak().saturating_sub(memory);
    assert!(grown < GROWTH, "{name} grew by {} MiB (seed {seed})", grown >> 20);
    println!("{name}: {found} inputs, seed {seed}, {} MiB more", grown >> 20);
}

/// One input, within its time.
fn once(name: &str, folder: &Path, input: &[u8], target: &impl Fn(&[u8])) {
    let took = |input: &[u8]| {
        let began = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| target(input)));
        (done, began.elapsed())
    };
    let (done, elapsed) = took(input);
    // Twice, because a busy machine is slow once.
    let is_slow = elapsed > SLOW && took(input).1 > SLOW;
    if done.is_ok() && !is_slow {
        return;
    }
    let small = if is_slow { input.to_vec() } else { smaller(input, |input| took(input).0.is_err()) };
    let path = folder.join(format!("crash-{:016x}", random::hash(&small)));
    let kept = std::fs::write(&path, &small);
    let why = if is_slow { "took too long for" } else { "failed on" };
    panic!(
        "{name} {why} {} bytes{}\n  kept in {} ({kept:?})\n  again: {INPUT}={} cargo xtask fuzz {name}",
        small.len(),
        if small.len() < 400 { format!(": {}", String::from_utf8_lossy(&small).escape_debug()) } else { String::new() },
        path.display(),
        path.display(),
    );
}

/// The same failure with fewer bytes, where that is found quickly.
fn smaller(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut best = input.to_vec();
    let mut size = best.len() / 2;
    let mut tries = 0;
    while size > 0 && tries < 2_000 {
        let mut at = 0;
        let mut is_better = false;
        while at < best.len() && tries < 2_000 {
            let less = [&best[..at], &best[(at + size).min(best.len())..]].concat();
            tries += 1;
            if fails(&less) {
                (best, is_better) = (less, true);
            } else {
                at += size;
            }
        }
        if !is_better {
            size /= 2;
        }
    }
    std::panic::set_hook(hook);
    best
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(name)
}

/// In the order of their names, so that a seed means the same everywhere.
fn read(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

fn write(folder: &Path, samples: &[Vec<u8>]) {
    std::fs::create_dir_all(folder).expect("the corpus can be written");
    for (n, sample) in samples.iter().enumerate() {
        std::fs::write(folder.join(format!("sample-{n:02}")), sample).expect("the corpus can be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_made_small_and_the_same_seed_finds_it_again() {
        let corpus = [b"{\"length\":12,\"text\":\"hello\"}".to_vec()];
        let fails = |input: &[u8]| input.windows(2).any(|pair| pair == b"\0\0");
        let find = || {
            let mut random = Random::new(7);
            (0..1_000_000).map(|_| mutate(&corpus, &mut random, LONGEST)).find(|input| fails(input)).unwrap()
        };
        assert_eq!(find(), find());
        assert_eq!(smaller(&find(), fails), b"\0\0");
    }

    #[test]
    fn mutations_keep_their_bound_and_are_many() {
        let corpus = [b"abc".to_vec(), vec![7; 1000]];
        let mut random = Random::new(1);
        let all: std::collections::BTreeSet<Vec<u8>> =
            (0..2_000).map(|_| mutate(&corpus, &mut random, 5_000)).collect();
        assert!(all.len() > 1_500 && all.iter().all(|input| input.len() <= 5_000));
    }
}
