//! Passwords: argon2id, off the async threads, a few at a time.

use crate::http::{Error, Result};
use crate::limits;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use ostler_model::{Millis, Secret};
use ostler_runtime::Ids;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// Makes and checks hashes, bounded, so that sign-ins cannot take all memory and all cores.
#[derive(Debug)]
pub struct Passwords {
    turns: Semaphore,
    waiting: AtomicUsize,
    /// The hash of nobody's password: checked for people who do not exist, so that they take as long as those who do.
    dummy: String,
}

impl Passwords {
    /// Makes the dummy hash, once per process.
    pub fn new(ids: &Ids) -> Self {
        static DUMMY: OnceLock<String> = OnceLock::new();
        let dummy = DUMMY.get_or_init(|| hash(&ids.bytes::<16>(), &ids.bytes::<32>()).unwrap_or_default()).clone();
        Self { turns: Semaphore::new(limits::HASHES_AT_ONCE), waiting: AtomicUsize::new(0), dummy }
    }
    /// The stored form of a password.
    pub async fn hash(&self, ids: &Ids, password: &Secret) -> Result<String> {
        let (salt, password) = (ids.bytes::<16>(), password.clone());
        self.run(move || hash(&salt, password.reveal().as_bytes())).await?.map_err(Error::Internal)
    }
    /// Whether the password belongs to the stored form. Without one the same work is done, and the answer is no.
    pub async fn check(&self, stored: Option<&str>, password: &Secret) -> Result<bool> {
        let is_real = stored.is_some();
        let (stored, password) = (stored.unwrap_or(&self.dummy).to_owned(), password.clone());
        let fits =
            self.run(move || Argon2::default().verify_password(password.reveal().as_bytes(), stored.as_str()).is_ok());
        Ok(fits.await? && is_real)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = Place::take(&self.waiting).ok_or(Error::Unavailable {
            message: "too many sign-ins at the same time".into(),
            retry_after: Millis::secs(2),
        })?;
        let _turn = self.turns.acquire().await.map_err(|e| Error::Internal(e.into()))?;
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(e.into()))
    }
}

/// A place among those who wait or work.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Place(waiting);
        (waiting.fetch_add(1, Ordering::SeqCst) < limits::HASHES_WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn hash(salt: &[u8], password: &[u8]) -> anyhow::Result<String> {
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password, salt)
        .map_err(|error| anyhow::anyhow!("a password could not be hashed: {error}"))?;
    Ok(hash.to_string())
}

/// Refuses passwords that are too short to be safe or too long to be meant.
pub fn checked(password: &Secret, field: &str) -> Result<()> {
    let count = password.reveal().chars().count();
    if limits::PASSWORD_CHARS.contains(&count) {
        return Ok(());
    }
    let (least, most) = (limits::PASSWORD_CHARS.start(), limits::PASSWORD_CHARS.end());
    Err(Error::field(field, format!("use {least} to {most} characters")))
}
