//! The data of a token in a store, without the secret.

use std::fmt;

use time::Duration;

use crate::clock::{CLOCK_TOLERANCE, Timestamp};
use crate::error::{Error, ErrorKind};
use crate::text::Text;
use crate::token::{Expiry, Lifetime, NewLimits};

/// The number of a token's record: public, unchanged by regeneration, and no help in guessing the token.
///
/// `Display` and `Serialize` write it as decimal text, because JavaScript cannot hold every 63-bit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(i64);

impl TokenId {
    /// The id with this number.
    #[must_use]
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for TokenId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl serde::Serialize for TokenId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The data of a token in a store: its id, times, name and code. Never its text or digest.
///
/// # Example
/// ```
/// use time::Duration;
/// use tower_tokens::clock::Timestamp;
/// use tower_tokens::token::{Lifetime, TokenId, TokenRecord};
///
/// let born = Timestamp::from_unix_seconds(1_000);
/// let lifetime = Lifetime::hours(24).with_idle_limit(Duration::hours(1));
/// let record = TokenRecord::new(TokenId::new(7), born, lifetime).with_name("phone");
/// assert_eq!(record.name(), Some("phone"));
/// assert!(!record.is_expired(born + Duration::minutes(59)));
/// assert!(record.is_expired(born + Duration::hours(1)), "idle for an hour");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    id: TokenId,
    created_at: Timestamp,
    authenticated_at: Timestamp,
    last_used_at: Option<Timestamp>,
    absolute_expiry: Expiry,
    idle_limit: Option<Duration>,
    name: Option<Text>,
    code: Option<Text>,
}

impl TokenRecord {
    /// The longest name that a store keeps, in bytes. Our choice: every browser's `User-Agent` fits, and so do those of
    /// applications that embed a browser; a name is read at each look-up.
    pub const MAX_NAME_BYTES: usize = 512;

    /// The longest code that a store keeps, in bytes. Our choice: room for a UUID and a word.
    pub const MAX_CODE_BYTES: usize = 64;

    /// The record of a token that is created at `created_at`, just after its user proved who they are.
    #[must_use]
    pub fn new(id: TokenId, created_at: Timestamp, lifetime: Lifetime) -> Self {
        Self {
            id,
            created_at,
            authenticated_at: created_at,
            last_used_at: None,
            absolute_expiry: lifetime.ends_at(created_at),
            idle_limit: lifetime.idle_limit(),
            name: None,
            code: None,
        }
    }

    /// Sets the id, for a store that numbers its rows itself.
    #[must_use]
    pub fn with_id(mut self, id: TokenId) -> Self {
        self.id = id;
        self
    }

