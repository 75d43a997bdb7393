//! Opens what a sealer sealed, and seals it again when its payload was changed.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind};
use crate::random;
use crate::sealed::aead::NONCE_BYTES;
use crate::sealed::format::layout::Binding;
use crate::sealed::format::text::SealedToken;
use crate::sealed::opened::Opened;
use crate::sealed::sealer::{IfExpired, Sealer, parse};

impl Sealer {
    /// Opens a token that was sealed for this purpose.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] for what is not a token of this purpose under a key of the ring, and for a revoked one.
    /// [`ErrorKind::Expired`] for one that is genuine and expired. [`ErrorKind::InvalidToken`] with a source for one
    /// that is genuine and has a payload of another type: a mistake in the program.
    pub fn open<P: DeserializeOwned>(&self, text: &str) -> Result<Opened<P>, Error> {
        self.open_plain(text, IfExpired::Refuse)
    }

    /// Opens a token whether it is expired or not, to look into it.
    ///
    /// # Security
    /// Ask [`is_expired`](Opened::is_expired) before you act on it.
    ///
    /// # Errors
    /// As [`open`](Self::open), without [`ErrorKind::Expired`].
    pub fn open_even_if_expired<P: DeserializeOwned>(&self, text: &str) -> Result<Opened<P>, Error> {
        self.open_plain(text, IfExpired::Open)
    }

    /// Encrypts a changed payload again, under the active key and with the token's purpose, UUID and times. `None`: nothing
    /// was changed, and the text that you have stays good.
    ///
    /// # Errors
    /// As [`seal`](Self::seal). [`ErrorKind::InvalidInput`] for a token of another purpose, and for one that is bound to a
    /// state. [`ErrorKind::InvalidToken`] for one that was revoked, or whose key was, since it was opened.
    pub fn reseal<P: Serialize>(&self, opened: &mut Opened<P>) -> Result<Option<SealedToken>, Error> {
        if opened.binding != Binding::Plain {
            let why = "a token that is bound to a state is resealed by the sealer that binds it";
            return Err(Error::with_source(ErrorKind::InvalidInput, why));
        }
        self.write_if_changed(opened, None)
    }

    fn open_plain<P: DeserializeOwned>(&self, text: &str, if_expired: IfExpired) -> Result<Opened<P>, Error> {
        self.read(text, Binding::Plain, if_expired, |read| {
            Ok(Opened::new(parse(read.rest)?, &read, Binding::Plain, self))
        })
    }

    pub(super) fn write_if_changed<P: Serialize>(
        &self,
        opened: &mut Opened<P>,
        state: Option<&[u8]>,
    ) -> Result<Option<SealedToken>, Error> {
        if opened.sealer.purpose() != self.purpose() {
            return Err(Error::with_source(ErrorKind::InvalidInput, "the token was sealed for another purpose"));
        }
        if !opened.is_changed() {
            return Ok(None);
        }
        self.judge(&opened.metadata, &opened.key, IfExpired::Open)?;
        let mut nonce = [0; NONCE_BYTES];
        random::fill(&mut nonce)?;
        let keys = self.keys().load();
        let text = self.write_with_nonce(&keys.active, opened.payload(), &opened.metadata, state, nonce)?;
        opened.set_unchanged(Arc::clone(&keys.active));
        Ok(Some(text))
    }
}
