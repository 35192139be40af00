//! Passwords: argon2id, a few at a time, in nobody's way.

use crate::http::{Error, Result};
use crate::limits;
use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::Output;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use ostler_model::text::opaque;
use ostler_model::{Millis, Secret};
use ostler_runtime::{Clock, Ids};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// Makes and checks hashes, bounded, so that sign-ins cannot take all memory and all cores.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// The hash of nobody's password: checked for people who do not exist, so that they take as long as those who do.
    dummy: String,
    memory: Arc<Memory>,
    clock: Clock,
}

impl Passwords {
    /// Makes the dummy hash, once per process.
    pub fn new(ids: &Ids, clock: Clock) -> Self {
        static DUMMY: OnceLock<String> = OnceLock::new();
        let dummy = DUMMY.get_or_init(|| hash(&ids.bytes::<16>(), &ids.bytes::<32>()).unwrap_or_default()).clone();
        Self {
            turns: Arc::new(Semaphore::new(limits::HASHES_AT_ONCE)),
            waiting: Arc::default(),
            dummy,
            memory: Arc::default(),
            clock,
        }
    }
    /// The stored form of a password, made of its normal form.
    pub async fn hash(&self, ids: &Ids, password: &Secret) -> Result<String> {
        let (salt, normal) = (ids.bytes::<16>(), Secret::new(opaque(password.reveal())));
        self.run(move || hash(&salt, normal.reveal().as_bytes())).await?.map_err(Error::Internal)
    }
    /// Whether the password belongs to the stored form. Without one the same work is done, and the answer is no.
    pub async fn check(&self, stored: Option<&str>, password: &Secret) -> Result<bool> {
        Ok(self.fit(stored, password).await? != Fit::No)
    }
    /// The same, and in which form it was stored.
    pub async fn fit(&self, stored: Option<&str>, password: &Secret) -> Result<Fit> {
        let is_real = stored.is_some();
        let (stored, password) = (stored.unwrap_or(&self.dummy).to_owned(), password.clone());
        let memory = self.memory.clone();
        let work = move || {
            let is_it = |text: &str| memory.lend(|blocks| fits(&stored, text.as_bytes(), blocks)) == Some(true);
            let normal = Secret::new(opaque(password.reveal()));
            if is_it(normal.reveal()) {
                return Fit::Yes;
            }
            // Stored before passwords had a normal form.
            let is_other = normal.reveal() != password.reveal();
            if is_other && is_it(password.reveal()) { Fit::AsTyped } else { Fit::No }
        };
        let found = self.run(work).await?;
        Ok(if is_real { found } else { Fit::No })
    }
    /// Gives memory back that no sign-in has needed since the last time.
    pub fn sweep(&self) {
        self.memory.sweep();
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = Place::take(&self.waiting).ok_or(Error::Unavailable {
            message: "too many sign-ins at the same time".into(),
            retry_after: Millis::secs(2),
        })?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|e| Error::Internal(e.into()))?;
        // The work goes on when its asker has hung up, and so does its share: hanging up makes no room for more.
        let clock = self.clock.clone();
        let held = move || {
            let _share = (place, turn);
            let began = clock.instant();
            let done = work();
            crate::obs::hashed(clock.instant().saturating_duration_since(began));
            done
        };
        // Here and now where that is possible: another thread would have to be woken, and to wake this one. What else this
        // thread had to do goes to another one meanwhile.
        if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
            return Ok(tokio::task::block_in_place(held));
        }
        tokio::task::spawn_blocking(held).await.map_err(|e| Error::Internal(e.into()))
    }
}

/// How a password fits a stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    No,
    Yes,
    /// Only as it was typed, and not in its normal form: time to store it again.
    AsTyped,
}

/// Memory for hashes, kept from one to the next: fresh memory of this size costs a third of the hash's own time.
#[derive(Debug, Default)]
struct Memory {
    free: Mutex<Vec<Vec<Block>>>,
    is_used: AtomicBool,
}