    /// Names the token for its owner: `Firefox on Linux`, `backup script`. Default: no name.
    ///
    /// A name of any length is accepted here, so that names in a foreign table can be read.
    /// [`check_bounds`](Self::check_bounds) refuses a long name before it is stored.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(Text::new(name));
        self
    }

    /// Marks the token with an application's own code (Trongate: up to 3 characters). Default: no code.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> Self {
        self.code = Some(Text::new(code));
        self
    }

    /// Sets when the user last proved who they are. Default: when the token was created.
    #[must_use]
    pub fn with_authenticated_at(mut self, at: Timestamp) -> Self {
        self.authenticated_at = at;
        self
    }

    /// Sets when the token was last used. Default: never.
    #[must_use]
    pub fn with_last_used_at(mut self, at: Option<Timestamp>) -> Self {
        self.last_used_at = at;
        self
    }

    /// Sets the absolute end, which activity does not move.
    #[must_use]
    pub fn with_absolute_expiry(mut self, expiry: Expiry) -> Self {
        self.absolute_expiry = expiry;
        self
    }

    /// The names of the fields that a store keeps, in the order of [`fields`](Self::fields): columns of a table, keys of a
    /// document. Times are Unix seconds, `idle_limit` is seconds.
    pub const FIELDS: [&'static str; 8] =
        ["id", "created_at", "authenticated_at", "last_used_at", "absolute_end", "idle_limit", "name", "code"];

    /// What a store keeps of this record, in the order of [`FIELDS`](Self::FIELDS).
    ///
    /// # Example
    /// ```
    /// use tower_tokens::clock::Timestamp;
    /// use tower_tokens::token::{FieldReader, FieldValue, Lifetime, TokenId, TokenRecord};
    ///
    /// /// A row of a store.
    /// struct Row(Vec<Option<String>>);
    ///
    /// impl FieldReader for Row {
    ///     type Error = Box<dyn std::error::Error>;
    ///
    ///     fn integer(&self, field: usize) -> Result<Option<i64>, Self::Error> {
    ///         Ok(self.0[field].as_deref().map(str::parse).transpose()?)
    ///     }
    ///
    ///     fn text(&self, field: usize) -> Result<Option<&str>, Self::Error> {
    ///         Ok(self.0[field].as_deref())
    ///     }
    ///
    ///     fn missing(&self, field: usize) -> Self::Error {
    ///         format!("{} is missing", TokenRecord::FIELDS[field]).into()
    ///     }
    /// }
    ///
    /// let record = TokenRecord::new(TokenId::new(7), Timestamp::from_unix_seconds(1_000), Lifetime::hours(1));
    /// let record = record.with_name("phone");
    /// let row = Row(record.fields().map(|value| value.to_text()).to_vec());
    /// assert_eq!(TokenRecord::from_fields(&row)?, record);
    /// assert!(TokenRecord::from_fields(&Row(vec![None; 8])).is_err(), "a record has an id");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fields(&self) -> [FieldValue<'_>; 8] {
        use FieldValue::{Integer, Text};
        let time = |at: Timestamp| at.unix_seconds();
        [
            Integer(Some(self.id.get())),
            Integer(Some(time(self.created_at))),
            Integer(Some(time(self.authenticated_at))),
            Integer(self.last_used_at.map(time)),
            Integer(self.absolute_expiry.at().map(time)),
            Integer(self.idle_limit.map(Duration::whole_seconds)),
            Text(self.name()),
            Text(self.code()),
        ]
    }

    /// The record that a store keeps as these fields.
    ///
    /// # Errors
    /// Those of the reader, and [`missing`](FieldReader::missing) for a field that every record has.
    pub fn from_fields<R: FieldReader>(fields: &R) -> Result<Self, R::Error> {
        let required = |field| fields.integer(field)?.ok_or_else(|| fields.missing(field));
        let time = |field| Ok(fields.integer(field)?.map(Timestamp::from_unix_seconds));
        let text = |field| Ok(fields.text(field)?.map(Text::new));
        Ok(Self {
            id: TokenId(required(0)?),
            created_at: Timestamp::from_unix_seconds(required(1)?),
            authenticated_at: Timestamp::from_unix_seconds(required(2)?),
            last_used_at: time(3)?,
            absolute_expiry: Expiry::from(time(4)?),
            idle_limit: fields.integer(5)?.map(Duration::seconds),
            name: text(6)?,
            code: text(7)?,
        })
    }

    /// The record after regeneration: the same id, name and code, a new time of creation, and the old limits as
    /// `limits` changes them. The user proved who they are at `authenticated_at`; `None` keeps the old time.
    #[must_use]
    pub fn regenerated(self, now: Timestamp, limits: NewLimits, authenticated_at: Option<Timestamp>) -> Self {
        let (absolute_expiry, idle_limit) = match limits {
            NewLimits::Keep => (self.absolute_expiry, self.idle_limit),
            NewLimits::AtMost(most) => {
                let shorter = self.idle_limit.into_iter().chain(most.idle_limit()).min();
                (self.absolute_expiry.min(most.ends_at(now)), shorter)
            }
            NewLimits::FreshStart(lifetime) => (lifetime.ends_at(now), lifetime.idle_limit()),
        };
        let authenticated_at = authenticated_at.unwrap_or(self.authenticated_at);
        Self { created_at: now, authenticated_at, last_used_at: None, absolute_expiry, idle_limit, ..self }
    }

    /// Whether a store may keep this record: its name has at most [`MAX_NAME_BYTES`](Self::MAX_NAME_BYTES), its code at most
    /// [`MAX_CODE_BYTES`](Self::MAX_CODE_BYTES). For [`insert`](crate::repository::TokenRepository::insert).
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) otherwise; the source says which field is too long.
    pub fn check_bounds(&self) -> Result<(), Error> {
        let fields = [("name", self.name(), Self::MAX_NAME_BYTES), ("code", self.code(), Self::MAX_CODE_BYTES)];
        for (field, text, most) in fields {
            let length = text.map_or(0, str::len);
            if length > most {
                let source = format!("the {field} of a token has at most {most} bytes, not {length}");
                return Err(Error::with_source(ErrorKind::InvalidInput, source));
            }
        }
        Ok(())
    }

    /// The record's number.
    #[must_use]
    pub const fn id(&self) -> TokenId {
        self.id
    }

    /// When this token was created (or last regenerated).
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When the user last proved who they are.
    #[must_use]
    pub const fn authenticated_at(&self) -> Timestamp {
        self.authenticated_at
    }

    /// When the token was last seen in use, or `None` if it never was. Up to a minute behind, see
    /// [`Tokens::with_touch_interval`](crate::lifecycle::Tokens::with_touch_interval).
    #[must_use]
    pub const fn last_used_at(&self) -> Option<Timestamp> {
        self.last_used_at
    }

    /// When the token was last used, or when it was created if it never was.
    pub(crate) fn last_active(&self) -> Timestamp {
        self.last_used_at.unwrap_or(self.created_at)
    }

    /// When the token ends: the earlier of its absolute end and, if it has an idle limit, that limit after the last use.
    #[must_use]
    #[inline]
    pub fn expires_at(&self) -> Expiry {
        let idle_end = self.idle_limit.map(|limit| self.last_active() + limit);
        self.absolute_expiry.min(idle_end.into())
    }

    /// The absolute end, which activity does not move.
    #[must_use]
    pub const fn absolute_expiry(&self) -> Expiry {
        self.absolute_expiry
    }

    /// How long the token may stay unused, in whole seconds, or `None` if there is no limit.
    #[must_use]
    pub const fn idle_limit(&self) -> Option<Duration> {
        self.idle_limit
    }

    /// Whether the token has ended: `now >= expires_at`.
    #[must_use]
    #[inline]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at().has_passed(now)
    }

    /// Whether the token is valid at `now`: it has not ended, and if it has an idle limit, its last use (or creation)
    /// is no further ahead of `now` than [`CLOCK_TOLERANCE`](crate::clock::CLOCK_TOLERANCE) and the limit allow.
    /// Otherwise a use by a clock that was a day fast would keep an idle token valid for a day.
    #[must_use]
    #[inline]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        !self.is_expired(now) && now >= self.valid_from()
    }

    /// The earliest time at which the last use of a token with an idle limit is not too far ahead.
    #[inline]
    pub(crate) fn valid_from(&self) -> Timestamp {
        let tolerance = self.idle_limit.map_or(Duration::MAX, |limit| limit.min(CLOCK_TOLERANCE));
        self.last_active() - tolerance
    }

    /// The name that its owner gave it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Text::as_str)
    }

    /// The application's own code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_ref().map(Text::as_str)
    }
}

/// What a store keeps of one field of a [`TokenRecord`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store has a column type for each")]
pub enum FieldValue<'a> {
    /// A number.
    Integer(Option<i64>),
    /// A text of bounded length.
    Text(Option<&'a str>),
}

impl FieldValue<'_> {
    /// The value as text, or `None` if there is none.
    #[must_use]
    pub fn to_text(self) -> Option<String> {
        match self {
            Self::Integer(number) => number.map(|number| number.to_string()),
            Self::Text(text) => text.map(str::to_owned),
        }
    }
}

/// A stored row that [`TokenRecord::from_fields`] reads. `field` is a place in [`TokenRecord::FIELDS`].
pub trait FieldReader {
    /// What the store says about a value that it cannot read.
    type Error;

    /// The number in this field.
    ///
    /// # Errors
    /// The store's own.
    fn integer(&self, field: usize) -> Result<Option<i64>, Self::Error>;

    /// The text in this field.
    ///
    /// # Errors
    /// The store's own.
    fn text(&self, field: usize) -> Result<Option<&str>, Self::Error>;

    /// The error for a field that is empty and must not be.
    fn missing(&self, field: usize) -> Self::Error;
}
