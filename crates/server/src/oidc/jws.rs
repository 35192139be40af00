//! What a provider has signed: its keys, and its statement about who somebody is.
//!
//! Algorithms are those of this list, whatever a header says; `none` and everything with a shared secret is not on it. The
//! mathematics is ring's.

use super::party::Trouble;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ostler_model::Time;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;

/// Clocks of providers may differ by this much.
const SKEW_SECS: i64 = 120;

/// What statements may be signed with.
const ALGORITHMS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"];

/// A provider's public keys, as they are published.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Clone, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde_json::Value>,
}

/// Who somebody is, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    pub(super) sub: String,
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) email_verified: Option<serde_json::Value>,
    pub(super) name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Whom a statement has to be from and for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Time,
}

/// Why a statement does not count; for logs and admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the statement cannot be read")]
    Unreadable,
    #[error("the statement's algorithm is not accepted")]
    Algorithm,
    #[error("no published key of the provider fits the statement")]
    Key,
    #[error("the signature is not right")]
    Signature,
    #[error("it is another issuer's")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it is over, or from the future")]
    Time,
    #[error("it is not the answer to this question")]
    Nonce,
}

impl Keys {
    /// How many keys statements can be checked with here; what the provider signs with instead, when there is none.
    pub(super) fn usable(&self, signs_with: Option<&[String]>) -> Result<usize, Trouble> {
        let only = |what: String| {
            Trouble(format!("the provider signs with {what} only; this server checks {}", ALGORITHMS.join(", ")))
        };
        let is_ours = |alg: &String| ALGORITHMS.contains(&alg.as_str());
        if let Some(all) = signs_with.filter(|all| !all.is_empty() && !all.iter().any(is_ours)) {
            return Err(only(all.join(", ")));
        }
        let signing: Vec<&Key> = self.keys.iter().filter(|key| key.is_for_signatures()).collect();
        match signing.iter().filter(|key| key.checks().next().is_some()).count() {
            0 if signing.is_empty() => Err(Trouble("the provider publishes no key for signatures".to_owned())),
            0 => Err(only(signing.iter().map(|key| key.words()).collect::<Vec<_>>().join(", "))),
            count => Ok(count),
        }
    }

    /// True when one of the keys may have signed the statement: otherwise they are to be asked for once more.
    pub(super) fn knows(&self, token: &str) -> bool {
        let header = token.split('.').next().and_then(|part| read::<Header>(part).ok());
        // What cannot be read is refused, by whatever keys.
        header.is_none_or(|header| !matches!(self.find(&header), Err(Refused::Key)))
    }

    /// Checks a statement as OpenID Connect Core §3.1.3.7 says.
    pub(super) fn verify(&self, token: &str, wanted: Wanted<'_>) -> Result<Claims, Refused> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Unreadable)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Unreadable)?;
        let header: Header = read(header)?;
        if header.crit.is_some() {
            return Err(Refused::Unreadable);
        }
        let signature = bytes(signature)?;
        self.find(&header)?.verify(&header.alg, signed.as_bytes(), &signature)?;
        let claims: Claims = read(claims)?;
        claims.check(wanted)?;
        Ok(claims)
    }

    fn find(&self, header: &Header) -> Result<&Key, Refused> {
        if !ALGORITHMS.contains(&header.alg.as_str()) {
            return Err(Refused::Algorithm);
        }
        let fits = |key: &&Key| key.is_for_signatures() && key.checks().any(|alg| alg == header.alg);
        let mut fitting = self.keys.iter().filter(fits);
        match &header.kid {
            Some(kid) => fitting.find(|key| key.kid.as_ref() == Some(kid)).ok_or(Refused::Key),
            // Without a name there must be nothing to choose between.
            None => fitting.next().filter(|_| fitting.next().is_none()).ok_or(Refused::Key),
        }
    }
}

impl Key {
    fn is_for_signatures(&self) -> bool {
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
    }

