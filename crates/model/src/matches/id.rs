//! Ids of matches and of players in them: eight characters, the source protocol's form.

use std::fmt;

/// Every character that an id may have. Without `I` and `O`, so that [`ClientId::ADMIN_BOT`] can belong to no player.
const ALPHABET: &[u8; 60] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 8;

/// The text is no id: it has another length, or a character that no id has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 8 of the characters A-Z, a-z and 0-9, without I and O")]
pub struct MatchIdError;

macro_rules! short_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; LENGTH]);

        impl $name {
            /// The id that these random bytes make.
            pub fn from_random(random: [u8; 16]) -> Self {
                // 60^8 is far below 2^128: the remainder's bias is below one in 2^80.
                let mut left = u128::from_be_bytes(random);
                Self(std::array::from_fn(|_| {
                    let digit = (left % 60) as usize;
                    left /= 60;
                    ALPHABET[digit]
                }))
            }
            /// As text.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).expect("ids are made of ASCII characters only")
            }
        }
        impl std::str::FromStr for $name {
            type Err = MatchIdError;
            fn from_str(text: &str) -> Result<Self, MatchIdError> {
                let bytes: [u8; LENGTH] = text.as_bytes().try_into().map_err(|_| MatchIdError)?;
                if bytes.iter().all(|b| ALPHABET.contains(b)) { Ok(Self(bytes)) } else { Err(MatchIdError) }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": "^[A-HJ-NP-Za-z0-9]{8}$", "examples": ["aB3dE5gH"],
                })
            }
        }
    };
}

short_id! {
    /// A match.
    GameId
}
short_id! {
    /// A player's place in one match. The same person has another one in every match.
    ClientId
}

impl ClientId {
    /// The stamp of what the trusted bot does. It does not parse, because no player can have it.
    pub const ADMIN_BOT: &'static str = "ADMINBOT";
}

/// Which of `workers` owns a match: the same answer in every process, for ever.
///
/// FNV-1a over the id's eight bytes. Zero workers own nothing and the answer is 0.
pub fn owner(id: GameId, workers: u32) -> u32 {
    let hash =
        id.0.iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of FNV follow the last character; folding spreads the whole hash over few workers.
    let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
    u32::try_from(folded % u64::from(workers.max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_id_reads_back_and_has_one_owner(random: [u8; 16], workers in 1_u32..64) {
            let id = GameId::from_random(random);
            prop_assert_eq!(id.as_str().parse::<GameId>().unwrap(), id);
            prop_assert!(!id.as_str().contains(['I', 'O']));
            prop_assert!(owner(id, workers) < workers);
        }
    }

    #[test]
    fn no_player_can_have_the_bots_stamp() {
        assert_eq!(ClientId::ADMIN_BOT.len(), LENGTH);
        assert!(ClientId::ADMIN_BOT.parse::<ClientId>().is_err());
        for wrong in ["", "short", "toolong12", "has-dash", "ÄÄÄÄ"] {
            assert!(wrong.parse::<GameId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn workers_share_matches_evenly() {
        let mut counts = [0_u32; 4];
        for n in 0..40_000_u128 {
            let random = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes();
            counts[owner(GameId::from_random(random), 4) as usize] += 1;
        }
        assert!(counts.iter().all(|c| (9_500..10_500).contains(c)), "{counts:?}");
    }
}
