//! Bytes that were a sample until something happened to them.

use crate::random::Random;

/// Numbers at which lengths and signs go wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    0x17,
    0x18,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Pieces that mean something to one decoder or another.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b" ",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b";",
    b"=",
    b".",
    b"-",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xae",
    b"\x1b[",
    b"\x1b]0;",
    b"\x07",
    b"\x1b\\",
    b"\xc2\x9b",
    b"data:",
    b"id:",
    b"event:",
    b"retry:",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!str ",
    b"- ",
    b"? ",
    b"|+\n",
    b"%",
    b"%00",
    b"../",
    b"https://",
    b"[::1]",
    b"::ffff:127.0.0.1",
    b"127.0.0.1",
    b"none",
    b"HS256",
    b"\x9f",
    b"\xbf",
    b"\x5f",
    b"\x7f",
    b"\xff",
    b"\xfb",
    b"\xf9\x7e\x00",
    b"\xa0",
    b"\x80",
    b"\xd9\xd9\xf7",
];

/// A sample, or a piece of one, changed up to eight times.
pub(crate) fn mutate(corpus: &[Vec<u8>], random: &mut Random, longest: usize) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(8) {
        change(&mut bytes, corpus, random);
    }
    bytes.truncate(longest);
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let widest = 1 << random.below(10);
    let span = 1 + random.below(widest);
    let end = (at + span).min(bytes.len());
    match random.below(13) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.byte(),
        2 => bytes.insert(at, random.byte()),
        3 => drop(bytes.drain(at..end)),
        4 => bytes.truncate(at),
        // The same again, where it was or elsewhere.
        5 => {
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        // The same many times: nesting, long lists, long lines.
        6 => {
            let piece = bytes[at..(at + 1 + random.below(8)).min(bytes.len())].repeat(1 << random.below(12));
            bytes.splice(at..at, piece);
        }
        7 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            let until = (from + span).min(other.len());
            bytes.splice(at..end, other[from..until].iter().copied());
        }
        // A length or a number, in either order of its bytes.
        8 | 9 => {
            let number = NUMBERS[random.below(NUMBERS.len())].wrapping_add(random.next() % 3).wrapping_sub(1);
            let width = 1 << random.below(4);
            let big = &number.to_be_bytes()[8 - width..];
            let little = &number.to_le_bytes()[..width];
            let written = if random.below(3) == 0 { little } else { big };
            let end = (at + width).min(bytes.len());
            bytes.splice(at..end, written.iter().copied());
        }
        10 => digits(bytes, at, random),
        11 => {
            let token = TOKENS[random.below(TOKENS.len())].repeat(1 + random.below(2) * random.below(64));
            bytes.splice(at..at, token);
        }
        _ => {
            let token = TOKENS[random.below(TOKENS.len())];
            bytes.splice(at..end, token.iter().copied());
        }
    }
}

/// A number that is written in digits becomes another.
fn digits(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(from) = bytes[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) else { return };
    let length = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = NUMBERS[random.below(NUMBERS.len())].wrapping_add(random.next() % 3).wrapping_sub(1);
    bytes.splice(from..from + length, number.to_string().into_bytes());
}
