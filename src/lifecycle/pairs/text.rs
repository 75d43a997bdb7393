//! The text of refresh tokens: 32 symbols that name the family, and 32 that are new at each refresh.

use crate::error::Error;
use crate::token::{Token, TokenKey, generate_text};

/// The length of each half, which is that of a token in Trongate's format.
const HALF: usize = 32;

/// A refresh token of a new family.
///
/// # Errors
/// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the operating system gives no random bytes.
pub(super) fn first() -> Result<Token, Error> {
    next(&generate_text()?)
}

/// The next refresh token of the family of this one.
///
/// # Errors
/// As [`first`].
pub(super) fn next(old: &Token) -> Result<Token, Error> {
    let family = old.expose_secret().get(..HALF).unwrap_or_default();
    Ok(Token::from_checked([family, generate_text()?.expose_secret()].concat()))
}

/// The key by which the family of a refresh token is found: its first half, which is a secret of its own. So whoever presents
/// it has had a token of this family. `None`: the text has not the length of a refresh token.
pub(super) fn family(token: &Token) -> Option<TokenKey<'_>> {
    let text = token.expose_secret();
    (text.len() == 2 * HALF).then(|| TokenKey::new(&text[..HALF]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_keeps_its_first_half_and_changes_the_other() {
        let one = first().unwrap();
        let two = next(&one).unwrap();
        let key = |token: &Token| family(token).unwrap().digest();
        assert_eq!(key(&one), key(&two));
        assert_ne!(one, two);
        assert_ne!(key(&one), key(&first().unwrap()));
        assert!(family(&generate_text().unwrap()).is_none());
    }
}
