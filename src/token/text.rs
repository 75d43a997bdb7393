//! Which text could be a token.

/// The longest text that is looked up, in bytes. Our choice: a header line of most servers holds 8 KiB, and no token
/// format in the field comes near half of that.
pub const MAX_TOKEN_BYTES: usize = 4_096;

/// Whether `text` could be a token: 1 to [`MAX_TOKEN_BYTES`] bytes of RFC 6750's `b64token`. Anything else is refused
/// without a look-up.
///
/// # Source
/// RFC 6750 §2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
///
/// # Example
/// ```
/// use tower_tokens::token::is_token_text;
///
/// assert!(is_token_text(b"mF_9.B5f-4.1JqM=="));
/// assert!(!is_token_text(b""));
/// assert!(!is_token_text(b"two words"));
/// assert!(!is_token_text(b"==padding-first"));
/// ```
#[must_use]
pub fn is_token_text(text: &[u8]) -> bool {
    if text.len() > MAX_TOKEN_BYTES {
        return false;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let (body, _) = text.split_at(text.len() - padding);
    let (chunks, rest) = body.as_chunks::<16>();
    // No early return within a chunk, so that the processor checks all its bytes at once.
    let is_clean = |bytes: &[u8]| bytes.iter().fold(true, |is_clean, byte| is_clean & is_b64token(*byte));
    !body.is_empty() && chunks.iter().all(|chunk| is_clean(chunk)) && rest.iter().all(|byte| is_b64token(*byte))
}

#[inline(always)]
const fn is_b64token(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // `-`, `.`, `/` and the digits are consecutive.
    let is_digit_or_mark = byte.wrapping_sub(b'-') <= b'9' - b'-';
    is_letter | is_digit_or_mark | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_text_is_b64token_of_bounded_length() {
        assert!(is_token_text(&[b'a'; MAX_TOKEN_BYTES]));
        assert!(!is_token_text(&[b'a'; MAX_TOKEN_BYTES + 1]));
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token_text(&[byte]), allowed, "{byte}");
            assert_eq!(is_token_text(&[b'a', byte, b'a']), allowed, "{byte}");
        }
        assert!(is_token_text(b"a==") && !is_token_text(b"a=a") && !is_token_text(b"="));
    }
}
