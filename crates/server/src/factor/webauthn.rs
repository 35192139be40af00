//! Passkeys: the checks that a relying party makes (WebAuthn Level 3, §7.1 and §7.2), and nothing beside them.
//!
//! Attestation is neither asked for nor looked at: which make of device somebody uses is their own business, and without it the
//! whole of the checks is in this file. Whether a challenge was used before and whether a count grew is the store's to say.

use super::cose::{ALGORITHMS, Key};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::Decoder;
use ostler_wire::factor::{
    AuthenticatorSelection, CreationOptions, PasskeyAlgorithm, PasskeyAnswer, PasskeyMade, PasskeyName, PasskeyRequest,
    PasskeyUser, RelyingParty,
};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

/// How long a browser may wait for its person, in milliseconds.
const TIMEOUT_MS: u64 = 300_000;
const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// Who we are to browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Party {
    /// The host's name, which passkeys are bound to.
    pub(crate) id: String,
    /// Scheme, host and port, as browsers say it.
    pub(crate) origin: String,
}

/// Why a passkey was not accepted; for logs, not for its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("it cannot be read")]
    Unreadable,
    #[error("it is an answer to another kind of question")]
    Type,
    #[error("it answers another challenge")]
    Challenge,
    #[error("it was made on another site")]
    Origin,
    #[error("it is bound to another host")]
    Host,
    #[error("nobody touched the device")]
    Presence,
    #[error("the device did not make sure who touched it")]
    Verification,
    #[error("its algorithm or key is not accepted")]
    Key,
    #[error("the signature is not right")]
    Signature,
    #[error("it belongs to somebody else")]
    Person,
}

/// A new passkey, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) credential_id: Vec<u8>,
    pub(super) public_key: Vec<u8>,
    pub(super) sign_count: u32,
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

struct AuthenticatorData<'a> {
    flags: u8,
    sign_count: u32,
    /// The new credential's name and key.
    credential: Option<(&'a [u8], &'a [u8])>,
}

/// What to ask a browser for a new passkey with.
pub(super) fn creation(
    party: &Party,
    challenge: &[u8],
    (user_id, email, name): (&str, &str, &str),
    have: Vec<PasskeyName>,
) -> CreationOptions {
    CreationOptions {
        challenge: URL_SAFE_NO_PAD.encode(challenge),
        rp: RelyingParty { id: party.id.clone(), name: "Ostler".to_owned() },
        user: PasskeyUser {
            id: URL_SAFE_NO_PAD.encode(user_id),
            name: email.to_owned(),
            display_name: name.to_owned(),
        },
        pub_key_cred_params: ALGORITHMS.map(|alg| PasskeyAlgorithm { kind: "public-key".to_owned(), alg }).to_vec(),
        timeout: TIMEOUT_MS,
        exclude_credentials: have,
        authenticator_selection: AuthenticatorSelection {
            // Discoverable when the device can, so that it works without a password, too.
            resident_key: "preferred".to_owned(),
            require_resident_key: false,
            user_verification: "preferred".to_owned(),
        },
        attestation: "none".to_owned(),
    }
}

/// What to ask a browser for an answer of a passkey with. Without names the person chooses among those of the device.
pub(super) fn request(party: &Party, challenge: &[u8], of: Vec<PasskeyName>) -> PasskeyRequest {
    let user_verification = if of.is_empty() { "required" } else { "preferred" };
    PasskeyRequest {
        challenge: URL_SAFE_NO_PAD.encode(challenge),
        timeout: TIMEOUT_MS,
        rp_id: party.id.clone(),
        allow_credentials: of,
        user_verification: user_verification.to_owned(),
    }
}

/// A passkey's name, as browsers spell it.
pub(super) fn name(credential_id: &[u8]) -> PasskeyName {
    PasskeyName { kind: "public-key".to_owned(), id: URL_SAFE_NO_PAD.encode(credential_id) }
}

/// The name in an answer, which says what key to look for.
pub(super) fn named(answer: &PasskeyAnswer) -> Option<Vec<u8>> {
    bytes(&answer.id).ok().filter(|id| (1..=1023).contains(&id.len()))
}

/// Checks a new passkey (§7.1).
pub(super) fn made(party: &Party, challenge: &[u8], new: &PasskeyMade) -> Result<Made, Refused> {
    client_data("webauthn.create", party, challenge, &new.response.client_data_json)?;
    let object = bytes(&new.response.attestation_object)?;
    let data = auth_data(&object).ok_or(Refused::Unreadable)?;
    let data = authenticator_data(party, data)?;
    let (id, key) = data.credential.ok_or(Refused::Unreadable)?;
    if bytes(&new.id)? != id {
        return Err(Refused::Unreadable);
    }
    if data.flags & USER_PRESENT == 0 {
        return Err(Refused::Presence);
    }
    Ok(Made { credential_id: id.to_vec(), public_key: key.to_vec(), sign_count: data.sign_count })
}

