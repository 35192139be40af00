//! Downloads: streamed to a draft, counted and hashed on the way, and put in place only when the hash is right.

use super::file::Place;
use super::off_thread;
use crate::driver::account::Account;
use crate::driver::{Note, Progress};
use ostler_model::Millis;
use ostler_model::bounds::agent::DOWNLOAD_BYTES;
use ostler_runtime::Clock;
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::OnceLock;

/// Nothing arrived for this long: the other side is gone.
const SILENCE: Millis = Millis::secs(60);

/// The HTTP client, made when first needed.
#[derive(Default)]
pub(super) struct Client(OnceLock<reqwest::Client>);

pub(super) struct Wanted<'a> {
    pub url: &'a str,
    pub sha256: &'a str,
    pub dir: &'a Path,
    pub path: &'a str,
    pub account: Option<Account>,
}

impl Client {
    pub(super) async fn fetch(
        &self,
        clock: &Clock,
        wanted: Wanted<'_>,
        progress: Progress<'_>,
    ) -> Result<Note, String> {
        let sum = wanted.sha256.to_ascii_lowercase();
        if sum.len() != 64 || !sum.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("{:?} is not a SHA-256", wanted.sha256));
        }
        let (dir, path, account) = (wanted.dir.to_owned(), wanted.path.to_owned(), wanted.account.clone());
        let old = sum.clone();
        let (place, is_there) = off_thread(move || {
            let place = Place::find(&dir, &path, account.as_ref())?;
            let is_there = place.read().is_some_and(|file| hash_of(file).is_some_and(|h| h == old));
            Ok((place, is_there))
        })
        .await?;
        if is_there {
            return Ok(Note::ready());
        }
        let done = self.transfer(clock, &wanted, &place, &sum, progress).await;
        if done.is_err() {
            place.give_up();
        }
        done.map(|()| Note::ready())
    }

    async fn transfer(
        &self,
        clock: &Clock,
        wanted: &Wanted<'_>,
        place: &Place,
        sum: &str,
        progress: Progress<'_>,
    ) -> Result<(), String> {
        let url = reqwest::Url::parse(wanted.url).map_err(|e| format!("{} is not a URL: {e}", wanted.url))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{} must begin with https:// or http://", wanted.url));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let lost = |e: reqwest::Error| format!("{host} cannot be reached: {}", e.without_url());
        let late = || format!("{host} went silent");
        let mut answer =
            clock.timeout(SILENCE, self.client()?.get(url).send()).await.ok_or_else(late)?.map_err(lost)?;
        if !answer.status().is_success() {
            return Err(format!("{host} answered {}", answer.status()));
        }
        let size = answer.content_length();
        if size.is_some_and(|size| size > DOWNLOAD_BYTES) {
            return Err(too_large());
        }
        let mut file = place.draft(wanted.account.as_ref())?;
        let (mut hash, mut got) = (Sha256::new(), 0_u64);
        while let Some(chunk) = clock.timeout(SILENCE, answer.chunk()).await.ok_or_else(late)?.map_err(lost)? {
            got += chunk.len() as u64;
            if got > DOWNLOAD_BYTES {
                return Err(too_large());
            }
            hash.update(&chunk);
            // One chunk at a time into the page cache: short enough for this thread, and flat in memory.
            file.write_all(&chunk).map_err(|e| format!("{} cannot be written: {e}", wanted.path))?;
            progress(match size {
                Some(size) if size > 0 => format!("{} of {} MiB", got >> 20, size >> 20),
                _ => format!("{} MiB", got >> 20),
            });
        }
        let found = hex::encode(hash.finalize());
        if found != sum {
            return Err(format!("what {host} sent has the SHA-256 {found}, not the expected one"));
        }
        off_thread(move || file.sync_all().map_err(|e| format!("it cannot be stored: {e}"))).await?;
        place.finish()
    }

    fn client(&self) -> Result<&reqwest::Client, String> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("ostler-agent/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Millis::secs(15).std())
            .build()
            .map_err(|e| format!("HTTP cannot be set up: {e}"))?;
        Ok(self.0.get_or_init(|| client))
    }
}

fn too_large() -> String {
    format!("it is larger than {} GiB", DOWNLOAD_BYTES >> 30)
}

fn hash_of(mut file: std::fs::File) -> Option<String> {
    let (mut hash, mut buf) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buf).ok()? {
            0 => return Some(hex::encode(hash.finalize())),
            n => hash.update(&buf[..n]),
        }
    }
}
