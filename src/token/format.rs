//! How token text is generated, and the format of API tokens.

use crate::error::{Error, ErrorKind};
use crate::random;
use crate::token::Token;

/// Trongate's own 55 symbols, which leave out the look-alikes `0 1 I O i l o`.
///
/// # Source
/// Trongate's `generate_random_token` (its `_generate_rand_str`).
const TRONGATE_ALPHABET: &[u8; 55] = b"23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";

/// Trongate's token length in symbols: 32 × log2(55) = 185 bits.
const TRONGATE_SYMBOLS: usize = 32;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Length of an API token's secret in symbols: 30 × log2(62) = 178 bits.
const API_SECRET_SYMBOLS: usize = 30;

/// Length of an API token's check in base-62 digits: 62^6 > 2^32, so every CRC-32 fits.
const CHECK_DIGITS: usize = 6;

/// The longest prefix of an API token in bytes. Our choice: room for a company and an environment.
const MAX_PREFIX_BYTES: usize = 64;

/// Generates a token in Trongate's format: 32 symbols, each drawn without bias.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the operating system gives no random bytes.
pub(crate) fn generate_text() -> Result<Token, Error> {
    let mut text = String::with_capacity(TRONGATE_SYMBOLS);
    random::append_symbols(&mut text, TRONGATE_ALPHABET, TRONGATE_SYMBOLS)?;
    Ok(Token::from_checked(text))
}

/// The format of long-lived API tokens: `<prefix>_<secret><check>`.
///
/// The prefix shows a secret scanner and a support desk whose token it is. The check, 6 base-62 digits of the CRC-32 of
/// the text before them, detects a typing error or an invented token without a look-up. All characters are
/// `[A-Za-z0-9_]`, so that a double click selects the whole token.
///
/// # Example
/// ```
/// use tower_tokens::token::ApiTokenFormat;
///
/// let format = ApiTokenFormat::new("acme_live")?;
/// let token = format.generate()?;
/// assert!(token.expose_secret().starts_with("acme_live_"));
/// assert!(format.accepts(token.expose_secret()));
/// assert!(!format.accepts("acme_live_0000000000000000000000000000000000"));
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenFormat {
    prefix: String,
}

impl ApiTokenFormat {
    /// The format with this prefix: 1 to 64 characters of `[A-Za-z0-9_]` that neither begin nor end with `_`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for any other prefix.
    pub fn new(prefix: &str) -> Result<Self, Error> {
        let is_word = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let length = 1..=MAX_PREFIX_BYTES;
        if !is_word || !length.contains(&prefix.len()) || prefix.starts_with('_') || prefix.ends_with('_') {
            let why = "an API token prefix is 1 to 64 characters of [A-Za-z0-9_], with no _ at either end";
            return Err(Error::with_source(ErrorKind::InvalidInput, why));
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// The prefix, without the `_` that ends it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Generates a token of this format with a secret of 30 base-62 symbols (178 bits).
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the operating system gives no random bytes.
    pub fn generate(&self) -> Result<Token, Error> {
        let mut text = String::with_capacity(self.prefix.len() + 1 + API_SECRET_SYMBOLS + CHECK_DIGITS);
        text.push_str(&self.prefix);
        text.push('_');
        random::append_symbols(&mut text, BASE62, API_SECRET_SYMBOLS)?;
        let check = check_digits(text.as_bytes());
        text.extend(check.map(char::from));
        Ok(Token::from_checked(text))
    }

    /// Whether `text` has this format's prefix, so that [`accepts`](Self::accepts) applies to it.
    #[must_use]
    pub fn claims(&self, text: &str) -> bool {
        text.strip_prefix(self.prefix.as_str()).is_some_and(|rest| rest.starts_with('_'))
    }

    /// Whether `text` has this format and its check digits are correct.
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        let expected = self.prefix.len() + 1 + API_SECRET_SYMBOLS + CHECK_DIGITS;
        self.claims(text) && text.len() == expected && {
            let (checked, check) = text.as_bytes().split_at(expected - CHECK_DIGITS);
            let secret = &checked[self.prefix.len() + 1..];
            secret.iter().all(u8::is_ascii_alphanumeric) && check == check_digits(checked)
        }
    }
}

/// The CRC-32 (IEEE 802.3) of `text` as 6 base-62 digits, most significant first.
fn check_digits(text: &[u8]) -> [u8; CHECK_DIGITS] {
    let mut rest = crc32fast::hash(text) as usize;
    let mut digits = [b'0'; CHECK_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[rest % 62];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_match_the_published_vectors() {
        assert_eq!(&check_digits(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"), b"0mLq17");
        assert_eq!(&check_digits(b"qkJaB6MffYVzZXWqmcoF49yrUxP3wf"), b"0LsakP");
        // The four bytes whose CRC-32 is 0xffffffff: the largest check.
        assert_eq!(&check_digits(&[0xff, 0xff, 0xff, 0xff]), b"4gfFC3");
    }

    #[test]
    fn every_symbol_is_as_likely_as_any_other() {
        let mut counts = [0_u32; 128];
        let tokens = 4_000;
        for _ in 0..tokens {
            let token = generate_text().unwrap();
            assert_eq!(token.expose_secret().len(), TRONGATE_SYMBOLS);
            for byte in token.expose_secret().bytes() {
                counts[usize::from(byte)] += 1;
            }
        }
        let expected = f64::from(tokens * 32) / 55.0;
        let chi_squared: f64 = TRONGATE_ALPHABET
            .iter()
            .map(|symbol| (f64::from(counts[usize::from(*symbol)]) - expected).powi(2) / expected)
            .sum();
        // 54 degrees of freedom: chance exceeds 134 once in 10^8 runs; `byte % 55` gives about 1,300 here.
        assert!(chi_squared < 134.0, "{chi_squared}");
        assert_eq!(counts.iter().sum::<u32>(), tokens * 32, "a symbol outside the alphabet");
    }

    #[test]
    fn a_changed_character_is_rejected_by_the_check() {
        let format = ApiTokenFormat::new("acme").unwrap();
        let text = format.generate().unwrap().expose_secret().to_owned();
        for position in "acme_".len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            assert!(!format.accepts(std::str::from_utf8(&bytes).unwrap()), "position {position}");
        }
        assert!(!format.accepts(&text[..text.len() - 1]));
        assert!(!format.accepts(&text.replacen("acme", "acm€", 1)));
    }

    #[test]
    fn a_prefix_is_a_word() {
        for prefix in ["", "_a", "a_", "a-b", "ü", &"x".repeat(65)] {
            assert!(ApiTokenFormat::new(prefix).is_err(), "{prefix}");
        }
    }
}
