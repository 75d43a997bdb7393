//! Whose tokens a file holds, and the name of that file.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::client::SecretText;

/// An account at an API: who logs in, where, and in which environment. Each has a file of its own.
///
/// The texts count as they are written: `https://api.example.org` and `https://api.example.org/` are two accounts.
///
/// # Example
/// ```
/// use tower_tokens::client::Account;
///
/// let account = Account::new("ann", "https://api.example.org", "production");
/// assert_ne!(account, Account::new("ann", "https://api.example.org", "test"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    user_name: String,
    audience: String,
    environment: String,
}

impl Account {
    /// The account of a user at the API with this base URL (its audience), in this environment. The environment may be
    /// empty, and any text: `production`, `test`.
    pub fn new(user_name: impl Into<String>, audience: impl Into<String>, environment: impl Into<String>) -> Self {
        Self { user_name: user_name.into(), audience: audience.into(), environment: environment.into() }
    }

    /// 64 hexadecimal digits: SHA-256 over the three texts, each with its length before it, so that no two accounts give
    /// the same bytes.
    ///
    /// Not over the password. Whoever sees the name of a file could try passwords against it, billions a second.
    pub(super) fn file_stem(&self) -> String {
        let mut hash = Sha256::new_with_prefix(DOMAIN);
        for text in [&self.user_name, &self.audience, &self.environment] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hex::encode(hash.finalize())
    }
}

/// Separates these names from every other use of SHA-256. A change of the rule changes this text.
const DOMAIN: &[u8] = b"tower-tokens client account 1";

/// The rule of the Ergani SDK (oxygen-ergani 2.0.3): SHA-256 over `username-password-ENVIRONMENT`.
pub(super) fn ergani_file_stem(user_name: &str, password: &SecretText, environment: &str) -> String {
    let text = Zeroizing::new(format!("{user_name}-{}-{environment}", password.expose_secret()));
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_is_for_ever() {
        let stem = Account::new("ann", "https://api.example.org", "production").file_stem();
        assert_eq!(stem, "a30cf2d922fd51e30b5f6a6936400d78af08318b0f03ec7151b75a89516950a8");
    }

    #[test]
    fn the_name_of_a_shared_file_is_the_sdks() {
        let stem = ergani_file_stem("user", &SecretText::new("pass"), "TEST");
        assert_eq!(stem, "ee9b850f068b25607926ded16fd614825768061b958563514e32c5971d9dbc5f");
    }

    proptest::proptest! {
        #[test]
        fn two_accounts_never_have_one_name(a in "[a-z/:-]{0,3}", b in "[a-z/:-]{0,3}", c in "[a-z/:-]{0,3}", cut in 0..9_usize, second in 0..9_usize) {
            let account = Account::new(a.as_str(), b.as_str(), c.as_str());
            // The same letters, divided in another way.
            let text = format!("{a}{b}{c}");
            let (cut, second) = (cut.min(text.len()), second.min(text.len()));
            let (first, last) = (cut.min(second), cut.max(second));
            let other = Account::new(&text[..first], &text[first..last], &text[last..]);
            proptest::prop_assert_eq!(account == other, account.file_stem() == other.file_stem());
        }

        #[test]
        fn any_texts_have_a_name_of_64_digits(a: String, b: String, c: String) {
            let stem = Account::new(a, b, c).file_stem();
            proptest::prop_assert!(stem.len() == 64 && stem.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        }
    }
}
