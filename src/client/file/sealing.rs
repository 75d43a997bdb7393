//! Encrypts and decrypts a file by the crate's own sealer.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::client::file::envelope::Envelope;
use crate::client::file::format::Document;
use crate::client::file::unreadable::Unreadable;
use crate::client::{ClientError, ClientErrorKind};
use crate::sealed::Sealer;
use crate::token::Lifetime;

/// The sealer, and the name of the file, which is sealed too: the file of one account does not open as that of another.
#[derive(Clone)]
pub(super) struct Sealing {
    sealer: Sealer,
    stem: String,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Payload<T> {
    file: T,
    text: T,
}

impl Sealing {
    pub(super) fn new(sealer: Sealer, stem: &str) -> Self {
        Self { sealer, stem: stem.to_owned() }
    }

    /// The document in a file that is whole.
    pub(super) fn open(&self, envelope: &Envelope) -> Result<Document, Unreadable> {
        let why = "it was sealed with a key that this store does not have, or for another purpose";
        let opened = self.sealer.open_even_if_expired::<Payload<String>>(envelope.sealed());
        let payload = opened.map_err(|error| Unreadable::Refused(why, Some(error)))?.into_payload();
        let text = Zeroizing::new(payload.text);
        if payload.file != self.stem {
            return Err(Unreadable::Refused("it holds the tokens of another account", None));
        }
        Document::read(text.as_bytes(), None).ok_or(Unreadable::Broken("it was sealed in another form"))
    }

    /// The text of a file that holds this.
    pub(super) fn seal(&self, text: &str) -> Result<Zeroizing<String>, ClientError> {
        let payload = Payload { file: self.stem.as_str(), text };
        let sealed = self.sealer.seal(&payload, Lifetime::never_expires());
        let sealed = sealed.map_err(|error| ClientError::new(ClientErrorKind::Store, error))?;
        let text = serde_json::to_string(&Envelope::new(sealed.expose_secret()));
        text.map(Zeroizing::new).map_err(|error| ClientError::new(ClientErrorKind::Store, error))
    }
}
