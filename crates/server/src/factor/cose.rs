//! Public keys of passkeys, in COSE's form (RFC 9053), and what they have signed. The mathematics is ring's.

use minicbor::Decoder;
use minicbor::data::Type;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// The algorithms that passkeys may use, best first: EdDSA, ES256, RS256.
pub(super) const ALGORITHMS: [i64; 3] = [-8, -7, -257];

/// A key that can be checked with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Ed25519(&'a [u8]),
    P256 { x: &'a [u8], y: &'a [u8] },
    Rsa { n: &'a [u8], e: &'a [u8] },
}

#[derive(Default)]
struct Fields<'a> {
    kty: Option<i64>,
    alg: Option<i64>,
    /// -1: the curve, or for RSA the modulus.
    one: Option<Field<'a>>,
    two: Option<&'a [u8]>,
    three: Option<&'a [u8]>,
}

enum Field<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

impl<'a> Key<'a> {
    /// Reads a key and says how many bytes it took. `None` for whatever is not one of [`ALGORITHMS`], whole and well-formed.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let mut d = Decoder::new(bytes);
        let fields = fields(&mut d)?;
        let key = match (fields.kty?, fields.alg?, fields.one?) {
            (1, -8, Field::Number(6)) => Key::Ed25519(fields.two.filter(|x| x.len() == 32)?),
            (2, -7, Field::Number(1)) => {
                let coordinate = |c: Option<&'a [u8]>| c.filter(|c| c.len() == 32);
                Key::P256 { x: coordinate(fields.two)?, y: coordinate(fields.three)? }
            }
            (3, -257, Field::Bytes(n)) if (256..=512).contains(&n.len()) => {
                Key::Rsa { n, e: fields.two.filter(|e| (1..=8).contains(&e.len()))? }
            }
            _ => return None,
        };
        Some((key, d.position()))
    }

    /// True when the signature is this key's over these bytes.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Key::Ed25519(x) => UnparsedPublicKey::new(&ED25519, x).verify(message, signature).is_ok(),
            Key::P256 { x, y } => {
                let point = [&[4], *x, *y].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
            }
            Key::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
        }
    }
}

fn fields<'a>(d: &mut Decoder<'a>) -> Option<Fields<'a>> {
    let mut fields = Fields::default();
    // Canonical CBOR has lengths; what has none was not made by an authenticator.
    for _ in 0..d.map().ok()?.filter(|n| *n <= 16)? {
        match d.i64().ok()? {
            1 => put(&mut fields.kty, d.i64().ok()?)?,
            3 => put(&mut fields.alg, d.i64().ok()?)?,
            -1 => {
                let value = match d.datatype().ok()? {
                    Type::Bytes => Field::Bytes(d.bytes().ok()?),
                    _ => Field::Number(d.i64().ok()?),
                };
                put(&mut fields.one, value)?;
            }
            -2 => put(&mut fields.two, d.bytes().ok()?)?,
            -3 => put(&mut fields.three, d.bytes().ok()?)?,
            _ => d.skip().ok()?,
        }
    }
    Some(fields)
}

/// A label that comes twice makes the whole thing unreadable.
fn put<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