    /// The algorithms of ours that it can check.
    fn checks(&self) -> impl Iterator<Item = &'static str> {
        let fits = |alg: &&str| match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => alg.starts_with("RS") || alg.starts_with("PS"),
            ("EC", Some("P-256")) => *alg == "ES256",
            ("EC", Some("P-384")) => *alg == "ES384",
            ("OKP", Some("Ed25519")) => alg.starts_with("Ed"),
            _ => false,
        };
        ALGORITHMS.into_iter().filter(fits).filter(|alg| self.alg.as_deref().is_none_or(|own| own == *alg))
    }

    /// What it signs with, for people.
    fn words(&self) -> String {
        self.alg.clone().or_else(|| self.crv.clone()).unwrap_or_else(|| self.kty.clone())
    }

    fn verify(&self, alg: &str, signed: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let rsa = |how: &'static RsaParameters| {
            let (n, e) = (part(&self.n)?, part(&self.e)?);
            RsaPublicKeyComponents { n, e }.verify(how, signed, signature).map_err(|_| Refused::Signature)
        };
        let ec = |how: &'static signature::EcdsaVerificationAlgorithm, curve: &str, size: usize| {
            let (x, y) = (part(&self.x)?, part(&self.y)?);
            if self.crv.as_deref() != Some(curve) || x.len() != size || y.len() != size {
                return Err(Refused::Key);
            }
            let point = [&[4], x.as_slice(), &y].concat();
            UnparsedPublicKey::new(how, point).verify(signed, signature).map_err(|_| Refused::Signature)
        };
        match alg {
            "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            "ES256" => ec(&signature::ECDSA_P256_SHA256_FIXED, "P-256", 32),
            "ES384" => ec(&signature::ECDSA_P384_SHA384_FIXED, "P-384", 48),
            "EdDSA" | "Ed25519" if self.crv.as_deref() == Some("Ed25519") => {
                let key = UnparsedPublicKey::new(&signature::ED25519, part(&self.x)?);
                key.verify(signed, signature).map_err(|_| Refused::Signature)
            }
            _ => Err(Refused::Algorithm),
        }
    }
}

impl Claims {
    fn check(&self, wanted: Wanted<'_>) -> Result<(), Refused> {
        if self.iss != wanted.issuer {
            return Err(Refused::Issuer);
        }
        let (is_for_us, is_for_many) = match &self.aud {
            Audience::One(aud) => (aud == wanted.client_id, false),
            Audience::Many(all) => (all.iter().any(|aud| aud == wanted.client_id), all.len() > 1),
        };
        let azp_fits = self.azp.as_deref().map_or(!is_for_many, |azp| azp == wanted.client_id);
        if !is_for_us || !azp_fits {
            return Err(Refused::Audience);
        }
        let now = wanted.now.as_millis().div_euclid(1000);
        let begins = self.nbf.unwrap_or(self.iat).max(self.iat);
        if self.exp.saturating_add(SKEW_SECS) <= now || begins > now.saturating_add(SKEW_SECS) {
            return Err(Refused::Time);
        }
        let nonce = self.nonce.as_deref().unwrap_or_default();
        if !bool::from(nonce.as_bytes().ct_eq(wanted.nonce.as_bytes())) {
            return Err(Refused::Nonce);
        }
        if self.sub.is_empty() || self.sub.len() > 255 {
            return Err(Refused::Unreadable);
        }
        Ok(())
    }
}

fn part(text: &Option<String>) -> Result<Vec<u8>, Refused> {
    bytes(text.as_deref().ok_or(Refused::Key)?)
}

