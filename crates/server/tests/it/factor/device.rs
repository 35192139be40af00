//! A device with passkeys, and the browser before it: what they send for what the server asks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::Encoder;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is done wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    Kind,
    Challenge,
    Origin,
    CrossOrigin,
    Host,
    NobodyTouched,
    Unverified,
    Signature,
    Truncated,
    Trailing,
    Person,
}

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// One passkey on its device.
pub(crate) struct Device {
    key: Key,
    pub(crate) credential_id: Vec<u8>,
    user_handle: String,
    pub(crate) count: u32,
}

impl Device {
    pub(crate) fn p256() -> Self {
        let rng = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, made.as_ref(), &rng).unwrap();
        Self::of(Key::P256(key))
    }
    pub(crate) fn ed25519() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::of(Key::Ed25519(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap()))
    }
    pub(crate) fn rsa(der: &[u8]) -> Self {
        Self::of(Key::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).unwrap())))
    }
    fn of(key: Key) -> Self {
        let mut credential_id = vec![0; 32];
        ring::rand::SecureRandom::fill(&SystemRandom::new(), &mut credential_id).unwrap();
        Self { key, credential_id, user_handle: String::new(), count: 0 }
    }

    /// What `navigator.credentials.create` gives for these options.
    pub(crate) fn create(&mut self, options: &Value, wrong: Wrong) -> Value {
        self.user_handle = options["user"]["id"].as_str().unwrap().to_owned();
        let client = client_data("webauthn.create", options, wrong);
        let mut data = self.data(options["rp"]["id"].as_str().unwrap(), 1 << 6, wrong);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential_id.len()).unwrap().to_be_bytes());
        data.extend(&self.credential_id);
        data.extend(self.cose());
        match wrong {
            Wrong::Truncated => data.truncate(data.len() - 4),
            Wrong::Trailing => data.push(0),
            _ => {}
        }
        let mut object = Vec::new();
        let mut e = Encoder::new(&mut object);
        e.map(3).unwrap().str("fmt").unwrap().str("none").unwrap();
        e.str("attStmt").unwrap().map(0).unwrap().str("authData").unwrap().bytes(&data).unwrap();
        json!({
            "id": b64(&self.credential_id), "rawId": b64(&self.credential_id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": { "clientDataJSON": b64(&client), "attestationObject": b64(object), "transports": ["internal"] }
        })
    }

    /// What `navigator.credentials.get` gives for these options.
    pub(crate) fn get(&mut self, options: &Value, wrong: Wrong) -> Value {
        let client = client_data("webauthn.get", options, wrong);
        if self.count > 0 {
            self.count += 1;
        }
        let mut data = self.data(options["rpId"].as_str().unwrap(), 0, wrong);
        match wrong {
            Wrong::Truncated => data.truncate(36),
            Wrong::Trailing => data.push(0),
            _ => {}
        }
        let signed = [data.as_slice(), digest(&SHA256, client.as_bytes()).as_ref()].concat();
        let mut signature = self.sign(&signed);
        if wrong == Wrong::Signature {
            let last = signature.len() - 1;
            signature[last] ^= 1;
        }
        let handle = if wrong == Wrong::Person { b64("us_somebody_else") } else { self.user_handle.clone() };
        json!({
            "id": b64(&self.credential_id), "rawId": b64(&self.credential_id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(&client), "authenticatorData": b64(data), "signature": b64(signature),
                "userHandle": handle
            }
        })
    }

    fn data(&self, host: &str, more: u8, wrong: Wrong) -> Vec<u8> {
        let host = if wrong == Wrong::Host { "evil.example" } else { host };
        let present = u8::from(wrong != Wrong::NobodyTouched);
        let verified = u8::from(wrong != Wrong::Unverified) << 2;
        let mut data = digest(&SHA256, host.as_bytes()).as_ref().to_vec();
        data.push(present | verified | more);
        data.extend(self.count.to_be_bytes());
        data
    }
    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match &self.key {
            Key::P256(key) => key.sign(&rng, bytes).unwrap().as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(bytes).as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &rng, bytes, &mut signature).unwrap();
                signature
            }
        }
    }
    fn cose(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut e = Encoder::new(&mut bytes);
        match &self.key {
            Key::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                e.map(5).unwrap().i64(1).unwrap().i64(2).unwrap().i64(3).unwrap().i64(-7).unwrap();
                e.i64(-1)
                    .unwrap()
                    .i64(1)
                    .unwrap()
                    .i64(-2)
                    .unwrap()
                    .bytes(x)
                    .unwrap()
                    .i64(-3)
                    .unwrap()
                    .bytes(y)
                    .unwrap();
            }
            Key::Ed25519(key) => {
                e.map(4).unwrap().i64(1).unwrap().i64(1).unwrap().i64(3).unwrap().i64(-8).unwrap();
                e.i64(-1).unwrap().i64(6).unwrap().i64(-2).unwrap().bytes(key.public_key().as_ref()).unwrap();
            }
            Key::Rsa(key) => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = key.public().into();
                e.map(4).unwrap().i64(1).unwrap().i64(3).unwrap().i64(3).unwrap().i64(-257).unwrap();
                e.i64(-1).unwrap().bytes(&public.n).unwrap().i64(-2).unwrap().bytes(&public.e).unwrap();
            }
        }
        bytes
    }
}

fn client_data(kind: &str, options: &Value, wrong: Wrong) -> String {
    let other = if kind == "webauthn.get" { "webauthn.create" } else { "webauthn.get" };
    json!({
        "type": if wrong == Wrong::Kind { other } else { kind },
        "challenge": if wrong == Wrong::Challenge { b64([7; 32]) } else { options["challenge"].as_str().unwrap().to_owned() },
        "origin": if wrong == Wrong::Origin { "https://ostler.test.evil.example" } else { "https://ostler.test" },
        "crossOrigin": wrong == Wrong::CrossOrigin,
    })
    .to_string()
}
