//! Plain text, or encrypted.

use zeroize::Zeroizing;

use crate::client::file::envelope::Envelope;
use crate::client::file::format::Document;
#[cfg(feature = "sealed")]
use crate::client::file::sealing::Sealing;
use crate::client::file::unreadable::Unreadable;
use crate::client::{ClientError, StoredTokens};
use crate::clock::Timestamp;

/// How a document is written into a file.
#[derive(Clone)]
pub(super) enum Codec {
    Plain,
    #[cfg(feature = "sealed")]
    Sealed(Sealing),
}

impl Codec {
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Reads the text of a file that was written at `written_at`.
    pub(super) fn decode(&self, text: &[u8], written_at: Option<Timestamp>) -> Result<Document, Unreadable> {
        let Some(envelope) = Envelope::read(text) else {
            let document = Document::read(text, written_at);
            let document = document.ok_or(Unreadable::Broken("it is not JSON of the expected form"))?;
            return match self {
                #[cfg(feature = "sealed")]
                Self::Sealed(_) if document.tokens.is_some() => Err(Unreadable::Ignored("it is not encrypted")),
                #[cfg(feature = "sealed")]
                Self::Sealed(_) if !document.is_empty() => Err(Unreadable::Broken("it is not an encrypted file")),
                _ => Ok(document),
            };
        };
        if !envelope.is_whole() {
            return Err(Unreadable::Broken("its checksum is wrong"));
        }
        match self {
            Self::Plain => Err(Unreadable::Refused("it is encrypted, and this store has no sealer", None)),
            #[cfg(feature = "sealed")]
            Self::Sealed(sealing) => sealing.open(&envelope),
        }
    }

    /// The text of a file.
    pub(super) fn encode(&self, document: &Document, tokens: &StoredTokens) -> Result<Zeroizing<String>, ClientError> {
        let plain = document.write(tokens);
        match self {
            Self::Plain => Ok(plain),
            #[cfg(feature = "sealed")]
            Self::Sealed(sealing) => sealing.seal(&plain),
        }
    }
}