fn bytes(text: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| Refused::Unreadable)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Refused> {
    serde_json::from_slice(&bytes(text)?).map_err(|_| Refused::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::{Value, json};

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let rng = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &rng).unwrap())
        }
        fn keys(&self) -> Keys {
            let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
            let key = json!({"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig",
                "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
            serde_json::from_value(json!({"keys": [key]})).unwrap()
        }
        fn sign(&self, header: &Value, claims: &Value) -> String {
            let text = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
            let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://id.example.org", "aud": "ostler", "sub": "ada", "exp": 2000, "iat": 1000, "nonce": "n"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut all = claims();
        all[name] = value;
        all
    }

    const WANTED: Wanted<'_> =
        Wanted { issuer: "https://id.example.org", client_id: "ostler", nonce: "n", now: Time::from_millis(1_500_000) };

    #[test]
    fn f23_keys_that_nothing_here_can_check_are_named() {
        let keys = |all: Value| serde_json::from_value::<Keys>(json!({ "keys": all })).unwrap();
        let only = json!([{"kty": "EC", "crv": "P-521", "alg": "ES512", "x": "", "y": ""}, {"kty": "OKP", "crv": "Ed448", "x": ""}]);
        let why = keys(only.clone()).usable(None).unwrap_err().to_string();
        assert!(why.contains("ES512, Ed448 only") && why.contains("ES256"), "{why}");
        let why = Signer::new().keys().usable(Some(&["ES512".to_owned()])).unwrap_err().to_string();
        assert!(why.contains("ES512 only"), "{why}");
        assert_eq!(Signer::new().keys().usable(Some(&["ES512".to_owned(), "ES256".to_owned()])).unwrap(), 1);
        assert_eq!(Signer::new().keys().usable(None).unwrap(), 1);
        let for_secrets = json!([{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}]);
        assert!(keys(for_secrets).usable(None).unwrap_err().to_string().contains("no key for signatures"));
        let other = json!([{"kty": "RSA", "alg": "RS512", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-256", "alg": "ES384"}]);
        assert_eq!(keys(other).usable(None).unwrap(), 1, "a curve and an algorithm that do not fit are no key");
    }

    #[test]
    fn every_claim_is_checked() {
        let signer = Signer::new();
        let header = json!({"alg": "ES256", "kid": "k1"});
        let said = |claims: &Value| signer.keys().verify(&signer.sign(&header, claims), WANTED).map(|c| c.sub);
        assert_eq!(said(&claims()), Ok("ada".to_owned()));
        assert_eq!(said(&with("aud", json!(["ostler"]))), Ok("ada".to_owned()));
        let mut many = with("aud", json!(["ostler", "other"]));
        assert_eq!(said(&many), Err(Refused::Audience), "several, and nobody says for whom it was made");
        many["azp"] = json!("ostler");
        assert_eq!(said(&many), Ok("ada".to_owned()));
        for (name, value, refused) in [
            ("iss", json!("https://evil.example"), Refused::Issuer),
            ("iss", json!("https://id.example.org/"), Refused::Issuer),
            ("aud", json!("other"), Refused::Audience),
            ("azp", json!("other"), Refused::Audience),
            ("exp", json!(1300), Refused::Time),
            ("iat", json!(1700), Refused::Time),
            ("nbf", json!(1700), Refused::Time),
            ("nonce", json!("other"), Refused::Nonce),
            ("nonce", Value::Null, Refused::Nonce),
            ("sub", json!(""), Refused::Unreadable),
        ] {
            assert_eq!(said(&with(name, value.clone())), Err(refused), "{name} {value}");
        }
    }

    #[test]
    fn a_header_chooses_neither_the_algorithm_nor_a_stranger_key() {
        let (signer, stranger) = (Signer::new(), Signer::new());
        let verify = |token: &str| signer.keys().verify(token, WANTED).map(|c| c.sub);
        for (header, refused) in [
            (json!({"alg": "none"}), Refused::Algorithm),
            (json!({"alg": "HS256", "kid": "k1"}), Refused::Algorithm),
            (json!({"alg": "RS256", "kid": "k1"}), Refused::Key),
            (json!({"alg": "ES256", "kid": "k2"}), Refused::Key),
            (json!({"alg": "ES256", "kid": "k1", "crit": ["x"]}), Refused::Unreadable),
        ] {
            assert_eq!(verify(&signer.sign(&header, &claims())), Err(refused), "{header}");
        }
        let header = json!({"alg": "ES256", "kid": "k1"});
        assert_eq!(verify(&stranger.sign(&header, &claims())), Err(Refused::Signature));
        let good = signer.sign(&header, &claims());
        let (signed, _) = good.rsplit_once('.').unwrap();
        assert_eq!(verify(&format!("{signed}.")), Err(Refused::Signature));
        assert_eq!(verify("a.b"), Err(Refused::Unreadable));
        assert_eq!(verify(&signer.sign(&json!({"alg": "ES256"}), &claims())), Ok("ada".to_owned()), "one key, no name");
    }
}
