//! An opened token: its payload, its times and its other entries.

use serde::Serialize;
use serde::de::DeserializeOwned;
use time::{Duration, UtcOffset};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::sealed::opened::iso_8601;
use crate::sealed::primordyx::cargo::{CUSTOM, Cargo, SECONDS_TO_EXPIRE, TIMESTAMP, value};
use crate::sealed::primordyx::json_text;
use crate::sealed::sealer::UNWRITABLE;
use crate::token::Expiry;

/// How long a token without the entry `seconds_to_expire` lives, as in the PHP class.
const DEFAULT_SECONDS_TO_EXPIRE: i64 = 60;

/// A Primordyx token's payload (its `custom` entry), its times and its other entries.
///
/// # Example
/// ```
/// use std::collections::BTreeMap;
///
/// use time::Duration;
/// use tower_tokens::sealed::Primordyx;
///
/// let php = Primordyx::new("correct horse battery staple");
/// let entries = BTreeMap::from([("campaign", "spring")]);
/// let token = php.seal_with_entries(&("user", 7), Duration::hours(1), &entries)?;
///
/// let opened = php.open::<(String, i64)>(token.expose_secret())?;
/// assert_eq!(opened.payload().1, 7);
/// assert_eq!(opened.entry::<String>("campaign")?.as_deref(), Some("spring"));
/// assert_eq!(opened.entry::<String>("another")?, None);
/// assert_eq!(opened.expires_at().at(), Some(opened.issued_at() + Duration::hours(1)));
/// # Ok::<(), tower_tokens::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PrimordyxToken<P> {
    payload: P,
    cargo: Cargo,
    issued_at: Timestamp,
    seconds_to_expire: i64,
    checked_at: Timestamp,
}

impl<P: DeserializeOwned> PrimordyxToken<P> {
    pub(super) fn read(cargo: Cargo, now: Timestamp) -> Result<Self, Error> {
        let custom = cargo.get(CUSTOM, now)?;
        Ok(Self {
            payload: custom.map_or_else(|| value("[]"), Ok)?,
            issued_at: Timestamp::from_unix_seconds(cargo.get(TIMESTAMP, now)?.unwrap_or(0)),
            seconds_to_expire: cargo.get(SECONDS_TO_EXPIRE, now)?.unwrap_or(DEFAULT_SECONDS_TO_EXPIRE),
            cargo,
            checked_at: now,
        })
    }
}

impl<P> PrimordyxToken<P> {
    /// The payload.
    #[must_use]
    pub const fn payload(&self) -> &P {
        &self.payload
    }

    /// The payload alone.
    #[must_use]
    pub fn into_payload(self) -> P {
        self.payload
    }

    /// The names of all entries in the token's cargo, in their order: `timestamp`, `seconds_to_expire` and `custom`, and
    /// what else the PHP site put there.
    pub fn entry_names(&self) -> impl Iterator<Item = &str> {
        self.cargo.names()
    }

    /// The entry with this name, as PHP's `getCargo()->get(name)` gives it. `None` where it is absent, where it is `null`,
    /// and where it had a time to live that had passed when the token was opened.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidToken`] for an entry that is not of the expected type.
    pub fn entry<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        self.cargo.get(name, self.checked_at)
    }

    /// When the token was made.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// How many seconds the token was made for. 0 or less: it never expires.
    #[must_use]
    pub const fn seconds_to_expire(&self) -> i64 {
        self.seconds_to_expire
    }

    /// When the token expires.
    #[must_use]
    pub fn expires_at(&self) -> Expiry {
        match self.seconds_to_expire {
            ..=0 => Expiry::Never,
            seconds => Expiry::At(self.issued_at + Duration::seconds(seconds)),
        }
    }

    /// When the token expires, as ISO 8601 text with milliseconds at this offset from UTC, as the PHP class writes it:
    /// `2026-11-21T19:01:41.000Z`, `2026-11-21T20:01:41.000+01:00`. `None` for never.
    #[must_use]
    pub fn expires_at_text(&self, offset: UtcOffset) -> Option<String> {
        with_milliseconds(self.expires_at(), offset)
    }

    /// Whether the token had expired when it was opened.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expires_at().has_passed(self.checked_at)
    }

    /// Whether the token is expired at `now`: `now >= expires_at`.
    #[must_use]
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        self.expires_at().has_passed(now)
    }

    /// All entries as a line of JSON, as the PHP class's `asJson()` has them. Every digit and escape stays as it is in the
    /// token.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it cannot be written, which does not happen.
    pub fn to_json(&self) -> Result<String, Error> {
        write(&self.cargo)
    }

    /// As [`to_json`](Self::to_json), with what the PHP class's `asJson(true)` adds and that has a meaning here: `current_time` and `expires_at` at
    /// this offset from UTC (`null` for never), `is_expired` at `now`, and `encryption_is_valid`, which is true of every token
    /// that was opened.
    ///
    /// # Security
    /// The token's text is not among them, unlike in PHP: these lines are made for logs, and whoever has the text has what
    /// it stands for.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn to_json_with_extras(&self, now: Timestamp, offset: UtcOffset) -> Result<String, Error> {
        let extras = Extras {
            current_time: with_milliseconds(Expiry::At(now), offset),
            expires_at: self.expires_at_text(offset),
            is_expired: self.is_expired_at(now),
            encryption_is_valid: true,
        };
        let extras = Cargo::of(&extras)?;
        let mut all = Cargo::default();
        for (name, value) in self.cargo.entries() {
            if !extras.names().any(|extra| extra == name) {
                all.push(name, value.to_owned());
            }
        }
        all.extend(extras);
        write(&all)
    }

    /// A JSON text of this token in lines, as the PHP class's `asJson(…, true)` lays it out: four spaces a level.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn to_json_pretty(&self) -> Result<String, Error> {
        Ok(json_text::pretty(&self.to_json()?))
    }

    /// [`to_json_with_extras`](Self::to_json_with_extras) in lines.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn to_json_pretty_with_extras(&self, now: Timestamp, offset: UtcOffset) -> Result<String, Error> {
        Ok(json_text::pretty(&self.to_json_with_extras(now, offset)?))
    }
}

#[derive(Serialize)]
struct Extras {
    current_time: Option<String>,
    expires_at: Option<String>,
    is_expired: bool,
    encryption_is_valid: bool,
}

fn write(cargo: &Cargo) -> Result<String, Error> {
    let json = serde_json::to_string(cargo).map_err(|_| Error::with_source(ErrorKind::InvalidInput, UNWRITABLE))?;
    Ok(json_text::compact(&json))
}

/// The end as ISO 8601 text with milliseconds, which are 0: times are whole seconds.
fn with_milliseconds(end: Expiry, offset: UtcOffset) -> Option<String> {
    let mut text = iso_8601(end, offset)?;
    // `Z`, or six characters such as `+01:00`.
    let zone = if text.ends_with('Z') { 1 } else { 6 };
    text.insert_str(text.len().saturating_sub(zone), ".000");
    Some(text)
}
