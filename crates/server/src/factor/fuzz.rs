//! What devices and browsers send of passkeys, as bytes that none of them would.

use super::cose::Key;
use super::webauthn::{Party, answered, made};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::Encoder;
use ostler_wire::factor::{PasskeyAnswer, PasskeyMade};
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

const CHALLENGE: &[u8] = b"a challenge of 32 bytes, or more";
const ID: &[u8] = &[5; 32];

fn party() -> Party {
    Party { id: "ostler.example.org".to_owned(), origin: "https://ostler.example.org".to_owned() }
}

fn device() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn client_data(kind: &str) -> String {
    json!({"type": kind, "challenge": b64(CHALLENGE), "origin": party().origin, "crossOrigin": false}).to_string()
}

/// The device's key as it is written.
fn cose() -> Vec<u8> {
    let mut out = Vec::new();
    let mut e = Encoder::new(&mut out);
    e.map(4).unwrap().i8(1).unwrap().i8(1).unwrap().i8(3).unwrap().i8(-8).unwrap();
    e.i8(-1).unwrap().i8(6).unwrap().i8(-2).unwrap().bytes(device().public_key().as_ref()).unwrap();
    out
}

fn p256() -> Vec<u8> {
    let mut out = Vec::new();
    let mut e = Encoder::new(&mut out);
    e.map(5).unwrap().i8(1).unwrap().i8(2).unwrap().i8(3).unwrap().i8(-7).unwrap().i8(-1).unwrap().i8(1).unwrap();
    e.i8(-2).unwrap().bytes(&[3; 32]).unwrap().i8(-3).unwrap().bytes(&[4; 32]).unwrap();
    out
}

fn rsa() -> Vec<u8> {
    let mut out = Vec::new();
    let mut e = Encoder::new(&mut out);
    e.map(4).unwrap().i8(1).unwrap().i8(3).unwrap().i8(3).unwrap().i16(-257).unwrap();
    e.i8(-1).unwrap().bytes(&[9; 256]).unwrap().i8(-2).unwrap().bytes(&[1, 0, 1]).unwrap();
    out
}

/// An authenticator's data, with the credential where `flags` say so.
fn data(flags: u8) -> Vec<u8> {
    let mut out = digest(&SHA256, party().id.as_bytes()).as_ref().to_vec();
    out.push(flags);
    out.extend(7_u32.to_be_bytes());
    if flags & 0x40 != 0 {
        out.extend([0; 16]);
        out.extend([0, 32]);
        out.extend(ID);
        out.extend(cose());
    }
    out
}

fn attestation(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut e = Encoder::new(&mut out);
    e.map(3).unwrap().str("fmt").unwrap().str("none").unwrap();
    e.str("attStmt").unwrap().map(0).unwrap().str("authData").unwrap().bytes(data).unwrap();
    out
}

fn new(client: &str, object: &[u8]) -> PasskeyMade {
    let response = json!({"clientDataJSON": b64(client), "attestationObject": b64(object)});
    serde_json::from_value(json!({"id": b64(ID), "response": response})).unwrap()
}

#[test]
fn fuzz_cose_key() {
    ostler_fuzz::run("cose_key", &[cose(), p256(), rsa()], |data| {
        if let Some((key, used)) = Key::read(data) {
            assert!(used <= data.len());
            assert_eq!(Key::read(&data[..used]), Some((key, used)), "what follows does not count");
        }
    });
}

#[test]
fn fuzz_attestation() {
    let right = attestation(&data(0x41));
    assert!(made(&party(), CHALLENGE, &new(&client_data("webauthn.create"), &right)).is_ok(), "the sample is right");
    ostler_fuzz::run("attestation", &[right, attestation(&data(0x45)), attestation(&data(0x01))], |object| {
        if let Ok(passkey) = made(&party(), CHALLENGE, &new(&client_data("webauthn.create"), object)) {
            assert_eq!(passkey.credential_id, ID, "it is the one that was named");
            let used = Key::read(&passkey.public_key).map(|(_, used)| used);
            assert_eq!(used, Some(passkey.public_key.len()), "its key is a key, and nothing else");
        }
    });
}

/// What the device has signed, changed: whatever is accepted is what it signed.
#[test]
fn fuzz_assertion() {
    let client = client_data("webauthn.get");
    let right = data(0x05);
    let signed = [right.as_slice(), digest(&SHA256, client.as_bytes()).as_ref()].concat();
    let signature = device().sign(&signed);
    let answer = |client: &str, data: &[u8]| -> PasskeyAnswer {
        let response =
            json!({"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature)});
        serde_json::from_value(json!({"id": b64(ID), "response": response})).unwrap()
    };
    let check = |client: &str, data: &[u8]| {
        answered(&party(), CHALLENGE, (&cose(), "us_1"), &answer(client, data), true).is_ok()
    };
    assert!(check(&client, &right), "the sample is right");
    ostler_fuzz::run("assertion", &[right.clone(), client.clone().into_bytes(), data(0x45)], |data| {
        assert!(!check(&client, data) || data == right);
        let text = String::from_utf8_lossy(data);
        assert!(!check(&text, &right) || text == client);
        let made = made(&party(), CHALLENGE, &new(&text, &attestation(&right)));
        assert!(made.is_err(), "an answer is no new passkey");
    });
}