impl Memory {
    fn lend<T>(&self, work: impl FnOnce(&mut Vec<Block>) -> T) -> T {
        self.is_used.store(true, Ordering::Relaxed);
        let mut blocks = self.free().pop().unwrap_or_default();
        let done = work(&mut blocks);
        self.free().push(blocks);
        done
    }
    fn sweep(&self) {
        if !self.is_used.swap(false, Ordering::Relaxed) {
            self.free().clear();
        }
    }
    fn free(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a password belongs to a stored form, which names its own parameters. `None` when it is no stored form.
fn fits(stored: &str, password: &[u8], blocks: &mut Vec<Block>) -> Option<bool> {
    let stored = PasswordHash::new(stored).ok()?;
    let (salt, expected) = (stored.salt.as_ref()?, stored.hash.as_ref()?);
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(&stored).ok()?;
    blocks.resize(params.block_count(), Block::new());
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..expected.len())?;
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(password, salt, out, &mut blocks[..])
        .ok()?;
    // Compared in the same time wherever they differ.
    Some(Output::new(out).ok()? == *expected)
}

/// A place among those who wait or work.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Place(waiting.clone());
        (waiting.fetch_add(1, Ordering::SeqCst) < limits::HASHES_WAITING).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// As hard as this version wants it.
fn tuned() -> anyhow::Result<Argon2<'static>> {
    let (memory, passes, lanes) = limits::ARGON2;
    let params = Params::new(memory, passes, lanes, None)
        .map_err(|error| anyhow::anyhow!("the parameters of argon2 cannot be used: {error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(salt: &[u8], password: &[u8]) -> anyhow::Result<String> {
    let hash: PasswordHash = tuned()?
        .hash_password_with_salt(password, salt)
        .map_err(|error| anyhow::anyhow!("a password could not be hashed: {error}"))?;
    Ok(hash.to_string())
}

/// True when a stored form is weaker than, or just other than, what new ones are made of: time to make it anew.
pub fn is_outdated(stored: &str) -> bool {
    let (memory, passes, lanes) = limits::ARGON2;
    !stored.starts_with(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$"))
}

/// Refuses passwords that are too short to be safe, too long to be meant, or common.
pub fn checked(password: &Secret, field: &str) -> Result<()> {
    checked_for(password, field, &[])
}

/// The same for somebody: what everybody knows about them makes no password either.
pub fn checked_for(password: &Secret, field: &str, about: &[&str]) -> Result<()> {
    let text = opaque(password.reveal());
    let (least, most) = (limits::PASSWORD_CHARS.start(), limits::PASSWORD_CHARS.end());
    if !limits::PASSWORD_CHARS.contains(&text.chars().count()) {
        return Err(Error::field(field, format!("use {least} to {most} characters")));
    }
    let mut known: Vec<&str> = about.iter().flat_map(|text| text.split(['@', '.', ' '])).collect();
    known.extend_from_slice(about);
    known.push("ostler");
    known.retain(|word| word.len() > 2);
    // The list's own words, and what people make of them: capitals, digits at the end, letters as digits, keyboard rows.
    let strength = zxcvbn::zxcvbn(&text, &known);
    if strength.guesses_log10() >= limits::PASSWORD_GUESSES_LOG10 {
        return Ok(());
    }
    let why = strength.feedback().and_then(|feedback| feedback.warning()).map(|warning| format!(": {warning}"));
    let why = why.unwrap_or_default();
    let why = why.trim_end_matches('.');
    Err(Error::field(
        field,
        format!("this password is among those that are tried first{why}; use several unrelated words"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_refused_and_phrases_are_not() {
        let is_fine =
            |text: &str| checked_for(&Secret::new(text), "password", &["ada@example.org", "Ada Lovelace"]).is_ok();
        for common in [
            "password1234",
            "Password1234",
            "p4ssw0rd1234",
            "123456789012",
            "qwertyuiopas",
            "aaaaaaaaaaaaaa",
            "iloveyou1234",
            "ada@example.org",
            "lovelace2024",
            "ostlerostler",
            "letmeinletmein",
            "111122223333",
        ] {
            assert!(!is_fine(common), "{common}");
        }
        for fine in [
            "correct horse battery",
            "another horse battery",
            "grüne Wiese am Fluss",
            "kX9vbQ2mLr7t",
            "schwere kisten tragen",
        ] {
            assert!(is_fine(fine), "{fine}");
        }
        assert!(!is_fine("kX9vbQ2mLr7"), "eleven characters");
        assert!(is_fine(&"zebra lamp ".repeat(23)), "253 characters");
        assert!(!is_fine(&"x9".repeat(129)), "258 characters");
    }

    /// Whoever hangs up in the middle of a sign-in must not thereby get past the bounds.
    #[tokio::test]
    async fn hanging_up_gives_no_room_until_the_work_is_done() {
        let clock = Clock::system();
        let passwords = Passwords::new(&Ids::system(clock.clone()), clock);
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let (began, begun) = tokio::sync::oneshot::channel();
        let work = passwords.run(move || {
            began.send(()).unwrap();
            gate.recv().unwrap();
        });
        tokio::select! {
            _ = work => panic!("it waits at the gate"),
            begun = begun => begun.unwrap(),
        }
        assert_eq!(passwords.turns.available_permits(), limits::HASHES_AT_ONCE - 1);
        assert_eq!(passwords.waiting.load(Ordering::SeqCst), 1);
        go.send(()).unwrap();
        let all = u32::try_from(limits::HASHES_AT_ONCE).unwrap();
        drop(passwords.turns.acquire_many(all).await.unwrap());
    }

    #[test]
    fn only_the_password_fits_whatever_the_memory_held_before() {
        let memory = Memory::default();
        let ask = |stored: &str, password: &[u8]| memory.lend(|blocks| fits(stored, password, blocks));
        let ours = hash(b"sixteen bytes ok", b"correct horse").unwrap();
        let other = Argon2::new(Algorithm::Argon2i, Version::V0x10, Params::new(64, 3, 2, Some(24)).unwrap());
        let other: PasswordHash = other.hash_password_with_salt(b"correct horse", b"another salt of it").unwrap();
        for stored in [&ours, &other.to_string(), &ours] {
            assert_eq!(ask(stored, b"correct horse"), Some(true), "{stored}");
            assert_eq!(ask(stored, b"correct hors"), Some(false), "{stored}");
            assert_eq!(ask(stored, b""), Some(false), "{stored}");
        }
        for broken in [
            "",
            "x",
            "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw",
            "$argon9$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlcyBvaw$AAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(ask(broken, b"x"), None, "{broken}");
        }
        assert_eq!(memory.free().len(), 1);
        memory.sweep();
        assert_eq!(memory.free().len(), 1, "it was used a moment ago");
        memory.sweep();
        assert_eq!(memory.free().len(), 0);
    }

    #[tokio::test]
    async fn f18_a_password_is_the_same_from_every_keyboard() {
        let clock = Clock::system();
        let ids = Ids::system(clock.clone());
        let passwords = Passwords::new(&ids, clock);
        let (composed, decomposed) =
            (Secret::new("gr\u{fc}ne Wiese am Flu\u{df}"), Secret::new("gru\u{308}ne Wiese\u{a0}am Flu\u{df}"));
        for (one, other) in [(&composed, &decomposed), (&decomposed, &composed)] {
            let stored = passwords.hash(&ids, one).await.unwrap();
            assert_eq!(passwords.fit(Some(&stored), other).await.unwrap(), Fit::Yes);
            assert_eq!(passwords.fit(Some(&stored), &Secret::new("grune Wiese am Flu\u{df}")).await.unwrap(), Fit::No);
        }
        let before = hash(b"sixteen bytes ok", decomposed.reveal().as_bytes()).unwrap();
        assert_eq!(passwords.fit(Some(&before), &decomposed).await.unwrap(), Fit::AsTyped);
        assert_eq!(passwords.fit(None, &decomposed).await.unwrap(), Fit::No);
    }

    #[test]
    fn a_hash_of_other_parameters_is_outdated() {
        let now = hash(b"sixteen bytes ok", b"x").unwrap();
        assert!(!is_outdated(&now), "{now}");
        assert!(is_outdated(&now.replace("t=2", "t=1")));
        assert!(is_outdated("$argon2i$v=19$m=19456,t=2,p=1$x$y"));
    }
}