/// Checks an answer of a passkey (§7.2), and says the count that it showed.
pub(super) fn answered(
    party: &Party,
    challenge: &[u8],
    (public_key, user_id): (&[u8], &str),
    answer: &PasskeyAnswer,
    must_verify: bool,
) -> Result<u32, Refused> {
    let client_hash = client_data("webauthn.get", party, challenge, &answer.response.client_data_json)?;
    let raw = bytes(&answer.response.authenticator_data)?;
    let data = authenticator_data(party, &raw)?;
    if data.flags & USER_PRESENT == 0 {
        return Err(Refused::Presence);
    }
    if must_verify && data.flags & USER_VERIFIED == 0 {
        return Err(Refused::Verification);
    }
    if let Some(handle) = &answer.response.user_handle
        && bytes(handle)? != user_id.as_bytes()
    {
        return Err(Refused::Person);
    }
    let (key, _) = Key::read(public_key).ok_or(Refused::Key)?;
    let signature = bytes(&answer.response.signature)?;
    if !key.has_signed(&[raw.as_slice(), &client_hash].concat(), &signature) {
        return Err(Refused::Signature);
    }
    Ok(data.sign_count)
}

/// Checks what the browser says, and gives its hash, which is signed.
fn client_data(kind: &str, party: &Party, challenge: &[u8], text: &str) -> Result<Vec<u8>, Refused> {
    let raw = bytes(text)?;
    let data: ClientData = serde_json::from_slice(&raw).map_err(|_| Refused::Unreadable)?;
    if data.kind != kind {
        return Err(Refused::Type);
    }
    let wanted = URL_SAFE_NO_PAD.encode(challenge);
    if !bool::from(data.challenge.as_bytes().ct_eq(wanted.as_bytes())) {
        return Err(Refused::Challenge);
    }
    if data.origin != party.origin || data.cross_origin {
        return Err(Refused::Origin);
    }
    Ok(digest(&SHA256, &raw).as_ref().to_vec())
}

/// The authenticator's data in an attestation object.
fn auth_data(object: &[u8]) -> Option<&[u8]> {
    let mut d = Decoder::new(object);
    let mut found = None;
    for _ in 0..d.map().ok()?.filter(|n| *n <= 8)? {
        if d.str().ok()? == "authData" {
            found = Some(d.bytes().ok()?);
        } else {
            d.skip().ok()?;
        }
    }
    found.filter(|_| d.position() == object.len())
}

fn authenticator_data<'a>(party: &Party, raw: &'a [u8]) -> Result<AuthenticatorData<'a>, Refused> {
    let (host_hash, rest) = raw.split_first_chunk::<32>().ok_or(Refused::Unreadable)?;
    let (&[flags], rest) = rest.split_first_chunk::<1>().ok_or(Refused::Unreadable)?;
    let (count, mut rest) = rest.split_first_chunk::<4>().ok_or(Refused::Unreadable)?;
    if digest(&SHA256, party.id.as_bytes()).as_ref() != host_hash {
        return Err(Refused::Host);
    }
    if flags & BACKED_UP != 0 && flags & BACKUP_ELIGIBLE == 0 {
        return Err(Refused::Unreadable);
    }
    let mut credential = None;
    if flags & HAS_CREDENTIAL != 0 {
        let (_, after) = rest.split_first_chunk::<16>().ok_or(Refused::Unreadable)?;
        let (length, after) = after.split_first_chunk::<2>().ok_or(Refused::Unreadable)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (id, after) = after.split_at_checked(length).ok_or(Refused::Unreadable)?;
        if !(1..=1023).contains(&length) {
            return Err(Refused::Unreadable);
        }
        let (_, used) = Key::read(after).ok_or(Refused::Key)?;
        let (key, after) = after.split_at_checked(used).ok_or(Refused::Unreadable)?;
        (credential, rest) = (Some((id, key)), after);
    }
    if rest.is_empty() != (flags & HAS_EXTENSIONS == 0) {
        return Err(Refused::Unreadable);
    }
    Ok(AuthenticatorData { flags, sign_count: u32::from_be_bytes(*count), credential })
}

fn bytes(text: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| Refused::Unreadable)
}
