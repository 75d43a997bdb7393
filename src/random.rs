//! The operating system's random generator, and symbols drawn from it without bias.

use crate::error::{Error, ErrorKind};

/// Fills `buffer` from the operating system's generator.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the operating system gives no random bytes.
pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(buffer).map_err(|error| Error::with_source(ErrorKind::Unavailable, error))
}

/// Appends `count` symbols of `alphabet` (1 to 256 ASCII bytes) to `text`, each as likely as any other.
///
/// A byte at or above the largest multiple of the alphabet's length is discarded, because `byte % length` would
/// otherwise be biased.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the operating system gives no random bytes.
pub(crate) fn append_symbols(text: &mut String, alphabet: &[u8], count: usize) -> Result<(), Error> {
    let fair = 256 - 256 % alphabet.len();
    let mut pool = zeroize::Zeroizing::new([0_u8; 64]);
    let mut missing = count;
    while missing > 0 {
        fill(&mut *pool)?;
        for byte in pool.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair).take(missing) {
            text.push(char::from(alphabet[byte % alphabet.len()]));
            missing -= 1;
        }
    }
    Ok(())
}
