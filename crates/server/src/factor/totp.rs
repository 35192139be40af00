//! Codes of authenticator apps: RFC 6238 with what every app understands (SHA-1, six digits, half a minute).

use ostler_model::{Secret, Time};
use qrcode::QrCode;
use qrcode::render::svg;
use ring::hmac;
use std::fmt::Write as _;
use subtle::ConstantTimeEq as _;

/// A code's time, in seconds.
const STEP_SECS: i64 = 30;
/// Codes of this many steps before and after the present one count: clocks of phones are rarely further off.
const DRIFT: i64 = 1;
const DIGITS: usize = 6;

/// The step that a code belongs to, if it is one of this secret at this time. Which ones were used already is not known here.
pub(super) fn step_of(secret: &[u8], code: &Secret, now: Time) -> Option<i64> {
    let code: String = code.reveal().chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() != DIGITS {
        return None;
    }
    let present = now.as_millis().div_euclid(1000 * STEP_SECS);
    // All of them are looked at, whichever fits: the time that it takes tells nothing.
    let mut found = None;
    for step in present - DRIFT..=present + DRIFT {
        if bool::from(code_at(secret, step).as_bytes().ct_eq(code.as_bytes())) {
            found = Some(step);
        }
    }
    found
}

/// The code of a step.
fn code_at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0xf);
    let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// RFC 4648, without padding.
pub(super) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut bits = [0_u8; 8];
        bits[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(bits);
        for i in 0..(chunk.len() * 8).div_ceil(5) {
            text.push(char::from(LETTERS[((bits >> (35 - 5 * i)) & 31) as usize]));
        }
    }
    text
}

/// What apps read from a picture: whose secret it is, where, and the secret.
pub(super) fn otpauth_url(secret: &[u8], issuer: &str, account: &str) -> String {
    let (issuer, account) = (percent(issuer), percent(account));
    format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", base32(secret))
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The picture, as an SVG document.
pub(super) fn qr_svg(text: &str) -> anyhow::Result<String> {
    let code = QrCode::new(text.as_bytes())?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(220, 220).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_model::Millis;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, the last six of eight digits.
        let secret = b"12345678901234567890";
        let vectors = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (secs, code) in vectors {
            let now = Time::from_millis(secs * 1000);
            assert_eq!(step_of(secret, &Secret::new(code), now), Some(secs / 30), "{secs}");
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_late_and_no_further() {
        let (secret, now) = (b"12345678901234567890", Time::from_millis(1_234_567_890_000));
        let code = Secret::new("005 924");
        let step = Some(1_234_567_890 / 30);
        for (shift, counts) in [(0, true), (30, true), (60, false)] {
            let expected = step.filter(|_| counts);
            assert_eq!(step_of(secret, &code, now + Millis::secs(shift)), expected, "+{shift}");
            assert_eq!(step_of(secret, &code, now - Millis::secs(shift)), expected, "-{shift}");
        }
        for wrong in ["005925", "", "5924", "0059240", "００５９２４"] {
            assert_eq!(step_of(secret, &Secret::new(wrong), now), None, "{wrong}");
        }
    }

    #[test]
    fn base_32_is_that_of_the_rfc() {
        let vectors =
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB")];
        for (plain, text) in vectors {
            assert_eq!(base32(plain.as_bytes()), text);
        }
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
    }

    #[test]
    fn the_address_and_its_picture_survive_odd_names() {
        let url = otpauth_url(b"12345678901234567890", "Ostler \u{2013} Göteborg", "ada+x@example.org");
        assert!(url.starts_with("otpauth://totp/Ostler%20%E2%80%93%20G%C3%B6teborg:ada%2Bx%40example.org?secret="));
        assert!(qr_svg(&url).unwrap().contains("<svg"));
    }
}
