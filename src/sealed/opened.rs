//! An opened token: its payload and its metadata.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::sealed::format::layout::{Binding, Metadata};
use crate::sealed::keys::prepared::PreparedKey;
use crate::sealed::sealer::{IfExpired, Opening, Sealer, UNWRITABLE};
use crate::token::{Expiry, TokenUuid};

/// A genuine token's payload and metadata.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::sealed::{Key, KeyRing, Sealer};
///
/// let sealer = Sealer::new(KeyRing::new(Key::generate("2026-11")?), "shopping basket")?;
/// let token = sealer.seal(&vec!["tea"], Duration::hours(1))?;
///
/// let mut basket = sealer.open::<Vec<String>>(token.expose_secret())?;
/// assert_eq!(sealer.reseal(&mut basket)?, None, "nothing changed: the text that you have stays good");
/// basket.payload_mut().push("milk".to_owned());
/// let changed = sealer.reseal(&mut basket)?.expect("the payload was changed");
///
/// let again = sealer.open::<Vec<String>>(changed.expose_secret())?;
/// assert_eq!(again.payload(), &["tea", "milk"]);
/// assert_eq!((again.uuid(), again.expires_at()), (basket.uuid(), basket.expires_at()));
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Clone)]
pub struct Opened<P> {
    payload: P,
    pub(super) metadata: Metadata,
    pub(super) binding: Binding,
    /// What it was opened with: when it is used, it is judged again.
    pub(super) sealer: Sealer,
    pub(super) key: Arc<PreparedKey>,
    checked_at: Timestamp,
    changed: bool,
}

impl<P> Opened<P> {
    pub(super) fn new(payload: P, read: &Opening<'_>, binding: Binding, sealer: &Sealer) -> Self {
        let (sealer, key) = (sealer.clone(), Arc::clone(read.key));
        Self { payload, metadata: read.metadata, binding, sealer, key, checked_at: read.now, changed: false }
    }

    /// Judges it again, as it stands now.
    pub(super) fn judge(&self) -> Result<Timestamp, Error> {
        self.sealer.judge(&self.metadata, &self.key, IfExpired::Refuse)
    }

    /// The payload.
    #[must_use]
    pub const fn payload(&self) -> &P {
        &self.payload
    }

    /// The payload, to be changed. The token counts as changed from now on; its text does not change until it is
    /// resealed.
    pub const fn payload_mut(&mut self) -> &mut P {
        self.changed = true;
        &mut self.payload
    }

    /// The payload alone.
    #[must_use]
    pub fn into_payload(self) -> P {
        self.payload
    }

    /// Whether [`payload_mut`](Self::payload_mut) was called since the token was opened or resealed.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        self.changed
    }

    /// Says that the payload is sealed as it stands, under `key`.
    pub(super) fn set_unchanged(&mut self, key: Arc<PreparedKey>) {
        self.changed = false;
        self.key = key;
    }

    /// What the token was sealed for.
    #[must_use]
    pub fn purpose(&self) -> &str {
        self.sealer.purpose()
    }

    /// The token's number, the same after resealing.
    #[must_use]
    pub const fn uuid(&self) -> TokenUuid {
        self.metadata.uuid
    }

    /// When the token was first sealed.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.metadata.issued_at
    }

    /// When the token expires.
    #[must_use]
    pub const fn expires_at(&self) -> Expiry {
        self.metadata.expires_at
    }

    /// When the token expires, as ISO 8601 (RFC 3339) text at this offset from UTC: `2026-11-21T20:01:41+01:00`. `None` for
    /// never.
    #[must_use]
    pub fn expires_at_text(&self, offset: UtcOffset) -> Option<String> {
        iso_8601(self.metadata.expires_at, offset)
    }

    /// When the token was opened, by the sealer's clock.
    #[must_use]
    pub const fn checked_at(&self) -> Timestamp {
        self.checked_at
    }

    /// Whether the token had expired when it was opened. Only
    /// [`open_even_if_expired`](super::Sealer::open_even_if_expired) gives such a one.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.metadata.expires_at.has_passed(self.checked_at)
    }

    /// Whether the token is expired at `now`: `now >= expires_at`.
    #[must_use]
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        self.metadata.expires_at.has_passed(now)
    }
}

impl<P: fmt::Debug> fmt::Debug for Opened<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("purpose", &self.purpose())
            .field("payload", &self.payload)
            .field("metadata", &self.metadata)
            .field("binding", &self.binding)
            .field("checked_at", &self.checked_at)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}

impl<P: Serialize> Opened<P> {
    /// The metadata as a line of JSON: `uuid`, `issued_at`, `expires_at` (`null` for never) and `payload`. Times are RFC 3339
    /// in UTC. The token's text is not among them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a payload that cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, Error> {
        self.write(None)
    }

    /// As [`to_json`](Self::to_json), with more for a person who looks into a token: `current_time`, `expired` and `valid` at
    /// `now`, and whether the payload was `changed` since it was sealed.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn to_json_with_extras(&self, now: Timestamp) -> Result<String, Error> {
        self.write(Some(now))
    }

    fn write(&self, now: Option<Timestamp>) -> Result<String, Error> {
        let expired = now.map(|now| self.metadata.expires_at.has_passed(now));
        let report = OpenedJson {
            uuid: self.metadata.uuid,
            issued_at: self.metadata.issued_at,
            expires_at: self.metadata.expires_at.at(),
            current_time: now,
            expired,
            valid: expired.map(|expired| !expired),
            changed: now.map(|_| self.changed),
            payload: &self.payload,
        };
        serde_json::to_string(&report).map_err(|_| Error::with_source(ErrorKind::InvalidInput, UNWRITABLE))
    }
}

#[derive(Serialize)]
struct OpenedJson<'a, P> {
    uuid: TokenUuid,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    payload: &'a P,
}

/// The end as ISO 8601 (RFC 3339) text at this offset from UTC, or `None` for never.
///
/// # Example
/// ```
/// use time::macros::offset;
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::sealed::iso_8601;
/// use tower_tokens::token::Expiry;
///
/// let end = Expiry::At(Timestamp::from_unix_seconds(1_795_287_701));
/// assert_eq!(iso_8601(end, offset!(UTC)).as_deref(), Some("2026-11-21T19:01:41Z"));
/// assert_eq!(iso_8601(end, offset!(+1)).as_deref(), Some("2026-11-21T20:01:41+01:00"));
/// assert_eq!(iso_8601(Expiry::Never, offset!(UTC)), None);
/// ```
#[must_use]
pub fn iso_8601(end: Expiry, offset: UtcOffset) -> Option<String> {
    let end = OffsetDateTime::from(end.at()?);
    // At the ends of the calendar a local time may not exist; UTC does.
    let local = end.checked_to_offset(offset).unwrap_or(end).format(&Rfc3339);
    Some(local.unwrap_or_else(|_| Timestamp::from(end).to_string()))
}
