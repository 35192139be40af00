//! Recovery codes: ten, each good for one sign-in when the device is lost.

use ostler_model::{Secret, UserId};
use ostler_runtime::Ids;
use ring::digest::{SHA256, digest};

/// How many there are.
const COUNT: usize = 10;
/// Letters and digits that are not taken for each other.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Letters per code: 80 bits, so a plain hash is enough.
const LETTERS_PER_CODE: usize = 16;

/// Fresh codes, and what is stored of them.
pub(super) fn fresh(ids: &Ids, user: UserId) -> (Vec<String>, Vec<Vec<u8>>) {
    let codes: Vec<String> = (0..COUNT).map(|_| code(&ids.bytes())).collect();
    let hashes = codes.iter().map(|code| hash(user, &Secret::new(code.as_str()))).collect();
    (codes, hashes)
}

fn code(random: &[u8; LETTERS_PER_CODE]) -> String {
    let letters: Vec<char> = random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// What is stored of a code, however it was typed. Bound to its person: equal codes of two have two hashes.
pub(super) fn hash(user: UserId, code: &Secret) -> Vec<u8> {
    let plain: String = code.reveal().chars().filter(char::is_ascii_alphanumeric).collect();
    digest(&SHA256, format!("recovery/{user}/{}", plain.to_ascii_lowercase()).as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::{Id as _, Time};
    use ostler_runtime::Clock;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_ten_different_ones_and_can_be_typed_carelessly() {
        let [ada, eve] = [1, 2].map(|n| UserId::from_parts(Time::ZERO, n));
        let (codes, hashes) = fresh(&Ids::system(Clock::system()), ada);
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10);
        for (code, stored) in codes.iter().zip(&hashes) {
            assert_eq!(code.len(), 19);
            let typed = format!(" {} ", code.to_uppercase().replace('-', " "));
            assert_eq!(hash(ada, &Secret::new(typed)), *stored);
            assert_ne!(hash(eve, &Secret::new(code.as_str())), *stored);
        }
    }
}
