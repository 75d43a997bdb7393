//! The encrypted form of a file.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A sealed token in JSON, and the SHA-256 of its text, which tells a file that was damaged from one of another key:
/// authenticated encryption cannot say which of the two it is.
///
/// ```json
/// {"sealed":"AQJrMaChoq…","sha256":"5f0c…"}
/// ```
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope {
    sealed: String,
    sha256: String,
}

/// The beginning of every encrypted file.
pub(super) const BEGINNING: &str = r#"{"sealed":""#;

impl Envelope {
    #[cfg(feature = "sealed")]
    pub(super) fn new(sealed: &str) -> Self {
        Self { sealed: sealed.to_owned(), sha256: digest(sealed) }
    }

    /// `None` if it is not the encrypted form of a file.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// Whether it is as it was written.
    pub(super) fn is_whole(&self) -> bool {
        digest(&self.sealed) == self.sha256
    }

    /// The sealed text.
    #[cfg(feature = "sealed")]
    pub(super) fn sealed(&self) -> &str {
        &self.sealed
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
