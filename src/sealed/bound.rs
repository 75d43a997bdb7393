//! Tokens that die when a state changes.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use crate::error::{Error, ErrorKind};
use crate::sealed::format::layout::{Binding, FINGERPRINT_BYTES};
use crate::sealed::format::text::SealedToken;
use crate::sealed::keys::ring::KeyRing;
use crate::sealed::opened::Opened;
use crate::sealed::sealer::{IfExpired, Sealer, parse, state_fingerprint};
use crate::token::Lifetime;

/// Seals payloads that are bound to a state, such as the user's password hash or e-mail address at that moment: when the
/// state changes, the token is dead.
///
/// Opening takes two steps, because the payload says whose state it is: [`open`](Self::open) gives the claim,
/// [`confirm`](Unverified::confirm) compares the state and gives the payload.
///
/// # Security
/// The token holds no state, only 128 bits of a keyed digest of it, which are encrypted. A bound token does not open with
/// a plain [`Sealer`] of the same purpose and key, nor a plain token here, so the second step cannot be forgotten.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::sealed::{Key, KeyRing, Sealer};
///
/// let sealer = Sealer::new(KeyRing::new(Key::generate("2026-11")?), "password reset")?.bound_to_state();
/// let token = sealer.seal(&42_i64, Duration::minutes(15), "$argon2id$old")?;
///
/// let claim = sealer.open::<i64>(token.expose_secret())?;
/// let password_hash_of = |user: &i64| if *user == 42 { "$argon2id$new" } else { "" };
/// let state = password_hash_of(claim.claimed());
/// assert!(claim.confirm(state).is_err(), "the password was changed meanwhile");
///
/// let claim = sealer.open::<i64>(token.expose_secret())?;
/// assert_eq!(claim.confirm("$argon2id$old")?.payload(), &42);
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BoundSealer(Sealer);

impl Sealer {
    /// Binds the tokens of this purpose to a state, such as the user's password hash: see [`BoundSealer`].
    #[must_use]
    pub fn bound_to_state(self) -> BoundSealer {
        BoundSealer(self)
    }
}

impl BoundSealer {
    /// Seals a payload for this long, bound to `state`.
    ///
    /// # Errors
    /// As [`Sealer::seal`].
    pub fn seal<P>(
        &self,
        payload: &P,
        lifetime: impl Into<Lifetime>,
        state: impl AsRef<[u8]>,
    ) -> Result<SealedToken, Error>
    where
        P: Serialize + ?Sized,
    {
        self.0.write_new(payload, lifetime.into(), Some(state.as_ref()))
    }

    /// Opens a token as far as the claim in it, which waits for its state to be confirmed.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub fn open<P: DeserializeOwned>(&self, text: &str) -> Result<Unverified<P>, Error> {
        self.0.read(text, Binding::State, IfExpired::Refuse, |read| {
            let (fingerprint, json) = read.rest.split_first_chunk().ok_or(ErrorKind::InvalidToken)?;
            let opened = Opened::new(parse(json)?, &read, Binding::State, &self.0);
            Ok(Unverified { opened, fingerprint: *fingerprint })
        })
    }

    /// Encrypts a changed payload again for the same purpose, bound to `state` as it is now. `None`: nothing was changed.
    ///
    /// # Errors
    /// As [`Sealer::reseal`]; here a token that is not bound is refused.
    pub fn reseal<P: Serialize>(
        &self,
        opened: &mut Opened<P>,
        state: impl AsRef<[u8]>,
    ) -> Result<Option<SealedToken>, Error> {
        if opened.binding != Binding::State {
            return Err(Error::with_source(ErrorKind::InvalidInput, "the token is not bound to a state"));
        }
        self.0.write_if_changed(opened, Some(state.as_ref()))
    }

    /// What it seals for.
    #[must_use]
    pub fn purpose(&self) -> &str {
        self.0.purpose()
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        self.0.keys()
    }
}

/// A genuine token whose state has not been compared yet.
#[must_use = "a claim is worth nothing until its state is confirmed"]
pub struct Unverified<P> {
    opened: Opened<P>,
    fingerprint: [u8; FINGERPRINT_BYTES],
}

impl<P> Unverified<P> {
    /// What the token claims: read whose state to look up, and do nothing else with it.
    #[must_use]
    pub const fn claimed(&self) -> &P {
        self.opened.payload()
    }

    /// Compares the state and gives the payload.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] when the state is another than at sealing, or the token or its key was revoked since it
    /// was opened. [`ErrorKind::Expired`] when it has expired since then.
    pub fn confirm(self, state: impl AsRef<[u8]>) -> Result<Opened<P>, Error> {
        let expected = state_fingerprint(&self.opened.key, self.opened.uuid(), state.as_ref());
        if !bool::from(self.fingerprint.ct_eq(&expected)) {
            return Err(ErrorKind::InvalidToken.into());
        }
        self.opened.judge()?;
        Ok(self.opened)
    }
}

impl<P: fmt::Debug> fmt::Debug for Unverified<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("opened", &self.opened).finish_non_exhaustive()
    }
}
