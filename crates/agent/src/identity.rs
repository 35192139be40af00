//! Who this node is: its key, made here and never sent anywhere, and the control plane that it joined.
//!
//! Files in the state folder: `node.lease` (see `link::lease`), `node.key` (the Ed25519 seed, readable by the agent's account only, made once) and
//! `node.json` (what the control plane answered to the join, with its public key). The key comes first and survives a failed join, so a join whose
//! answer was lost can be repeated and leads to the same node.

use crate::link::Leases;
use anyhow::{Context, Result, bail};
use ostler_model::node::Lease;
use ostler_model::node::lease::Boot;
use ostler_model::{Id as _, InstallationId, Name, NodeId, Time};
use ostler_runtime::Ids;
pub use ostler_wire::link::proof::ServerKey;
use ostler_wire::link::sign::{Dialled, Signed};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

const KEY_FILE: &str = "node.key";
const JOINED_FILE: &str = "node.json";

/// The node's key pair.
pub struct Key(Ed25519KeyPair);

impl Key {
    /// The key that grows from these random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Key {
        Key(Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are an Ed25519 seed"))
    }
    /// The stored key; a new one is made and stored when there is none.
    pub fn load_or_make(dir: &Path, ids: &Ids) -> Result<Key> {
        if let Some(key) = Self::load(dir)? {
            return Ok(key);
        }
        std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        let seed: [u8; 32] = ids.bytes();
        write_private(dir, KEY_FILE, hex::encode(seed).as_bytes(), Replace::Never)?;
        // Read back: of two joins at once, both must go on with the key that was kept.
        Self::load(dir)?.context("the key vanished right after it was written")
    }
    /// The stored key, if there is one.
    pub fn load(dir: &Path) -> Result<Option<Key>> {
        let path = dir.join(KEY_FILE);
        let mut file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("{} cannot be read", path.display())),
        };
        let mode = file.metadata().with_context(|| format!("{} cannot be read", path.display()))?.mode();
        if mode & 0o077 != 0 {
            bail!(
                "{0} can be read by others; whoever did is this node now. Delete it and join again, or: chmod 600 {0}",
                path.display()
            );
        }
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(|| format!("{} cannot be read", path.display()))?;
        let pair = hex::decode(text.trim()).ok().and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok());
        match pair {
            Some(pair) => Ok(Some(Key(pair))),
            None => bail!("{} is damaged; delete it and join again", path.display()),
        }
    }
    /// The public half, in hexadecimal digits.
    pub fn public_hex(&self) -> String {
        hex::encode(self.0.public_key().as_ref())
    }
    /// The `Authorization` header for one request.
    pub fn authorization(&self, asking: &Asking<'_>, nonce: [u8; 16]) -> String {
        let Asking { node, at, lease, boot, .. } = *asking;
        let dialled = Some(Dialled { authority: asking.authority.to_owned(), lease, boot });
        let mut signed = Signed { node, at, nonce, dialled, signature: [0; 64] };
        // While joining there is no installation yet, and no server that accepts the signature.
        let installation = asking.installation.unwrap_or(InstallationId::from_parts(Time::ZERO, 0));
        signed.signature = self.sign(&signed.message(asking.method, asking.path, installation));
        signed.header()
    }
    /// A signature over these bytes.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

/// What a request says of itself, to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    pub node: NodeId,
    pub installation: Option<InstallationId>,
    /// The host, and port if there is one, that is dialled.
    pub authority: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub at: Time,
    pub lease: Option<Lease>,
    pub boot: Boot,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.public_hex())
    }
}

/// What the control plane answered to the join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Where the control plane is, without a path's trailing slash.
    pub url: String,
    pub node: NodeId,
    pub name: Name,
    /// The only installation that this node obeys.
    pub installation: InstallationId,
    /// The installation's public key. Absent for a node that joined with an older release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_key: Option<ServerKey>,
}

/// A node that has joined.
#[derive(Debug)]
pub struct Identity {
    pub key: Key,
    pub member: Membership,
}

impl Identity {
    /// The identity in this state folder, if it has joined.
    pub fn load(dir: &Path) -> Result<Option<Identity>> {
        let Some(member) = load_membership(dir)? else { return Ok(None) };
        let Some(key) = Key::load(dir)? else {
            bail!("{} is missing although this node joined {}: join again", dir.join(KEY_FILE).display(), member.url);
        };
        Ok(Some(Identity { key, member }))
    }
    /// Stores the answer to a join. From here on the node is that node.
    pub fn store(dir: &Path, key: Key, member: Membership) -> Result<Identity> {
        let text = serde_json::to_vec_pretty(&member).expect("a membership is plain data that JSON can hold");
        write_private(dir, JOINED_FILE, &text, Replace::Always)?;
        Ok(Identity { key, member })
    }
    /// Forgets the control plane. The key goes too, so that the next join makes a new node.
    pub fn forget(dir: &Path) -> Result<()> {
        Leases::forget(dir).with_context(|| format!("the lease in {} cannot be removed", dir.display()))?;
        for name in [JOINED_FILE, KEY_FILE] {
            match std::fs::remove_file(dir.join(name)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(e).with_context(|| format!("{} cannot be removed", dir.join(name).display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn load_membership(dir: &Path) -> Result<Option<Membership>> {
    let path = dir.join(JOINED_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let member = serde_json::from_slice(&bytes);
            member.map(Some).with_context(|| format!("{} is damaged; delete it and join again", path.display()))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("{} cannot be read", path.display())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    Never,
    Always,
}

/// Writes a file that only the agent's account can read, completely or not at all. With [`Replace::Never`] a file that is
/// there already stays as it is.
pub(crate) fn write_private(dir: &Path, name: &str, bytes: &[u8], replace: Replace) -> Result<()> {
    let (path, draft) = (dir.join(name), dir.join(format!(".{name}.{}", std::process::id())));
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match replace {
            Replace::Always => std::fs::rename(&draft, &path)?,
            // A hard link never replaces anything, whoever else writes at the same moment.
            Replace::Never => match std::fs::hard_link(&draft, &path) {
                Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
                _ => std::fs::remove_file(&draft)?,
            },
        }
        std::fs::File::open(dir)?.sync_all()
    };
    let done = write();
    if done.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    done.with_context(|| format!("{} cannot be written", path.display()))
}
