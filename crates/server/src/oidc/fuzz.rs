//! What providers sign and publish, as bytes that none of them would.

use super::jws::{Keys, Wanted};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::Time;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

const WANTED: Wanted<'_> =
    Wanted { issuer: "https://id.example.org", client_id: "ostler", nonce: "n", now: Time::from_millis(1_500_000) };

fn provider() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

fn published() -> Value {
    let x = URL_SAFE_NO_PAD.encode(provider().public_key());
    json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "k1", "use": "sig", "alg": "EdDSA", "x": x},
        {"kty": "RSA", "kid": "k2", "use": "sig", "n": URL_SAFE_NO_PAD.encode([9; 256]), "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "kid": "k3", "x": URL_SAFE_NO_PAD.encode([3; 32]), "y": URL_SAFE_NO_PAD.encode([4; 32])},
    ]})
}

fn token(header: &Value) -> String {
    let claims = json!({"iss": WANTED.issuer, "aud": ["ostler"], "sub": "ada", "exp": 2000, "iat": 1000, "nonce": "n",
        "email": "ada@example.org", "email_verified": true});
    let text = [header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = provider().sign(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn fuzz_jwt() {
    let keys: Keys = serde_json::from_value(published()).unwrap();
    let right = token(&json!({"alg": "EdDSA", "kid": "k1"}));
    assert!(keys.verify(&right, WANTED).is_ok(), "the sample is right");
    let others = ["none", "HS256", "RS256", "ES256"].map(|alg| token(&json!({"alg": alg, "kid": "k1"})));
    let mut samples = vec![right.clone().into_bytes()];
    samples.extend(others.map(String::into_bytes));
    let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
    ostler_fuzz::run("jwt", &samples, |data| {
        let text = String::from_utf8_lossy(data);
        if keys.verify(&text, WANTED).is_ok() {
            assert_eq!(signed(&text), signed(&right), "whatever is accepted is what was signed");
        }
    });
}

/// Keys that are published wrongly check nothing, and never another's signature.
#[test]
fn fuzz_jwks() {
    let right = token(&json!({"alg": "EdDSA", "kid": "k1"}));
    let x = URL_SAFE_NO_PAD.encode(provider().public_key());
    ostler_fuzz::run("jwks", &[published().to_string().into_bytes()], |data| {
        let Ok(keys) = serde_json::from_slice::<Keys>(data) else { return };
        let own = published();
        for alg in ["EdDSA", "RS256", "PS512", "ES256", "ES384", "none"] {
            for header in [json!({"alg": alg, "kid": "k1"}), json!({"alg": alg, "kid": "k2"}), json!({"alg": alg})] {
                let _ = keys.verify(&token(&header), WANTED);
            }
        }
        if keys.verify(&right, WANTED).is_ok() {
            let text = String::from_utf8_lossy(data);
            assert!(text.contains(x.trim_end_matches('=')) || text.contains('\\'), "{text}\n{own}");
        }
    });
}
